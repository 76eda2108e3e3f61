import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startFaultProxy } from '@kvferry/conformance';
import type { RemoteBackend } from '@kvferry/core';
import { backendFor, loadConfig } from 'kvferry';
import { backendPlugin, kvtcpBackend } from './index.ts';
import { startKvtcpServer } from './server.ts';

const server = await startKvtcpServer({ namespaces: ['cache', 'other'] });
const { host, port } = server;
const url = `kvtcp://${host}:${port}/other`;
const file = fileURLToPath(new URL('../lmcache.yaml', import.meta.url));
after(() => server.close());

test('opens in code, and from a configuration by package and by file', async () => {
  await works(kvtcpBackend({ host, port, namespace: 'other' }));
  await works(backendPlugin.open({ url: `kvtcp://${host}:${port}`, options: {} }));
  await works(backendPlugin.open({ url, options: { timeoutMs: 1000, maxConnections: 2 } }));
  // The shipped configuration, with another address; LMCache's variables go before what the file says.
  await works(await backendFor(await loadConfig({ file, env: { LMCACHE_REMOTE_URL: url } })));
  const bare = await loadConfig({ env: { LMCACHE_REMOTE_URL: url } });
  const byFile = fileURLToPath(new URL('./index.js', import.meta.url));
  await works(await backendFor(bare, { backends: [byFile] }));
  await works(await backendFor(bare, { plugins: [backendPlugin] }));
});

test('names the option that is wrong', () => {
  const open = (url: string, options: Record<string, unknown>) => () => backendPlugin.open({ url, options });
  assert.throws(open(url, { depth: 3 }), /CONFIG_INVALID.*"depth"/);
  assert.throws(open(url, { timeoutMs: 'soon' }), /CONFIG_INVALID.*timeoutMs/);
  assert.throws(open('kvtcp://nowhere', {}), /CONFIG_INVALID.*kvtcp:\/\/host:port/);
  assert.throws(open(`kvtcp://${host}:${port}/a/b`, {}), /CONFIG_INVALID.*namespace/);
});

test('a server that is not there is CONNECTION', async () => {
  const gone = await startKvtcpServer({ namespaces: [] });
  await gone.close();
  await assert.rejects(kvtcpBackend({ host, port: gone.port }).open(), { code: 'CONNECTION' });
});

test('has no more connections than it may', async () => {
  const proxy = await startFaultProxy({ upstream: `tcp://${host}:${port}` });
  const backend = kvtcpBackend({ host, port, connectTo: proxy.address, maxConnections: 3 });
  try {
    await backend.open();
    const keys = Array.from({ length: 50 }, (_, index) => `bounded/${index}`);
    await Promise.all([backend.stat(keys), ...keys.map((key) => backend.stat([key]))]);
    assert.equal(proxy.counts.connections, 3);
  } finally {
    await backend.close();
    await proxy.close();
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
