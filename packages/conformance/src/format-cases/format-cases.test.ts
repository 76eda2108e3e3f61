import { createHash } from 'node:crypto';
import {
  type Chunk,
  type Chunker,
  type KeyFormat,
  KvferryError,
  naiveSerde,
  type Serde,
  type Tokens,
} from '@kvferry/core';
import { describe, expect, test } from 'vitest';
import { type ChunkerSuite, chunkerCases } from './chunker.ts';
import type { FormatCase } from './describe.ts';
import { keyFormatCases } from './key-format.ts';
import { serdeCases } from './serde.ts';

/** Ids of the cases that fail. */
function failing<Subject>(cases: readonly FormatCase<Subject>[], subject: Subject): string[] {
  const failed: string[] = [];
  for (const { id, run } of cases) {
    try {
      run(subject);
    } catch {
      failed.push(id);
    }
  }
  return failed;
}

interface ChunkerFault {
  readonly chained?: boolean;
  readonly bits?: 16 | 32;
  readonly lengthInHash?: boolean;
  readonly typeInHash?: boolean;
  readonly emptyChunk?: boolean;
  readonly keepsTail?: boolean;
  readonly counts?: boolean;
  readonly writesInput?: boolean;
}

/** SHA-256 over the hash before and the tokens, right but for the fault. */
function chunkerWith(fault: ChunkerFault = {}): Chunker {
  let calls = 0;
  const chunk = (tokens: Tokens): Chunk[] => {
    calls += 1;
    const chunks: Chunk[] = fault.emptyChunk ? [{ start: 0, end: 0, hash: '' }] : [];
    let previous = 'seed';
    const last = fault.keepsTail ? tokens.length : tokens.length - (tokens.length % 16);
    for (let start = 0; start < last; start += 16) {
      const end = Math.min(start + 16, tokens.length);
      const own = Array.from(tokens.slice(start, end), (token) => (fault.bits === 16 ? token % 65_536 : token));
      const parts: unknown[] = [fault.chained === false ? '' : previous, own];
      if (fault.lengthInHash) parts.push(tokens.length);
      if (fault.typeInHash) parts.push(Array.isArray(tokens));
      if (fault.counts) parts.push(calls);
      previous = createHash('sha256').update(JSON.stringify(parts)).digest('hex');
      chunks.push({ start, end, hash: previous });
    }
    if (fault.writesInput && tokens instanceof Uint32Array && tokens.length > 0) tokens[0] = 0xffffffff;
    return chunks;
  };
  return { id: 'sha256', tokensPerChunk: 16, chunk };
}

describe('a chunker', () => {
  const suiteOf = (fault: ChunkerFault, tail: ChunkerSuite['tail'] = 'dropped'): ChunkerSuite => ({
    chunker: chunkerWith(fault),
    tail,
  });

  test.for<[fault: ChunkerFault, expected: string[]]>([
    [{}, []],
    [{ chained: false }, ['CHUNK-04', 'CHUNK-07']],
    [{ bits: 16 }, ['CHUNK-08']],
    [{ lengthInHash: true }, ['CHUNK-03']],
    [{ typeInHash: true }, ['CHUNK-05']],
    [{ emptyChunk: true }, ['CHUNK-01', 'CHUNK-02']],
    [{ keepsTail: true }, ['CHUNK-01']],
    [{ counts: true }, ['CHUNK-03', 'CHUNK-04', 'CHUNK-05', 'CHUNK-06']],
    [{ writesInput: true }, ['CHUNK-06']],
  ])('with the fault %o fails %j', ([fault, expected]) => {
    expect(failing(chunkerCases, suiteOf(fault))).toEqual(expect.arrayContaining(expected));
    if (expected.length === 0) expect(failing(chunkerCases, suiteOf(fault))).toEqual([]);
  });

  test('that keeps the tail says so', () => {
    expect(failing(chunkerCases, suiteOf({ keepsTail: true }, 'kept'))).toEqual([]);
    expect(failing(chunkerCases, suiteOf({}, 'kept'))).toEqual(['CHUNK-01']);
  });
});

describe('a key format', () => {
  const format = (key: KeyFormat['key'], injective = true): KeyFormat => ({ id: 'try', injective, key });
  const whole: KeyFormat['key'] = ({ hash }, scope) =>
    `kv/${createHash('sha256').update(JSON.stringify(scope)).digest('hex')}/${hash}`;

  test.for<[name: string, format: KeyFormat, expected: string[]]>([
    ['right', format(whole), []],
    ['with invalid keys', format((chunk, scope) => `${whole(chunk, scope)}/`), ['KEY-FORMAT-01']],
    ['of chance', format((chunk, scope) => `${whole(chunk, scope)}-${Math.random()}`), ['KEY-FORMAT-02']],
    [
      'that cuts hashes off',
      format((chunk, scope) => whole(chunk, scope).slice(0, 80)),
      ['KEY-FORMAT-03', 'KEY-FORMAT-04'],
    ],
    [
      'that takes / and _ for the same',
      format((chunk, scope) => whole(chunk, { ...scope, modelName: scope.modelName.replaceAll('/', '_') })),
      ['KEY-FORMAT-04'],
    ],
    [
      'that does not say that it is injective',
      format((chunk, scope) => whole(chunk, { ...scope, modelName: '' }), false),
      [],
    ],
    [
      'that expresses nothing',
      format(() => {
        throw new KvferryError('INVALID_ARGUMENT', 'no');
      }),
      ['KEY-FORMAT-05'],
    ],
  ])('%s', ([, subject, expected]) => {
    expect(failing(keyFormatCases, subject)).toEqual(expected);
  });
});

describe('a serde', () => {
  const serde = (own: Partial<Serde>): Serde => ({ ...naiveSerde, ...own });

  test.for<[name: string, serde: Serde, expected: string[]]>([
    ['right', naiveSerde, []],
    [
      'that changes a byte',
      serde({
        serialize: ({ bytes }) => [bytes.subarray(0, -1), Uint8Array.of((bytes.at(-1) ?? 0) ^ 1)],
      }),
      ['SERDE-01'],
    ],
    [
      'that announces less',
      serde({ serializedBytes: (layout) => ({ max: naiveSerde.serializedBytes(layout).max - 1, exact: false }) }),
      ['SERDE-02'],
    ],
    ['that takes values of any length', serde({ deserialize: (bytes, layout) => ({ layout, bytes }) }), ['SERDE-03']],
    [
      'that writes into the tensor',
      serde({
        serialize: (tensor, scratch) => {
          tensor.bytes[0] = 255;
          return naiveSerde.serialize(tensor, scratch);
        },
      }),
      ['SERDE-04'],
    ],
    ['that copies', serde({ serialize: ({ bytes }) => [bytes.slice()] }), ['SERDE-05']],
    [
      'that takes no shared memory',
      serde({
        serialize: (tensor, scratch) => {
          if (tensor.bytes.buffer instanceof SharedArrayBuffer) throw new TypeError('private memory only');
          return naiveSerde.serialize(tensor, scratch);
        },
      }),
      ['SERDE-06'],
    ],
  ])('%s', ([, subject, expected]) => {
    for (const id of expected) expect(failing(serdeCases, subject)).toContain(id);
    if (expected.length === 0) expect(failing(serdeCases, subject)).toEqual([]);
  });
});
