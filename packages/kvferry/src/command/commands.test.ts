import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { type Simulator, startSimulator } from '@kvferry/s3-simulator';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type CommandFiles, commandFiles, type FilesOf } from '../testing/command-files.ts';
import { type RunOptions, runCommand, startCommand } from '../testing/run-command.ts';
import { main } from './cli.ts';

const bucket = 'my-bucket';
let simulator: Simulator;
beforeEach(async () => {
  simulator = await startSimulator({ buckets: [bucket] });
});
afterEach(() => simulator.close());

const CHUNK_TOKENS = 16;
/** 2 planes, 1 layer, 16 tokens, 8 elements of 2 bytes. */
const CHUNK_BYTES = 2 * CHUNK_TOKENS * 8 * 2;
const COUNT = 12;

const model = {
  model_name: 'org/m',
  kv_dtype: 'float16',
  kv_shape: { layers: 1, kv_heads: 1, head_size: 8 },
  python_hash_seed: '0',
};
const kv = Buffer.from(Array.from({ length: COUNT * CHUNK_BYTES }, (_, index) => (index * 31 + (index >> 9)) & 255));

function files(changes: Partial<FilesOf> = {}): Promise<CommandFiles> {
  return commandFiles(simulator, {
    config: `chunk_size: ${CHUNK_TOKENS}\npre_caching_hash_algorithm: sha256_cbor`,
    model,
    tokens: Array.from({ length: COUNT * CHUNK_TOKENS + 3 }, (_, index) => index),
    ...changes,
  });
}

interface Chunk {
  readonly status: string;
  readonly objectKey: string;
  readonly bytes: number;
  readonly reason?: string;
  readonly error?: { readonly code: string; readonly message: string };
}

async function json(args: readonly string[], options: RunOptions = {}) {
  const { code, out, err } = await runCommand([...args, '--json'], options);
  const report = JSON.parse(out.toString()) as {
    tokens: number;
    hitTokens: number;
    bytes: number;
    chunks: Chunk[];
    error?: { code: string; message: string };
  };
  return { code, err, ...report, statuses: (report.chunks ?? []).map(({ status }) => status) };
}

async function storeAll({ flags, kv: file }: CommandFiles) {
  await writeFile(file, kv);
  return json(['store', ...flags, '--kv', file]);
}

describe('what is there', () => {
  test('is not sent again', async () => {
    const given = await files();
    expect(await storeAll(given)).toMatchObject({ code: 0, hitTokens: COUNT * CHUNK_TOKENS, bytes: kv.length });
    simulator.clearRequests();
    const again = await storeAll(given);
    expect(again).toMatchObject({ code: 0, hitTokens: COUNT * CHUNK_TOKENS, bytes: 0 });
    expect(new Set(again.statuses)).toEqual(new Set(['present']));
    expect(simulator.requests.filter(({ method }) => method === 'PUT')).toEqual([]);
  });

  test('is sent where a chunk is missing, behind a hole too', async () => {
    const given = await files();
    const { chunks } = await storeAll(given);
    simulator.deleteObject(bucket, (chunks[3] as Chunk).objectKey);
    const again = await storeAll(given);
    expect(again.statuses).toEqual(Array.from({ length: COUNT }, (_, index) => (index === 3 ? 'stored' : 'present')));
    expect(again.bytes).toBe(CHUNK_BYTES);
  });

  test('is looked for in few round trips, and behind its end nothing is known', async () => {
    const given = await files();
    const { chunks } = await storeAll(given);
    for (const { objectKey } of chunks.slice(7)) simulator.deleteObject(bucket, objectKey);
    const found = await json(['lookup', ...given.flags]);
    expect(found).toMatchObject({ code: 0, tokens: COUNT * CHUNK_TOKENS + 3, hitTokens: 7 * CHUNK_TOKENS });
    expect(found.bytes).toBe(7 * CHUNK_BYTES);
    expect(found.statuses).toEqual([...Array(7).fill('hit'), 'miss', ...Array(4).fill('unknown')]);
  });

  test('is complete, or exits with 3 where that is asked for', async () => {
    const given = await files();
    const { chunks } = await storeAll(given);
    for (const command of ['lookup', 'retrieve']) {
      expect(await json([command, ...given.flags, '--require-complete'])).toMatchObject({ code: 0 });
    }
    simulator.deleteObject(bucket, (chunks[9] as Chunk).objectKey);
    for (const command of ['lookup', 'retrieve']) {
      expect(await json([command, ...given.flags])).toMatchObject({ code: 0, hitTokens: 9 * CHUNK_TOKENS });
      expect(await json([command, ...given.flags, '--require-complete'])).toMatchObject({ code: 3 });
    }
  });
});

