import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RemoteBackend, StatResult } from './backend.ts';
import { memoryBackend } from './backends/memory.ts';
import { defineBackend } from './define-backend.ts';
import { KvferryError } from './errors.ts';
import { forwardTo } from './layers/forward.ts';
import { longestPrefix } from './longest-prefix.ts';

/** A store that answers as it is told, and counts what it is asked. */
interface Asked {
  readonly backend: RemoteBackend;
  readonly rounds: number[][];
}

async function storeOf(answer: (index: number) => StatResult): Promise<Asked> {
  const rounds: number[][] = [];
  const backend = defineBackend({
    ...forwardTo(memoryBackend()),
    stat: (batch) => {
      rounds.push(batch.items.map(Number));
      return batch.each(1, (key) => answer(Number(key)));
    },
  });
  await backend.open();
  return { backend, rounds };
}

const hit = (byteLength: number): StatResult => ({ status: 'hit', byteLength });
const miss: StatResult = { status: 'miss' };
const keysOf = (count: number): string[] => Array.from({ length: count }, (_, index) => `${index}`);

describe('the longest prefix', () => {
  test('of 512 chunks is found for each of 513 lengths with at most 24 questions in 3 rounds', async () => {
    const keys = keysOf(512);
    let stored = 0;
    const { backend, rounds } = await storeOf((index) => (index < stored ? hit(8) : miss));
    for (; stored <= 512; stored += 1) {
      rounds.length = 0;
      const end = stored === 512 ? { status: 'complete' } : { status: 'miss' };
      expect(await longestPrefix(backend, keys)).toEqual({ length: stored, end });
      expect(rounds.length).toBeLessThanOrEqual(3);
      expect(rounds.flat().length).toBeLessThanOrEqual(24);
      expect(rounds[0]).toContain(0);
    }
  });

  test('of no keys is complete without a question, and of up to 8 takes one round', async () => {
    const { backend, rounds } = await storeOf((index) => (index < 5 ? hit(8) : miss));
    expect(await longestPrefix(backend, [])).toEqual({ length: 0, end: { status: 'complete' } });
    expect(rounds).toEqual([]);
    expect(await longestPrefix(backend, keysOf(8))).toEqual({ length: 5, end: miss });
    expect(rounds).toEqual([[0, 1, 2, 3, 4, 5, 6, 7]]);
  });

  test('takes one round where one is allowed', async () => {
    const { backend, rounds } = await storeOf((index) => (index < 33 ? hit(8) : miss));
    expect(await longestPrefix(backend, keysOf(50), { maxRounds: 1 })).toEqual({ length: 33, end: miss });
    expect(rounds).toHaveLength(1);
  });

  test('ends before a value of another size, where the size is known', async () => {
    const { backend } = await storeOf((index) => hit(index === 3 ? 7 : 8));
    expect(await longestPrefix(backend, keysOf(6), { byteLength: 8 })).toEqual({ length: 3, end: miss });
    expect(await longestPrefix(backend, keysOf(6))).toEqual({ length: 6, end: { status: 'complete' } });
  });

  test('ends before a failed question, with its error, so that an outage is no cold cache', async () => {
    const error = new KvferryError('UNAVAILABLE', 'down');
    const { backend } = await storeOf((index) => (index === 0 ? { status: 'failed', error } : hit(8)));
    const { length, end } = await longestPrefix(backend, keysOf(100));
    expect(length).toBe(0);
    expect(end).toMatchObject({ status: 'failed', error: { code: 'UNAVAILABLE', key: '0', operation: 'stat' } });
  });

  test('is 0 where only the first chunk is gone', async () => {
    const { backend, rounds } = await storeOf((index) => (index === 0 ? miss : hit(8)));
    expect(await longestPrefix(backend, keysOf(512))).toEqual({ length: 0, end: miss });
    expect(rounds).toHaveLength(1);
  });

  test('goes on behind what is known, which it does not ask for', async () => {
    const { backend, rounds } = await storeOf((index) => (index < 5 ? hit(8) : miss));
    expect(await longestPrefix(backend, keysOf(8), { known: 3 })).toEqual({ length: 5, end: miss });
    expect(rounds).toEqual([[3, 4, 5, 6, 7]]);
    expect(await longestPrefix(backend, keysOf(8), { known: 8 })).toEqual({ length: 8, end: { status: 'complete' } });
    expect(rounds).toHaveLength(1);
    // What is known counts, whatever the store would say.
    expect(await longestPrefix(backend, keysOf(8), { known: 6 })).toEqual({ length: 6, end: miss });
    for (const known of [-1, 9, 0.5]) {
      await expect(longestPrefix(backend, keysOf(8), { known })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
  });

  test('ends in one round where a guess holds, right behind what is known', async () => {
    const { backend, rounds } = await storeOf((index) => (index < 300 ? hit(8) : miss));
    expect(await longestPrefix(backend, keysOf(512), { known: 300, guess: 300 })).toEqual({ length: 300, end: miss });
    expect(rounds).toHaveLength(1);
  });

  test('of 512 chunks takes at most 22 questions in 3 rounds, whatever is known and wrongly guessed of it', async () => {
    const keys = keysOf(512);
    let stored = 0;
    const { backend, rounds } = await storeOf((index) => (index < stored ? hit(8) : miss));
    for (let known = 0; known <= 512; known += 73) {
      for (stored = known; stored <= 512; stored += 1) {
        rounds.length = 0;
        expect((await longestPrefix(backend, keys, { known, guess: known })).length).toBe(stored);
        expect(rounds.length).toBeLessThanOrEqual(3);
        expect(rounds.flat().length).toBeLessThanOrEqual(22);
        expect(new Set(rounds.flat()).size).toBe(rounds.flat().length);
      }
    }
  });

  test('passes over a guess that lies outside of what is unknown', async () => {
    const { backend, rounds } = await storeOf((index) => (index < 5 ? hit(8) : miss));
    for (const guess of [0, 20]) {
      expect(await longestPrefix(backend, keysOf(20), { known: 2, guess })).toEqual({ length: 5, end: miss });
    }
    expect(rounds.flat()).not.toContain(0);
    expect(rounds.flat()).not.toContain(20);
  });

  test('passes the signal on, and rejects as the store does', async () => {
    const { backend } = await storeOf(() => hit(8));
    const signal = AbortSignal.abort();
    await expect(longestPrefix(backend, keysOf(3), { signal })).rejects.toMatchObject({ code: 'ABORTED' });
    await backend.close();
    await expect(longestPrefix(backend, keysOf(3))).rejects.toMatchObject({ code: 'NOT_OPEN' });
    for (const maxRounds of [0, 1.5, Number.NaN]) {
      await expect(longestPrefix(backend, [], { maxRounds })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
  });

  test('is bounded by answers that the store really gave, whatever holes it has', async () => {
    const answer = fc.constantFrom('hit', 'hit', 'hit', 'short', 'miss', 'failed');
    await fc.assert(
      fc.asyncProperty(
        fc.array(answer, { maxLength: 300 }),
        fc.integer({ min: 1, max: 5 }),
        async (answers, maxRounds) => {
          const { backend, rounds } = await storeOf((index) => {
            const kind = answers[index];
            if (kind === 'failed') return { status: 'failed', error: new KvferryError('THROTTLED', 'slow down') };
            return kind === 'miss' ? miss : hit(kind === 'short' ? 7 : 8);
          });
          const { length, end } = await longestPrefix(backend, keysOf(answers.length), { byteLength: 8, maxRounds });
          expect(rounds.length).toBeLessThanOrEqual(maxRounds);
          if (length > 0) {
            expect(rounds.flat()).toContain(length - 1);
            expect(answers[length - 1]).toBe('hit');
            expect(answers[0]).toBe('hit');
          }
          if (length === answers.length) {
            expect(end).toEqual({ status: 'complete' });
          } else {
            expect(rounds.flat()).toContain(length);
            expect(end.status).toBe(answers[length] === 'failed' ? 'failed' : 'miss');
            expect(answers[length]).not.toBe('hit');
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
