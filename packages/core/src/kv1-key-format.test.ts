import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Chunk, KeyScope } from './chunks.ts';
import { describeKv1Key, type Kv1Options, kv1KeyFormat } from './kv1-key-format.ts';

const options: Kv1Options = {
  layout: { format: 'KV_2LTD', layers: 32, kvHeads: 8, headSize: 128, chunkTokens: 256 },
  hash: { name: 'sha256_cbor', seed: '5625442194607170974' },
};
const scope: KeyScope = {
  modelName: 'meta-llama/Llama-3.1-8B-Instruct',
  worldSize: 2,
  workerId: 1,
  dtype: 'bfloat16',
  tags: [],
};
const chunk = (hash: string): Chunk => ({ start: 0, end: 256, hash });

describe('golden names: what lies on disk keeps its name for ever', () => {
  const json =
    '{"adapter":null,"chunk_size":256,"dtype":"bfloat16","hash":"sha256_cbor","hash_seed":"5625442194607170974","head_size":128,' +
    '"kv_heads":8,"layers":32,"layout":"KV_2LTD","model":"meta-llama/Llama-3.1-8B-Instruct","quantisation":null,"revision":null,' +
    '"salt":null,"tags":[],"worker_id":1,"world_size":2}';
  // sha256sum of that line, without a line feed.
  const id = '5640cf10d96ce6e9';

  test('a namespace and its description', () => {
    expect(kv1KeyFormat(options).namespace(scope)).toEqual({ id, key: `kv1/_ns/${id}.json`, json });
  });

  test.each([
    ['b8a960cfcc69e7a5', `kv1/b8/${id}/b8a960cfcc69e7a5`],
    ['-3e9adb770d49d60', `kv1/3e/${id}/-3e9adb770d49d60`],
    ['7', `kv1/07/${id}/7`],
    [
      '15118df416b7d712f7eb9a3d536ace65df5e5f4399bd663b49733c1ace15190b',
      `kv1/15/${id}/15118df416b7d712f7eb9a3d536ace65df5e5f4399bd663b49733c1ace15190b`,
    ],
  ])('the chunk %s', (hash, key) => {
    expect(kv1KeyFormat(options).key(chunk(hash), scope)).toBe(key);
  });

  test('a namespace that says everything', () => {
    const full = kv1KeyFormat({
      layout: { format: 'KV_MLA_FMT', layers: 61, kvHeads: 1, headSize: 576, chunkTokens: 64 },
      hash: { name: 'blake3', seed: '' },
      revision: 'main',
      adapter: 'sql-lora',
      salt: 'tenant "1"',
      quantisation: 'fp8_ds_mla',
    });
    const { json: described, id: fullId } = full.namespace({
      ...scope,
      dtype: 'uint8',
      tags: [
        ['user', 'ä'],
        ['b', '2'],
      ],
    });
    expect(described).toBe(
      '{"adapter":"sql-lora","chunk_size":64,"dtype":"uint8","hash":"blake3","hash_seed":"","head_size":576,"kv_heads":1,"layers":61,' +
        '"layout":"KV_MLA_FMT","model":"meta-llama/Llama-3.1-8B-Instruct","quantisation":"fp8_ds_mla","revision":"main",' +
        '"salt":"tenant \\"1\\"","tags":[["user","ä"],["b","2"]],"worker_id":1,"world_size":2}',
    );
    expect(fullId).toBe('1eecb668ae43217c');
  });
});

const text = fc.string({ unit: 'binary', maxLength: 12 }).filter((candidate) => candidate.isWellFormed());
const size = fc.integer({ min: 1, max: 3 });
const identities = fc.record({
  options: fc.record(
    {
      layout: fc.record({
        format: fc.constantFrom('KV_2LTD' as const, 'KV_MLA_FMT' as const),
        layers: size,
        kvHeads: size,
        headSize: size,
        chunkTokens: size,
      }),
      hash: fc.record({ name: text, seed: text }),
      revision: text,
      adapter: text,
      salt: text,
      quantisation: text,
    },
    { requiredKeys: ['layout', 'hash'] },
  ),
  scope: fc.record({
    modelName: text.filter((name) => name !== ''),
    worldSize: fc.constant(2),
    workerId: fc.integer({ min: 0, max: 1 }),
    dtype: fc.constantFrom('bfloat16' as const, 'uint8' as const),
    tags: fc.array(fc.tuple(text, text), { maxLength: 2 }),
  }),
  hash: fc.constantFrom('1', '-1', '01', 'ab', 'abc'),
});

