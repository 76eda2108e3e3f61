import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { prefixProbes } from './prefix-probes.ts';

/** Plays the search against a store that holds `length` of `chunks`. */
function search(chunks: number, length: number, maxRounds: number): { probes: number; rounds: number; found: number } {
  let low = 0;
  let high = chunks;
  let probes = 0;
  let rounds = 0;
  while (low < high) {
    const round = prefixProbes(low, high, maxRounds - rounds);
    rounds += 1;
    probes += round.length;
    for (const index of round) {
      if (index < length) {
        low = index + 1;
      } else {
        high = index;
        break;
      }
    }
  }
  return { probes, rounds, found: low };
}

function worst(chunks: number, maxRounds: number): { probes: number; rounds: number } {
  const most = { probes: 0, rounds: 0 };
  for (let length = 0; length <= chunks; length += 1) {
    const { probes, rounds, found } = search(chunks, length, maxRounds);
    expect(found).toBe(length);
    most.probes = Math.max(most.probes, probes);
    most.rounds = Math.max(most.rounds, rounds);
  }
  return most;
}

describe('the rounds of a prefix search', () => {
  test.each([
    { chunks: 1, maxRounds: 3, probes: 1, rounds: 1 },
    { chunks: 8, maxRounds: 3, probes: 8, rounds: 1 },
    { chunks: 9, maxRounds: 3, probes: 6, rounds: 2 },
    { chunks: 64, maxRounds: 3, probes: 10, rounds: 3 },
    // 513 lengths: 8 · 8 · 8, and length 0.
    { chunks: 512, maxRounds: 3, probes: 22, rounds: 3 },
    { chunks: 512, maxRounds: 2, probes: 45, rounds: 2 },
    { chunks: 512, maxRounds: 1, probes: 512, rounds: 1 },
    { chunks: 4096, maxRounds: 3, probes: 46, rounds: 3 },
  ])('$chunks chunks take $probes questions in $rounds of $maxRounds rounds at most', (expected) => {
    const { chunks, maxRounds } = expected;
    const most = worst(chunks, maxRounds);
    expect({ chunks, maxRounds, ...most }).toEqual(expected);
  });

  test('each ask for new indexes between the known bounds, in order, for chunk 0 first', () => {
    fc.assert(
      fc.property(
        fc.nat(3000),
        fc.integer({ min: 1, max: 5000 }),
        fc.integer({ min: 1, max: 10 }),
        (low, size, left) => {
          const probes = prefixProbes(low, low + size, left);
          expect(probes.length).toBeGreaterThan(0);
          expect(probes).toEqual([...new Set(probes)].sort((a, b) => a - b));
          expect(probes[0]).toBeGreaterThanOrEqual(low);
          expect(probes.at(-1)).toBeLessThan(low + size);
          if (low === 0) expect(probes[0]).toBe(0);
          if (size <= 8) expect(probes).toHaveLength(size);
        },
      ),
    );
  });

  test('are never more than allowed, whatever is stored', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5000 }),
        fc.nat(5000),
        fc.integer({ min: 1, max: 12 }),
        (chunks, some, maxRounds) => {
          const length = some % (chunks + 1);
          const { rounds, found } = search(chunks, length, maxRounds);
          expect(found).toBe(length);
          expect(rounds).toBeLessThanOrEqual(maxRounds);
        },
      ),
    );
  });
});
