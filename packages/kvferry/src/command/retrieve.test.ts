import { type HitEnd, KvferryError, type LoadedChunk, type Retrieved } from '@kvferry/core';
import { expect, test } from 'vitest';
import type { KvSink } from './kv-stream.ts';
import { loadInto } from './retrieve.ts';

const tokens = Uint32Array.of(0, 1, 2, 3, 4, 5, 6);
/** Of one token each. */
const allChunks = Array.from(tokens, (token, index) => ({ start: index, end: index + 1, hash: String(token) }));
const complete: HitEnd = { status: 'complete' };
const failed = (code: 'TIMEOUT' | 'UNAVAILABLE'): HitEnd => ({
  status: 'failed',
  error: new KvferryError(code, 'the store is slow'),
});

/** A cache of which each call gives so many chunks of what it is asked for, and ends so. */
function run(answers: readonly (readonly [count: number, end: HitEnd])[], sink: Partial<KvSink> = {}) {
  const asked: string[][] = [];
  const written: number[] = [];
  let lent = 0;
  const loading = loadInto(
    {
      tokens,
      chunks: allChunks,
      windowChunks: 3,
      cache: {
        async retrieve(prefix, { skipTokens = 0 } = {}): Promise<Retrieved> {
          const [count, end] = answers[asked.length] ?? [0, complete];
          const chunks = allChunks.slice(skipTokens, prefix.length);
          asked.push(chunks.map(({ hash }) => hash));
          lent += 1;
          const layout = { format: 'KV_2LTD', dtype: 'int8', layers: 1, tokens: 1, hidden: 1 } as const;
          const loaded = chunks.slice(0, count).map((chunk): LoadedChunk => {
            return { ...chunk, key: chunk.hash, tier: 'remote', layout, bytes: Uint8Array.of(Number(chunk.hash)) };
          });
          const giveBack = (): void => {
            lent -= 1;
          };
          return { hitTokens: count, end, chunks: loaded, [Symbol.dispose]: giveBack };
        },
      },
    },
    {
      write: async ([byte]) => void written.push(byte as number),
      close: async () => {},
      ...sink,
    },
    new AbortController().signal,
  );
  return { loading, asked, written, lent: () => lent };
}

test('a window follows another, and every chunk is given on in order', async () => {
  const { loading, asked, written, lent } = run([
    [3, complete],
    [3, complete],
    [1, complete],
  ]);
  expect(await loading).toEqual({ loaded: 7, end: complete });
  expect(asked).toEqual([['0', '1', '2'], ['3', '4', '5'], ['6']]);
  expect(written).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(lent()).toBe(0);
});

test('it ends where the prefix does', async () => {
  const { loading, asked } = run([
    [3, complete],
    [1, { status: 'miss' }],
  ]);
  expect(await loading).toEqual({ loaded: 4, end: { status: 'miss' } });
  expect(asked).toHaveLength(2);
});

test('what a slow line did not bring in time is asked for again, as long as something comes', async () => {
  const { loading, asked, written } = run([
    [1, failed('TIMEOUT')],
    [2, failed('TIMEOUT')],
    [3, complete],
    [1, complete],
  ]);
  expect(await loading).toEqual({ loaded: 7, end: complete });
  expect(asked).toEqual([['0', '1', '2'], ['1', '2', '3'], ['3', '4', '5'], ['6']]);
  expect(written).toEqual([0, 1, 2, 3, 4, 5, 6]);
});

test.each([
  [0, 'TIMEOUT'],
  [2, 'UNAVAILABLE'],
] as const)('%i chunks and then %s end it', async (count, code) => {
  const { loading, asked } = run([[count, failed(code)]]);
  expect(await loading).toMatchObject({ loaded: count, end: { status: 'failed', error: { code } } });
  expect(asked).toHaveLength(1);
});

test('memory goes back also where nobody takes the bytes', async () => {
  const write = () => Promise.reject(new Error('nobody reads'));
  const { loading, lent } = run([[3, complete]], { write });
  await expect(loading).rejects.toThrow('nobody reads');
  expect(lent()).toBe(0);
});
