import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { RemoteBackend } from '@kvferry/core';
import { backendFor, loadConfig } from 'kvferry';
import { backendPlugin, sqliteBackend } from './index.ts';
import { makeTestStore } from './testing/test-store.ts';

const folder = await mkdtemp(join(tmpdir(), 'kvferry-sqlite-'));
const url = `sqlite://${join(folder, 'kv.db')}`;
const file = fileURLToPath(new URL('../lmcache.yaml', import.meta.url));
after(() => rm(folder, { recursive: true }));

test('opens in code, from a configuration by package and by file, and all see one store', async () => {
  await works(sqliteBackend({ path: join(folder, 'kv.db') }));
  await works(backendPlugin.open({ url, options: {} }));
  // The shipped configuration, with another file; LMCache's variables go before what the file says.
  await works(await backendFor(await loadConfig({ file, env: { LMCACHE_REMOTE_URL: url } })));
  const bare = await loadConfig({ env: { LMCACHE_REMOTE_URL: url } });
  const byFile = fileURLToPath(new URL('./index.js', import.meta.url));
  await works(await backendFor(bare, { backends: [byFile] }));
  await works(await backendFor(bare, { plugins: [backendPlugin] }));
});

test('says which option it does not know, and where a file cannot be', async () => {
  assert.throws(() => backendPlugin.open({ url, options: { depth: 3 } }), /CONFIG_INVALID.*"depth"/);
  await assert.rejects(sqliteBackend({ path: join(folder, 'none/kv.db') }).open(), { code: 'NAMESPACE_NOT_FOUND' });
  await assert.rejects(sqliteBackend({ path: folder }).open(), { code: 'NAMESPACE_NOT_FOUND' });
  await assert.rejects(sqliteBackend({ path: file }).open(), { code: 'CORRUPT' });
});

test('a value that changed in the file is CORRUPT', async () => {
  const { path, raw } = makeTestStore();
  const backend = sqliteBackend({ path });
  await backend.open();
  try {
    await backend.put([{ key: 'some/chunk', parts: [value] }]);
    await raw.rawWrite('some/chunk', value.subarray(1));
    const [result] = await backend.get([{ key: 'some/chunk', into: new Uint8Array(value.byteLength) }]);
    assert.equal(result?.status === 'failed' && result.error.code, 'CORRUPT');
  } finally {
    await backend.close();
    await raw.close();
  }
});

const value = randomBytes(100_000);

async function works(backend: RemoteBackend): Promise<void> {
  try {
    await backend.open();
    const [stored] = await backend.put([{ key: 'some/chunk', parts: [value.subarray(0, 10), value.subarray(10)] }]);
    assert.equal(stored?.status, 'stored');
    const into = new Uint8Array(value.byteLength);
    const [hit] = await backend.get([{ key: 'some/chunk', into }]);
    assert.equal(hit?.status, 'hit');
    assert.deepEqual(into, new Uint8Array(value));
  } finally {
    await backend.close();
  }
}