describe('with memory for two chunks at a time', () => {
  const config = `chunk_size: ${CHUNK_TOKENS}\npre_caching_hash_algorithm: sha256_cbor\nmax_local_cpu_size: 0.00001`;

  test('a sequence of any length is stored, found and loaded', async () => {
    const given = await files({ config });
    expect(await storeAll(given)).toMatchObject({ code: 0, bytes: kv.length });
    expect(await json(['lookup', ...given.flags, '--require-complete'])).toMatchObject({ code: 0 });
    const loaded = await json(['retrieve', ...given.flags, '--out', given.kv]);
    expect(loaded).toMatchObject({ code: 0, hitTokens: COUNT * CHUNK_TOKENS, bytes: kv.length });
    expect(await readFile(given.kv)).toEqual(kv);
  });

  test('a store that takes nothing is given up after the first window', async () => {
    const given = await files({ config });
    simulator.addFault({
      match: { method: 'PUT' },
      times: Number.POSITIVE_INFINITY,
      effect: { kind: 'status', status: 403, code: 'AccessDenied' },
    });
    const piped = json(['store', ...given.flags, '--kv', '-'], { stdin: kv });
    for (const stored of [await storeAll(given), await piped]) {
      expect(stored).toMatchObject({ code: 1, hitTokens: 0, bytes: 0 });
      expect(stored.statuses).toEqual(['failed', 'failed', ...Array(COUNT - 2).fill('skipped')]);
      expect(stored.chunks[0]?.error?.code).toBe('PERMISSION_DENIED');
      expect(stored.chunks[2]?.reason).toBe('given up');
    }
  });
});

describe('a bucket with a hole, a short chunk and a corrupt one', () => {
  async function damaged(which: { hole?: number; short?: number; corrupt?: number }) {
    const given = await files();
    const { chunks } = await storeAll(given);
    const keyOf = (index: number): string => (chunks[index] as Chunk).objectKey;
    const bodyOf = (index: number): Buffer => kv.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES);
    const { hole, short, corrupt } = which;
    if (hole !== undefined) simulator.deleteObject(bucket, keyOf(hole));
    if (short !== undefined) await simulator.putObject(bucket, keyOf(short), bodyOf(short).subarray(1));
    if (corrupt !== undefined) {
      const wrong = Buffer.from(bodyOf(corrupt));
      wrong[100] = (wrong[100] ?? 0) ^ 1;
      const original = await simulator.getObject(bucket, keyOf(corrupt));
      const base64 = original?.checksums['x-amz-checksum-crc32c'] ?? '';
      await simulator.putObject(bucket, keyOf(corrupt), wrong, { crc32c: { base64 } });
    }
    return given;
  }

  test('lookup --exact names hole and short chunk', async () => {
    const { flags } = await damaged({ hole: 4, short: 7, corrupt: 9 });
    const found = await json(['lookup', ...flags, '--exact']);
    expect(found).toMatchObject({ code: 0, hitTokens: 4 * CHUNK_TOKENS, bytes: 4 * CHUNK_BYTES });
    // What a checksum would say of a chunk is known only to who reads it.
    const expected = Array(COUNT).fill('hit').with(4, 'miss').with(7, 'wrong-size');
    expect(found.statuses).toEqual(expected);
    expect(found.chunks[7]?.bytes).toBe(CHUNK_BYTES - 1);
  });

  test.each([
    ['hole', 4, 0, 'miss'],
    ['short', 7, 0, 'miss'],
    ['corrupt', 9, 1, 'failed'],
  ])('retrieve ends before the one that is %s', async (kind, index, code, status) => {
    const { flags, kv: file } = await damaged({ [kind]: index });
    const loaded = await json(['retrieve', ...flags, '--out', file]);
    expect(loaded).toMatchObject({ code, hitTokens: index * CHUNK_TOKENS, bytes: index * CHUNK_BYTES });
    expect(loaded.statuses.slice(0, index + 1)).toEqual([...Array(index).fill('hit'), status]);
    expect(Buffer.compare(await readFile(file), kv.subarray(0, index * CHUNK_BYTES))).toBe(0);
    if (kind === 'corrupt') expect(loaded.chunks[index]?.error).toMatchObject({ code: 'CORRUPT' });
  });

  test('a store sends what is missing or short, and the whole hits', async () => {
    const given = await damaged({ hole: 4, short: 7 });
    const stored = await storeAll(given);
    expect(stored.statuses).toEqual(Array(COUNT).fill('present').with(4, 'stored').with(7, 'stored'));
    expect(await json(['retrieve', ...given.flags, '--require-complete'])).toMatchObject({ code: 0 });
  });
});

