import assert from 'node:assert/strict';
import { type Chunk, type Dtype, type KeyFormat, type KeyScope, KvferryError, keyProblem } from '@kvferry/core';
import type { FormatCase } from './describe.ts';

/** What holds of every key format. Scopes that a format cannot express are passed over where it says INVALID_ARGUMENT. */
export const keyFormatCases: readonly FormatCase<KeyFormat>[] = [
  {
    id: 'KEY-FORMAT-01',
    title: 'every key is a valid key',
    run(format) {
      for (const { chunk, scope, key } of keysOf(format)) {
        assert.equal(keyProblem(key), undefined, `${JSON.stringify(key)} of ${JSON.stringify({ chunk, scope })}`);
      }
      return undefined;
    },
  },
  {
    id: 'KEY-FORMAT-02',
    title: 'the same chunk and scope always have the same key',
    run(format) {
      const again = keysOf(format);
      for (const [index, { key }] of keysOf(format).entries()) assert.equal(again[index]?.key, key);
      return undefined;
    },
  },
  {
    id: 'KEY-FORMAT-03',
    title: 'different chunks of one scope have different keys',
    run(format) {
      const byScope = Map.groupBy(keysOf(format), ({ scope }) => scope);
      for (const [scope, made] of byScope) {
        const keys = new Set(made.map(({ key }) => key));
        assert.equal(keys.size, made.length, JSON.stringify(scope));
      }
      return undefined;
    },
  },
  {
    id: 'KEY-FORMAT-04',
    title: 'where the format says that it is injective, no two pairs of chunk and scope share a key',
    run(format) {
      if (!format.injective) return 'the format does not say that it is injective';
      const seen = new Map<string, string>();
      for (const { chunk, scope, key } of keysOf(format)) {
        const pair = JSON.stringify({ hash: chunk.hash, scope });
        assert.equal(seen.get(key) ?? pair, pair, `both have the key ${JSON.stringify(key)}`);
        seen.set(key, pair);
      }
      return undefined;
    },
  },
  {
    id: 'KEY-FORMAT-05',
    title: 'a scope that it cannot express is INVALID_ARGUMENT; a plain one, without tags, it can',
    run(format) {
      const made = new Set(keysOf(format).map(({ scope }) => scope));
      for (const scope of scopes) {
        const { modelName, tags, workerId, worldSize } = scope;
        const isPlain = tags.length === 0 && workerId < worldSize && /^\w[\w./-]*$/.test(modelName);
        assert.ok(!isPlain || made.has(scope), `it has no key for ${JSON.stringify(scope)}`);
      }
      return undefined;
    },
  },
];

interface MadeKey {
  readonly chunk: Chunk;
  readonly scope: KeyScope;
  readonly key: string;
}

function keysOf(format: KeyFormat): MadeKey[] {
  const made: MadeKey[] = [];
  for (const scope of scopes) {
    for (const chunk of chunks) {
      try {
        made.push({ chunk, scope, key: format.key(chunk, scope) });
      } catch (thrown) {
        assert.ok(KvferryError.is(thrown) && thrown.code === 'INVALID_ARGUMENT', String(thrown));
      }
    }
  }
  return made;
}

/** Hashes as chunkers make them: 64 and 256 bits, in hex. */
const chunks: readonly Chunk[] = ['0', '1', 'a3', '5b'].flatMap((digits) =>
  [16, 64].map((length) => ({ start: 0, end: 256, hash: digits.padStart(length, digits).slice(0, length) })),
);

const modelNames = [
  'm',
  'meta-llama/Llama-3.1-8B',
  '/models/a b',
  'org/model@1',
  'org_model',
  'org/model',
  'ümlaut%2F模型',
];
const dtypes: readonly Dtype[] = ['bfloat16', 'float16', 'float8_e4m3fn'];
const tags: readonly KeyScope['tags'][] = [
  [],
  [['lora', 'a']],
  [['lora', 'b']],
  [
    ['lora', 'a'],
    ['user', 'u'],
  ],
  [['lora', 'a@user%u']],
];

const scopes: readonly KeyScope[] = modelNames.flatMap((modelName) =>
  [
    [1, 0],
    [2, 0],
    [2, 1],
    [12, 1],
    [1, 21],
  ].flatMap(([worldSize = 1, workerId = 0]) =>
    dtypes.flatMap((dtype) => tags.map((some) => ({ modelName, worldSize, workerId, dtype, tags: some }))),
  ),
);