describe('properties', () => {
  test('two keys are equal where everything that went into them is, and nowhere else', () => {
    fc.assert(
      fc.property(identities, identities, fc.boolean(), (one, another, same) => {
        const second = same ? structuredClone(one) : another;
        const keys = [one, second].map((each) => kv1KeyFormat(each.options).key(chunk(each.hash), each.scope));
        expect(keys[0] === keys[1]).toBe(JSON.stringify(canonical(one)) === JSON.stringify(canonical(second)));
      }),
    );
  });

  test('changing one part alone changes the namespace', () => {
    fc.assert(
      fc.property(identities, fc.nat({ max: 15 }), (identity, part) => {
        const before = kv1KeyFormat(identity.options).namespace(identity.scope).id;
        const changed = changedIn(identity, part);
        expect(kv1KeyFormat(changed.options).namespace(changed.scope).id).not.toBe(before);
      }),
    );
  });

  test('the description is JSON that parses to what it says, and its digest is the name', () => {
    fc.assert(
      fc.property(identities, (identity) => {
        const { id, json } = kv1KeyFormat(identity.options).namespace(identity.scope);
        expect(JSON.parse(json)).toMatchObject({ model: identity.scope.modelName, tags: identity.scope.tags });
        expect(createHash('sha256').update(Buffer.from(json)).digest('hex').slice(0, 16)).toBe(id);
      }),
    );
  });

  test('what a key says can be read from it again', () => {
    fc.assert(
      fc.property(identities, (identity) => {
        const format = kv1KeyFormat(identity.options);
        const namespace = format.namespace(identity.scope);
        expect(describeKv1Key(format.key(chunk(identity.hash), identity.scope))).toEqual({
          kind: 'chunk',
          namespace: namespace.id,
          hash: identity.hash,
        });
        expect(describeKv1Key(namespace.key)).toEqual({ kind: 'namespace', namespace: namespace.id });
      }),
    );
  });
});

type Identity = typeof identities extends fc.Arbitrary<infer Value> ? Value : never;

/** An option that is not there and one that is `undefined` are the same. */
function canonical({ options: given, scope: of, hash }: Identity): unknown {
  const { layout, hash: chain, revision = null, adapter = null, salt = null, quantisation = null } = given;
  const { format, layers, kvHeads, headSize, chunkTokens } = layout;
  const numbers = [format, layers, kvHeads, headSize, chunkTokens];
  const { modelName, worldSize, workerId, dtype, tags } = of;
  return [
    numbers,
    chain.name,
    chain.seed,
    revision,
    adapter,
    salt,
    quantisation,
    modelName,
    worldSize,
    workerId,
    dtype,
    tags,
    hash,
  ];
}

function changedIn({ options: given, scope: of }: Identity, part: number): { options: Kv1Options; scope: KeyScope } {
  const { layout, hash } = given;
  const longer = (value: string | undefined): string => `${value ?? ''}x`;
  const variants: readonly { readonly options?: Partial<Kv1Options>; readonly scope?: Partial<KeyScope> }[] = [
    { options: { layout: { ...layout, format: layout.format === 'KV_2LTD' ? 'KV_MLA_FMT' : 'KV_2LTD' } } },
    { options: { layout: { ...layout, layers: layout.layers + 1 } } },
    { options: { layout: { ...layout, kvHeads: layout.kvHeads + 1 } } },
    { options: { layout: { ...layout, headSize: layout.headSize + 1 } } },
    { options: { layout: { ...layout, chunkTokens: layout.chunkTokens + 1 } } },
    { options: { hash: { ...hash, name: longer(hash.name) } } },
    { options: { hash: { ...hash, seed: longer(hash.seed) } } },
    { options: { revision: longer(given.revision) } },
    { options: { adapter: longer(given.adapter) } },
    { options: { salt: longer(given.salt) } },
    { options: { quantisation: longer(given.quantisation) } },
    { scope: { modelName: longer(of.modelName) } },
    { scope: { worldSize: of.worldSize + 1 } },
    { scope: { workerId: 1 - of.workerId } },
    { scope: { dtype: 'float16' } },
    { scope: { tags: [...of.tags, ['x', '']] } },
  ];
  const variant = variants[part] ?? {};
  return { options: { ...given, ...variant.options }, scope: { ...of, ...variant.scope } };
}

describe('what it refuses', () => {
  test.each([
    ['an empty model name', { modelName: '' }],
    ['a lone surrogate in the model name', { modelName: 'a\ud800' }],
    ['a lone surrogate in a tag', { tags: [['user', '\udc00']] as const }],
    ['a rank outside its world', { workerId: 2 }],
    ['no rank', { worldSize: 0, workerId: 0 }],
  ])('%s is INVALID_ARGUMENT', (_, change) => {
    const format = kv1KeyFormat(options);
    expect(() => format.key(chunk('ab'), { ...scope, ...change })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });

  test.each(['', '-', 'AB', 'xyz', 'a/b', 'a'.repeat(65)])('the hash %j is INVALID_ARGUMENT', (hash) => {
    expect(() => kv1KeyFormat(options).key(chunk(hash), scope)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });

  test.each([
    ['revison', { ...options, revison: 'main' }],
    ['layout.layers', { ...options, layout: { ...options.layout, layers: 0 } }],
    ['layout.format', { ...options, layout: { ...options.layout, format: 'KV_2TD' } }],
    ['hash.seed', { ...options, hash: { name: 'sha256_cbor', seed: undefined } }],
    ['salt', { ...options, salt: 5 }],
  ])('the option %s is CONFIG_INVALID, named', (name, wrong) => {
    expect(() => kv1KeyFormat(wrong as Kv1Options)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(name) }),
    );
  });

  test.each([
    'kv1/ab/0123456789abcdef/cd',
    'kv1/ab/0123456789abcde/ab',
    'kv1/_ns/0123456789abcdef',
    'kv2/ab/0123456789abcdef/ab',
    'meta_llama@1@0@ab@half',
  ])('%s is no key of this form', (key) => {
    expect(describeKv1Key(key)).toBeUndefined();
  });
});
