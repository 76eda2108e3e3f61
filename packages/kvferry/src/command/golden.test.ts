import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { type GoldenSet, golden, goldenPayload } from '@kvferry/lmcache/testing';
import { type Simulator, startSimulator } from '@kvferry/s3-simulator';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type CommandFiles, commandFiles } from '../testing/command-files.ts';
import { runCommand, startCommand } from '../testing/run-command.ts';

// What LMCache wrote itself is found and loaded by the command, and what the command stores LMCache would find.

const bucket = 'my-bucket';
let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator({ buckets: [bucket] });
});
afterAll(() => simulator.close());
beforeEach(() => {
  for (const key of simulator.listKeys(bucket)) simulator.deleteObject(bucket, key);
});

interface Sequence {
  readonly name: string;
  readonly set: GoldenSet;
  readonly chunks: GoldenSet['chunks'];
  /** With the tail that no chunk has. */
  readonly tokens: readonly number[];
}

const sequences: readonly Sequence[] = golden.sets.flatMap((set) =>
  set.spec.sequences.map((count, index) => {
    const chunks = set.chunks.filter(({ sequence }) => sequence === index);
    const full = chunks.flatMap((chunk) => [...chunk.tokens]);
    const tail = Array.from({ length: count - full.length }, (_, at) => at);
    return { name: `${set.spec.name}, sequence ${index}`, set, chunks, tokens: [...full, ...tail] };
  }),
);

function filesOf({ set, tokens }: Sequence): Promise<CommandFiles> {
  const { spec } = set;
  const prefix = 'lmcache.tag.';
  const tags = Object.entries(spec.request_configs ?? {}).filter(([name]) => name.startsWith(prefix));
  return commandFiles(simulator, {
    config: `chunk_size: ${spec.chunk_size}\npre_caching_hash_algorithm: ${spec.hash_algorithm}`,
    model: {
      model_name: spec.model_name,
      world_size: spec.world_size,
      worker_id: spec.worker_id,
      kv_dtype: spec.kv_dtype,
      kv_shape: spec.kv_shape,
      python_hash_seed: spec.pythonhashseed,
      vllm: spec.vllm,
      tags: Object.fromEntries(tags.map(([name, value]) => [name.slice(prefix.length), value])),
    },
    tokens,
  });
}

function bodyOf({ set, chunks }: Sequence): Buffer {
  return Buffer.concat(chunks.map((chunk) => goldenPayload(chunk.chunk_hash_hex, set.chunk_bytes)));
}

async function layOut({ set, chunks }: Sequence): Promise<void> {
  for (const { object, chunk_hash_hex } of chunks) {
    await simulator.putObject(bucket, object.key, goldenPayload(chunk_hash_hex, set.chunk_bytes), { crc32c: 'none' });
  }
}

/** The report of a command that reached every chunk. */
function reportOf({ set, chunks, tokens }: Sequence, status: string) {
  return {
    tokens: tokens.length,
    hitTokens: chunks.at(-1)?.end,
    bytes: chunks.length * set.chunk_bytes,
    chunks: chunks.map((chunk, index) => ({
      index,
      start: chunk.start,
      end: chunk.end,
      hash: chunk.chunk_hash_hex,
      key: chunk.key_string,
      objectKey: chunk.object.key,
      status,
      bytes: set.chunk_bytes,
    })),
  };
}

// A seed of null is none, whatever stands here.
const env = { PYTHONHASHSEED: '99' };

describe.each(sequences)('$name', (sequence) => {
  test('is found and loaded as LMCache wrote it', async () => {
    await layOut(sequence);
    const { flags, kv } = await filesOf(sequence);
    for (const exact of [[], ['--exact']]) {
      const lookup = await runCommand(['lookup', ...flags, ...exact, '--json'], { env });
      expect(lookup).toMatchObject({ code: 0, err: '' });
      expect(JSON.parse(lookup.out.toString())).toEqual(reportOf(sequence, 'hit'));
    }
    const retrieve = await runCommand(['retrieve', ...flags, '--out', kv, '--json'], { env });
    expect(retrieve).toMatchObject({ code: 0, err: '' });
    expect(JSON.parse(retrieve.out.toString())).toEqual(reportOf(sequence, 'hit'));
    expect(Buffer.compare(await readFile(kv), bodyOf(sequence))).toBe(0);
  });

  test('is stored as LMCache stores it', async () => {
    const { flags, kv } = await filesOf(sequence);
    await writeFile(kv, bodyOf(sequence));
    const store = await runCommand(['store', ...flags, '--kv', kv, '--json'], { env });
    expect(store).toMatchObject({ code: 0, err: '' });
    expect(JSON.parse(store.out.toString())).toEqual(reportOf(sequence, 'stored'));
    expect(simulator.listKeys(bucket).sort()).toEqual(sequence.chunks.map(({ object }) => object.key).sort());
    for (const { object } of sequence.chunks) {
      const stored = await simulator.getObject(bucket, object.key);
      expect(stored?.body.byteLength).toBe(object.size);
      expect(
        createHash('sha256')
          .update(stored?.body ?? '')
          .digest('hex'),
      ).toBe(object.sha256);
      expect(stored?.contentType).toBe('application/octet-stream');
    }
  });
});

test('two processes of the same configuration share a bucket, through pipes', async () => {
  const sequence = sequences[0] as Sequence;
  const { flags } = await filesOf(sequence);
  const store = startCommand(['store', ...flags, '--kv', '-', '--json']);
  store.child.stdin?.end(bodyOf(sequence));
  const stored = await store.ended;
  expect(stored).toMatchObject({ code: 0, err: '' });
  expect(JSON.parse(stored.out.toString())).toEqual(reportOf(sequence, 'stored'));

  const retrieve = startCommand(['retrieve', ...flags, '--out', '-', '--json']);
  retrieve.child.stdin?.end();
  const loaded = await retrieve.ended;
  expect(loaded.code).toBe(0);
  // Standard output is the bytes', so the report is on the other.
  expect(JSON.parse(loaded.err)).toEqual(reportOf(sequence, 'hit'));
  expect(Buffer.compare(loaded.out, bodyOf(sequence))).toBe(0);
});

test("hashes and object names of the multi-process server are LMCache's", async () => {
  const [set] = golden.mp_sets;
  if (set === undefined) throw new Error('there is a multi-process set');
  const { spec, chunks } = set;
  for (const salt of ['', 'tenant-1']) {
    const { flags } = await commandFiles(simulator, {
      config: `chunk_size: ${spec.chunk_size}`,
      kvferry: ['era: mp', ...(salt === '' ? [] : [`cache_salt: "${salt}"`])],
      model: {
        model_name: spec.model_name,
        world_size: spec.world_size,
        worker_id: spec.worker_id,
        kv_dtype: 'bfloat16',
        kv_shape: { layers: 4, kv_heads: 2, head_size: 64 },
      },
      tokens: chunks.flatMap((chunk) => [...chunk.tokens]),
    });
    const { code, out } = await runCommand(['lookup', ...flags, '--json']);
    expect(code).toBe(0);
    const report = JSON.parse(out.toString()) as { chunks: { hash: string; key: string; objectKey: string }[] };
    expect(report.chunks.map(({ hash }) => hash)).toEqual(chunks.map((chunk) => chunk.chunk_hash_hex));
    for (const [index, chunk] of chunks.entries()) {
      if (chunk.cache_salt !== salt) continue;
      expect(report.chunks[index]).toMatchObject({ key: chunk.object.key, objectKey: chunk.object.key });
    }
  }
});
