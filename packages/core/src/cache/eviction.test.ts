import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { evictionOrder } from './eviction.ts';
import type { CachePolicy } from './kv-cache.ts';

const policies: readonly CachePolicy[] = ['LRU', 'LFU', 'FIFO', 'MRU'];

/** Plays uses, each of a run of keys of one letter, and gives the order in which keys would go. */
function order(policy: CachePolicy, uses: readonly string[]): string {
  const eviction = evictionOrder(policy);
  for (const use of uses) eviction.use([...use]);
  return [...eviction.candidates()].join('');
}

describe('the order of eviction', () => {
  test.each(policies)('%s: of one sequence the suffix goes before the prefix', (policy) => {
    expect(order(policy, ['abcd'])).toBe('dcba');
    expect(order(policy, ['abcd', 'abcd'])).toBe('dcba');
  });

  test.each([
    // Used longest ago.
    { policy: 'LRU', uses: ['ab', 'cd', 'ab'], goes: 'dcba' },
    { policy: 'LRU', uses: ['ab', 'cd', 'a'], goes: 'bdca' },
    // Taken in longest ago, whatever was used since.
    { policy: 'FIFO', uses: ['ab', 'cd', 'ab'], goes: 'badc' },
    { policy: 'FIFO', uses: ['ab', 'abc'], goes: 'bac' },
    // Used last.
    { policy: 'MRU', uses: ['ab', 'cd'], goes: 'dcba' },
    { policy: 'MRU', uses: ['ab', 'cd', 'ab'], goes: 'badc' },
    // Used least often; among those, at that number for longest.
    { policy: 'LFU', uses: ['ab', 'cd', 'a', 'd'], goes: 'bcad' },
    { policy: 'LFU', uses: ['ab', 'ab', 'cd', 'cd', 'cd'], goes: 'badc' },
    { policy: 'LFU', uses: ['a', 'b', 'b', 'a', 'c'], goes: 'cba' },
  ] as const)('$policy after $uses is $goes', ({ policy, uses, goes }) => {
    expect(order(policy, uses)).toBe(goes);
  });

  test.each(policies)('%s: a key that was removed is new when it comes again', (policy) => {
    const eviction = evictionOrder(policy);
    for (const use of ['ab', 'a', 'a']) eviction.use([...use]);
    eviction.remove('a');
    eviction.remove('never');
    expect([...eviction.candidates()]).toEqual(['b']);
    eviction.use(['a']);
    expect([...eviction.candidates()].join('')).toBe(policy === 'MRU' ? 'ab' : policy === 'LFU' ? 'ba' : 'ba');
  });

  test.each(policies)('%s: holds exactly the keys that were taken in and not removed', (policy) => {
    const step = fc.record({
      use: fc.boolean(),
      keys: fc.uniqueArray(fc.constantFrom(...'abcdefg'), { maxLength: 5 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const eviction = evictionOrder(policy);
        const model = new Set<string>();
        for (const { use, keys } of steps) {
          if (use) eviction.use(keys);
          for (const key of keys) {
            if (use) {
              model.add(key);
            } else {
              model.delete(key);
              eviction.remove(key);
            }
          }
        }
        expect([...eviction.candidates()].sort()).toEqual([...model].sort());
      }),
    );
  });
});