describe('names', () => {
  test('with a key_prefix the object has it, and the key does not', async () => {
    const given = await files({ kvferry: ['key_prefix: "team-a/"'] });
    const { chunks } = await storeAll(given);
    const names = chunks.map(({ objectKey }) => objectKey);
    expect(names.every((name) => name.startsWith('team-a/org_m@1@0@'))).toBe(true);
    expect((chunks[0] as unknown as { key: string }).key).toMatch(/^org\/m@1@0@[0-9a-f]+@half$/);
    expect(simulator.listKeys(bucket).sort()).toEqual(names.toSorted());
  });

  test('in the form kv1 the bucket says itself what it holds, written down once', async () => {
    const given = await files({ kvferry: ['key_format: kv1', 'revision: "main"', 'key_prefix: "p"'] });
    const { chunks } = await storeAll(given);
    const [, , , namespace] = (chunks[0] as Chunk).objectKey.split('/');
    expect((chunks[0] as Chunk).objectKey).toMatch(/^p\/kv1\/[0-9a-f]{2}\/[0-9a-f]{16}\/[0-9a-f]+$/);
    const description = await simulator.getObject(bucket, `p/kv1/_ns/${namespace}.json`);
    expect(JSON.parse(Buffer.from(description?.body ?? '').toString())).toMatchObject({
      model: 'org/m',
      revision: 'main',
    });
    expect(simulator.listKeys(bucket)).toHaveLength(COUNT + 1);

    // A second process: what it stores is in a namespace that is described already.
    simulator.deleteObject(bucket, (chunks[2] as Chunk).objectKey);
    await storeAll(given);
    expect(await simulator.getObject(bucket, `p/kv1/_ns/${namespace}.json`)).toEqual(description);
    expect(await json(['retrieve', ...given.flags, '--require-complete'])).toMatchObject({ code: 0 });
  });

  test('of MLA are those of rank 0, which alone stores', async () => {
    const mla = {
      ...model,
      kv_shape: { layers: 1, kv_heads: 1, head_size: 16, mla: true },
      world_size: 2,
      worker_id: 1,
    };
    const other = await files({ model: mla });
    const skipped = await storeAll(other);
    expect(skipped).toMatchObject({ code: 0, hitTokens: 0 });
    expect(new Set(skipped.chunks.map(({ status, reason }) => `${status} ${reason}`))).toEqual(
      new Set(['skipped other-rank']),
    );
    await storeAll(await files({ model: { ...mla, worker_id: 0 } }));
    expect(await json(['retrieve', ...other.flags, '--require-complete'])).toMatchObject({ code: 0 });
  });
});

