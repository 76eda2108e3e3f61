import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BackendPlugin, type KvCache, KvferryError, memoryBackend } from '@kvferry/core';
import { startSimulator } from '@kvferry/s3-simulator';
import { describe, expect, onTestFinished, test } from 'vitest';
import { loadConfig } from './load-config.ts';
import { type OpenKvCacheOptions, openKvCache } from './open-kv-cache.ts';
import { CHUNK_BYTES, CHUNK_TOKENS, smallEngine, tensor } from './testing/small-engine.ts';
import { temporaryFolder } from './testing/temporary-folder.ts';

const tokens = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

async function configFile(lines: string): Promise<string> {
  const file = join(await temporaryFolder(), 'lmcache.yaml');
  await writeFile(file, `chunk_size: ${CHUNK_TOKENS}\n${lines}`);
  return file;
}

async function withCache<Result>(
  file: string,
  use: (cache: KvCache) => Promise<Result>,
  options: OpenKvCacheOptions = {},
): Promise<Result> {
  const cache = await openKvCache(file, smallEngine, options);
  try {
    return await use(cache);
  } finally {
    await cache.close();
  }
}

async function loadAll(cache: KvCache) {
  const retrieved = await cache.retrieve(tokens);
  try {
    return { hitTokens: retrieved.hitTokens, end: retrieved.end, fills: retrieved.chunks.map(({ bytes }) => bytes[0]) };
  } finally {
    retrieved[Symbol.dispose]();
  }
}

async function sharedFolder(): Promise<string> {
  const folder = join(await temporaryFolder(), 'store');
  await mkdir(folder);
  return folder;
}

test('what one cache stores another of the same configuration loads', async () => {
  const file = await configFile(`remote_url: "file://${await sharedFolder()}"\n`);
  await withCache(file, async (cache) => {
    const stored = await cache.store(tokens, [tensor(1), tensor(2)]);
    expect(stored.map(({ result }) => result.status)).toEqual(['stored', 'stored']);
  });
  await withCache(file, async (cache) => {
    expect(await cache.lookup(tokens)).toMatchObject({ hitTokens: 8, end: { status: 'complete' } });
    expect(await loadAll(cache)).toEqual({ hitTokens: 8, end: { status: 'complete' }, fills: [1, 2] });
  });
});

test('times longer than any timer are as good as for ever', async () => {
  const file = await configFile(
    'remote_url: "memory://here"\nblocking_timeout_secs: 100000000\npin_timeout_sec: 100000000\n',
  );
  await withCache(file, async (cache) => {
    const prefetch = cache.prefetch(tokens);
    expect(await prefetch.loaded).toMatchObject({ hitTokens: 0, end: { status: 'miss' } });
    await cache.store(tokens, [tensor(1), tensor(2)]);
    expect(await loadAll(cache)).toMatchObject({ hitTokens: 8, fills: [1, 2] });
  });
});

test('a corrupt chunk that a retrieve has met is replaced by the next store', async () => {
  const simulator = await startSimulator({ buckets: ['my-bucket'] });
  onTestFinished(() => simulator.close());
  const file = await configFile(
    `local_cpu: False\nremote_url: "s3://127.0.0.1:${simulator.port}"\nextra_config:\n  s3_region: us-east-1\n  disable_tls: True\n  kvferry: { bucket: my-bucket, provider: aws }\n`,
  );
  const use = async (cache: KvCache): Promise<void> => {
    const [, second] = await cache.store(tokens, [tensor(1), tensor(2)]);
    const key = second?.key ?? '';
    const whole = await simulator.getObject('my-bucket', key);
    const base64 = whole?.checksums['x-amz-checksum-crc32c'] ?? '';
    await simulator.putObject('my-bucket', key, tensor(3).bytes, { crc32c: { base64 } });
    expect(await loadAll(cache)).toMatchObject({ hitTokens: 4, end: { status: 'failed', error: { code: 'CORRUPT' } } });
    await cache.store(tokens, [tensor(1), tensor(2)]);
    expect(await loadAll(cache)).toEqual({ hitTokens: 8, end: { status: 'complete' }, fills: [1, 2] });
  };
  await withCache(file, use, { credentials: simulator.credentials });
});

test('without a remote there is the local tier alone', async () => {
  await withCache(await configFile(''), async (cache) => {
    expect(cache.info).toMatchObject({ remote: undefined, local: 'LRU' });
    const stored = await cache.store(tokens, [tensor(1), tensor(2)]);
    expect(stored.map(({ result }) => result)).toEqual(Array(2).fill({ status: 'skipped', reason: 'no-remote' }));
    expect(await loadAll(cache)).toMatchObject({ hitTokens: 8, fills: [1, 2] });
  });
});