describe('what a person reads', () => {
  test('a table, shortened where neighbours are alike, and a sentence', async () => {
    const given = await files();
    const { chunks } = await storeAll(given);
    simulator.deleteObject(bucket, (chunks[9] as Chunk).objectKey);
    const { out, code } = await runCommand(['lookup', ...given.flags, '--exact']);
    expect(code).toBe(0);
    const lines = out.toString().trimEnd().split('\n');
    expect(lines.map((line) => line.trimEnd().replace(/org_m@.*/, 'org_m'))).toEqual([
      'chunk  tokens   status  bytes  object',
      '0      0–16     hit     512 B  org_m',
      '1      16–32    hit     512 B  org_m',
      '…      6 more',
      '8      128–144  hit     512 B  org_m',
      '9      144–160  miss           org_m',
      '10     160–176  hit     512 B  org_m',
      '11     176–192  hit     512 B  org_m',
      '144 of 195 tokens found: 9 of 12 chunks; chunk 9 is not there.',
    ]);
  });

  test('what was stored and loaded, and how much', async () => {
    const given = await files();
    await writeFile(given.kv, kv);
    const stored = await runCommand(['store', ...given.flags, '--kv', given.kv]);
    expect(stored.out.toString()).toMatch(/Stored 12 chunks, 6\.00 KiB in .* \(.*\/s\)\.\n$/);
    const again = await runCommand(['store', ...given.flags, '--kv', given.kv]);
    expect(again.out.toString()).toMatch(/Stored nothing\. 12 chunks were there\.\n$/);
    const loaded = await runCommand(['retrieve', ...given.flags]);
    expect(loaded.out.toString()).toMatch(
      /192 of 195 tokens loaded: 12 chunks, 6\.00 KiB in .*; the sequence is complete\.\n$/,
    );
  });

  test('warnings of the configuration on standard error, and no secret anywhere', async () => {
    const given = await files({
      config: `chunk_size: ${CHUNK_TOKENS}\nchunk_sizes: 5\npre_caching_hash_algorithm: sha256_cbor`,
    });
    const { out, err } = await runCommand(['lookup', ...given.flags]);
    expect(err).toMatch(/lmcache\.yaml:2: warning: chunk_sizes: 5/);
    expect(out + err).not.toContain(simulator.credentials.secretAccessKey);
  });

  test.each([[[]], [['store', '--help']], [['lookup', '--help']], [['retrieve', '--help']]])(
    'help with an example: %j',
    async (args) => {
      const { code, out, err } = await runCommand(args);
      expect(code).toBe(args.length === 0 ? 2 : 0);
      expect(out + err).toMatch(/Examples?:\n {2}kvferry /);
      expect(out + err).toContain('Exit code');
    },
  );

  test('its version', async () => {
    const { code, out } = await runCommand(['--version']);
    expect(code).toBe(0);
    expect(out.toString()).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('what cannot be meant exits with 2 and says why, in one line', () => {
  test.each<[string, (given: CommandFiles) => readonly string[] | Promise<readonly string[]>, RegExp]>([
    ['no command', () => ['stroe'], /unknown command 'stroe'\n\(Did you mean store\?\)/],
    ['no flags', () => ['lookup'], /required option '--model <model>' not specified/],
    ['an unknown flag', ({ flags }) => ['lookup', ...flags, '--exakt'], /unknown option '--exakt'/],
    [
      'a number that is none',
      ({ flags }) => ['lookup', ...flags, '--rank', 'one'],
      /'--rank <n>' argument 'one' is invalid/,
    ],
    ['a placeholder without value', ({ flags }) => ['lookup', ...flags, '--set', 'A'], /write it as NAME=value/],
  ])('%s', async (_, args, message) => {
    const { code, err } = await runCommand(await args(await files()));
    expect(code).toBe(2);
    expect(err).toMatch(message);
  });

  test.each<[string, (given: CommandFiles) => Promise<readonly string[]>, RegExp]>([
    [
      'a --kv that is too short',
      async ({ flags, kv: file }) => {
        await writeFile(file, kv.subarray(1));
        return ['store', ...flags, '--kv', file];
      },
      /^INVALID_ARGUMENT: --kv: file .* has 6143 bytes; the 12 chunks of these tokens have 6144, 512 each$/,
    ],
    [
      'a file that is no tokens',
      async ({ flags, folder }) => {
        await writeFile(join(folder, 'tokens.json'), '{"prompt": "hello"}');
        return ['lookup', ...flags];
      },
      /^INVALID_ARGUMENT: --tokens: file .* no tokens are in it; it holds an array of token ids/,
    ],
    [
      'a file that is not there',
      async ({ flags }) => ['lookup', ...flags, '--tokens', 'nowhere.json'],
      /^INVALID_ARGUMENT: --tokens: there is no file nowhere\.json$/,
    ],
    [
      'an unknown model',
      async ({ flags }) => ['lookup', ...flags, '--model', 'llama-3.1-8'],
      /^INVALID_ARGUMENT: no model is called llama-3\.1-8 \(did you mean llama-3\.1-8b\?\); there are: /,
    ],
    [
      'two that read standard input',
      async ({ flags }) => ['store', ...flags, '--tokens', '-', '--kv', '-'],
      /^INVALID_ARGUMENT: only one of --kv and --tokens/,
    ],
    [
      'a configuration that is not there',
      async ({ flags }) => ['lookup', ...flags, '--config', 'nowhere.yaml'],
      /^CONFIG_INVALID: there is no file nowhere\.yaml/,
    ],
    [
      'a configuration without a remote',
      async ({ flags, folder }) => {
        await writeFile(join(folder, 'local.yaml'), 'chunk_size: 16\n');
        return ['lookup', ...flags, '--config', join(folder, 'local.yaml')];
      },
      /^CONFIG_INVALID: .*local\.yaml names no remote/,
    ],
    [
      'no configuration at all',
      async ({ flags }) => ['lookup', ...flags.slice(2)],
      /^CONFIG_INVALID: no configuration file is named.*--config.*LMCACHE_CONFIG_FILE.*LMCACHE_REMOTE_URL$/,
    ],
    [
      'hashes that nobody shares',
      async ({ flags, folder }) => {
        const file = join(folder, 'lmcache.yaml');
        await writeFile(file, (await readFile(file, 'utf8')).replace('sha256_cbor', 'builtin'));
        await writeFile(join(folder, 'model.json'), JSON.stringify({ ...model, python_hash_seed: null }));
        return ['lookup', ...flags];
      },
      /^CONFIG_INVALID: hashes are random per process/,
    ],
  ])('%s', async (_, prepare, message) => {
    const args = await prepare(await files());
    const { code, err } = await runCommand(args);
    expect([code, err.trimEnd().split('\n')]).toEqual([2, [expect.stringMatching(message)]]);
    const asJson = await runCommand([...args, '--json']);
    expect(asJson).toMatchObject({ code: 2, err: '' });
    expect(JSON.parse(asJson.out.toString()).error.message).toMatch(message);
  });

  test('all that is wrong in a configuration, each with its line', async () => {
    const given = await files({ config: 'chunk_size: 0\nsave_unfull_chunk: True' });
    const { code, err } = await runCommand(['lookup', ...given.flags]);
    expect(code).toBe(2);
    expect(err).toMatch(/lmcache\.yaml:1: error: chunk_size: 0[\s\S]*lmcache\.yaml:2: error: save_unfull_chunk/);
  });
});

describe('a store that fails', () => {
  test('costs what it does not answer, named, and exits with 1', async () => {
    const given = await files();
    const { chunks } = await storeAll(given);
    simulator.addFault({
      match: { method: 'GET', key: (chunks[5] as Chunk).objectKey },
      times: Number.POSITIVE_INFINITY,
      effect: { kind: 'status', status: 403, code: 'AccessDenied' },
    });
    const loaded = await json(['retrieve', ...given.flags]);
    expect(loaded).toMatchObject({ code: 1, hitTokens: 5 * CHUNK_TOKENS });
    expect(loaded.chunks[5]).toMatchObject({ status: 'failed', error: { code: 'PERMISSION_DENIED' } });
  });

  test('is no miss where it refuses everything', async () => {
    const given = await files({
      config: `chunk_size: ${CHUNK_TOKENS}\npre_caching_hash_algorithm: sha256_cbor\nblocking_timeout_secs: 1`,
    });
    simulator.addFault({
      times: Number.POSITIVE_INFINITY,
      effect: { kind: 'status', status: 403, code: 'AccessDenied' },
    });
    const found = await json(['lookup', ...given.flags]);
    expect(found.code).toBe(1);
    const error = found.error ?? found.chunks[0]?.error;
    expect(error?.code).toBe('PERMISSION_DENIED');
  });

  test('is one at another address where --endpoint says so', async () => {
    const given = await files();
    await storeAll(given);
    const other = await startSimulator({ buckets: [bucket] });
    try {
      const found = await json(['lookup', ...given.flags, '--endpoint', other.url]);
      expect(found).toMatchObject({ code: 0, hitTokens: 0 });
      expect(other.requests.length).toBeGreaterThan(0);
    } finally {
      await other.close();
    }
  });
});

describe('a signal', () => {
  test('ends a run with 130', async () => {
    const given = await files();
    await storeAll(given);
    simulator.addFault({
      match: { method: 'GET' },
      times: Number.POSITIVE_INFINITY,
      effect: { kind: 'stall', afterBytes: 'head' },
    });
    const abort = new AbortController();
    simulator.clearRequests();
    const running = runCommand(['retrieve', ...given.flags], { signal: abort.signal });
    await Promise.race([running, requestOf(simulator, 'GET')]);
    abort.abort();
    expect(await running).toMatchObject({ code: 130, err: 'Interrupted.\n' });
  });

  test('ends a run that waits for its tokens', async () => {
    const given = await files();
    const abort = new AbortController();
    const asked = Promise.withResolvers<void>();
    const stdin = new Readable({ read: () => asked.resolve() });
    const io = { stdin, stdout: new PassThrough(), stderr: new PassThrough(), env: {}, signal: abort.signal };
    const running = main(['lookup', ...given.flags.slice(0, 4), '--tokens', '-'], io);
    await Promise.race([running, asked.promise]);
    abort.abort();
    expect(await running).toBe(130);
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s ends the process', async (signal) => {
    const given = await files();
    simulator.addFault({ times: Number.POSITIVE_INFINITY, effect: { kind: 'stall', afterBytes: 'head' } });
    const { child, ended } = startCommand(['lookup', ...given.flags]);
    await Promise.race([ended, requestOf(simulator, 'HEAD')]);
    child.kill(signal);
    expect(await ended).toMatchObject({ code: 130, err: 'Interrupted.\n' });
  });
});

/** Resolves once the store has seen such a request. */
async function requestOf(store: Simulator, method: string): Promise<void> {
  while (!store.requests.some((request) => request.method === method)) await new Promise(setImmediate);
}