test('the keys of the configuration become those of the cache', async () => {
  const file = await configFile(
    `remote_url: "file://${await sharedFolder()}"\nlocal_cpu: False\nmax_local_cpu_size: 0.5\nenable_async_loading: True\n`,
  );
  await withCache(file, async (cache) => {
    expect(cache.info).toMatchObject({
      keyFormat: 'lmcache',
      serde: 'naive',
      chunkBytes: CHUNK_BYTES,
      local: 'staging-only',
      asyncLoading: true,
      budgetBytes: 0.5 * 2 ** 30,
      remote: expect.stringMatching(/^file:\/\//),
    });
  });
  await withCache(await configFile('cache_policy: "mru"\n'), async (cache) => {
    expect(cache.info).toMatchObject({ local: 'MRU', asyncLoading: false, budgetBytes: 5 * 2 ** 30 });
  });
});

test('a pool of nothing and no remote keep nothing, as in LMCache', async () => {
  await withCache(await configFile('max_local_cpu_size: 0\n'), async (cache) => {
    const stored = await cache.store(tokens, [tensor(1), tensor(2)]);
    expect(stored.map(({ result }) => result)).toEqual(Array(2).fill({ status: 'skipped', reason: 'no-remote' }));
    expect(await loadAll(cache)).toMatchObject({ hitTokens: 0, end: { status: 'miss' }, fills: [] });
  });
});

test('min_retrieve_tokens beyond what a number counts loads nothing at all', async () => {
  await withCache(await configFile('min_retrieve_tokens: 99999999999999999999\n'), async (cache) => {
    await cache.store(tokens, [tensor(1), tensor(2)]);
    expect(await loadAll(cache)).toEqual({ hitTokens: 0, end: { status: 'below-minimum', hitTokens: 8 }, fills: [] });
  });
});

test('min_retrieve_tokens loads nothing shorter', async () => {
  await withCache(await configFile('min_retrieve_tokens: 9\n'), async (cache) => {
    await cache.store(tokens, [tensor(1), tensor(2)]);
    expect(await loadAll(cache)).toEqual({ hitTokens: 0, end: { status: 'below-minimum', hitTokens: 8 }, fills: [] });
  });
});

test('save_unfull_chunk keeps the shorter last chunk, which no remote gets', async () => {
  const file = await configFile(`remote_url: "file://${await sharedFolder()}"\nsave_unfull_chunk: True\n`);
  await withCache(file, async (cache) => {
    const stored = await cache.store(tokens, [tensor(1), tensor(2), tensor(3, 2)]);
    expect(stored.map(({ result }) => result)).toEqual([
      { status: 'stored' },
      { status: 'stored' },
      { status: 'skipped', reason: 'short' },
    ]);
    expect(await loadAll(cache)).toMatchObject({ hitTokens: 10, fills: [1, 2, 3] });
  });
  await withCache(file, async (cache) => expect(await loadAll(cache)).toMatchObject({ hitTokens: 8, fills: [1, 2] }));
});

describe('what a person should know', () => {
  async function notesOf(lines: string): Promise<string[]> {
    const notes: string[] = [];
    await withCache(await configFile(lines), async () => {}, { onNote: (note) => notes.push(note) });
    return notes;
  }

  test('is nothing where all is well', async () => {
    expect(await notesOf('')).toEqual([]);
  });

  test('are the warnings of the file', async () => {
    expect(await notesOf('chunk_sizes: 5\n')).toEqual([
      expect.stringMatching(/lmcache\.yaml:2: warning: chunk_sizes: 5/),
    ]);
  });

  test('is what the pool got where that is less than asked for', async () => {
    expect(await notesOf('max_local_cpu_size: 1000000\n')).toEqual([
      expect.stringMatching(
        /^max_local_cpu_size asks for 1000000\.0 GiB, and this machine has \d+\.\d GiB for the process/,
      ),
    ]);
  });

  test('is not said again of a configuration that was loaded before', async () => {
    const loaded = await loadConfig({ file: await configFile('chunk_sizes: 5\n'), env: {} });
    const notes: string[] = [];
    const cache = await openKvCache(loaded, smallEngine, { onNote: (note) => notes.push(note) });
    await cache.close();
    expect(notes).toEqual([]);
  });
});

describe('the form kv1', () => {
  test('has its namespaces written down, one for each set of tags', async () => {
    const backend = memoryBackend();
    const plugin: BackendPlugin = { scheme: 'keep', open: () => backend };
    const file = await configFile('remote_url: "keep://"\nextra_config: { kvferry: { key_format: kv1 } }\n');
    const namespaces = async (): Promise<string[]> => {
      const found: string[] = [];
      for await (const { key } of backend.list({ prefix: 'kv1/_ns/' })) found.push(key);
      return found;
    };
    const use = async (cache: KvCache): Promise<void> => {
      expect(cache.info.keyFormat).toBe('kv1');
      await cache.lookup(tokens);
      expect(await namespaces()).toEqual([]);
      await cache.store(tokens, [tensor(1), tensor(2)]);
      expect(await namespaces()).toHaveLength(1);
      await cache.store(tokens, [tensor(1), tensor(2)], { tags: [['user', 'a']] });
      expect(await namespaces()).toHaveLength(2);
      expect(await loadAll(cache)).toMatchObject({ hitTokens: 8, fills: [1, 2] });
    };
    await withCache(file, use, { plugins: [plugin] });
  });
});

test('a remote that does not open leaves nothing open', async () => {
  let closed = 0;
  const refused = new KvferryError('PERMISSION_DENIED', 'nobody may');
  const backend = memoryBackend();
  const plugin: BackendPlugin = {
    scheme: 'refuse',
    open: () => ({
      ...backend,
      info: backend.info,
      capabilities: backend.capabilities,
      state: 'new',
      open: () => Promise.reject(refused),
      async close() {
        closed += 1;
      },
      [Symbol.asyncDispose]: async () => {},
    }),
  };
  const opening = openKvCache(await configFile('remote_url: "refuse://"\n'), smallEngine, { plugins: [plugin] });
  await expect(opening).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
  expect(closed).toBe(1);
});

test('an opening is aborted by its signal', async () => {
  const opening = openKvCache(await configFile(`remote_url: "file://${await sharedFolder()}"\n`), smallEngine, {
    signal: AbortSignal.abort(),
  });
  await expect(opening).rejects.toMatchObject({ code: 'ABORTED' });
});
