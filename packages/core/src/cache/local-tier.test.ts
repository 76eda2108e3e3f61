import { describe, expect, test } from 'vitest';
import { type BufferPool, bufferPool } from '../buffer-pool.ts';
import { CHUNK_BYTES, layout } from '../testing/cache-parts.ts';
import { Entry, LocalTier } from './local-tier.ts';

function tierOf(chunks: number, policy: 'LRU' | 'staging-only' = 'LRU'): { tier: LocalTier; pool: BufferPool } {
  const pool = bufferPool({ maxBytes: chunks * CHUNK_BYTES });
  return { tier: new LocalTier(pool, policy), pool };
}

/** An entry with one pin. */
function entry(tier: LocalTier, key: string): Entry {
  const lease = tier.take(CHUNK_BYTES);
  if (lease === undefined) throw new Error('no memory');
  const made = new Entry(key, layout, lease);
  made.tensor = { layout, bytes: lease.bytes };
  made.pins = 1;
  tier.add(made);
  return made;
}

describe('the local tier', () => {
  test('keeps what nobody holds until its memory is needed', () => {
    const { tier, pool } = tierOf(2);
    tier.unpin([entry(tier, 'a')]);
    const b = entry(tier, 'b');
    expect(tier.counts).toEqual({ entries: 2, pinned: 1, evictions: 0 });
    expect(tier.take(CHUNK_BYTES)?.bytes.byteLength).toBe(CHUNK_BYTES);
    expect([tier.get('a'), tier.get('b')]).toEqual([undefined, b]);
    expect(tier.counts).toEqual({ entries: 1, pinned: 1, evictions: 1 });
    expect(pool.leasedBytes).toBe(2 * CHUNK_BYTES);
  });

  test('gives nothing up for what would not fit all the same', () => {
    const { tier } = tierOf(3);
    tier.unpin([entry(tier, 'a')]);
    expect(tier.take(4 * CHUNK_BYTES)).toBeUndefined();
    entry(tier, 'b');
    expect(tier.take(3 * CHUNK_BYTES)).toBeUndefined();
    expect(tier.counts).toEqual({ entries: 2, pinned: 1, evictions: 0 });
    expect(tier.take(2 * CHUNK_BYTES)?.bytes.byteLength).toBe(2 * CHUNK_BYTES);
  });

  test('keeps nothing where the pool only stages', () => {
    const { tier, pool } = tierOf(2, 'staging-only');
    const a = entry(tier, 'a');
    tier.pin(a);
    tier.unpin([a]);
    expect(tier.get('a')).toBe(a);
    tier.unpin([a]);
    expect(tier.get('a')).toBeUndefined();
    expect(pool.leasedBytes).toBe(0);
  });

  test('says when memory may have come free', () => {
    const { tier } = tierOf(2);
    let times = 0;
    tier.onFreed = () => {
      times += 1;
    };
    const a = entry(tier, 'a');
    tier.pin(a);
    tier.unpin([a]);
    expect(times).toBe(0);
    tier.unpin([a]);
    expect(times).toBe(1);
    const lease = tier.take(CHUNK_BYTES);
    if (lease !== undefined) tier.giveBack(lease);
    expect(times).toBe(2);
    const unwanted = new Entry('b', layout, tier.take(CHUNK_BYTES) as never);
    tier.add(unwanted);
    expect(times).toBe(3);
  });

  test('what is released together goes in the order of its sequence, the end first', () => {
    const { tier } = tierOf(3);
    tier.unpin(['a', 'b', 'c'].map((key) => entry(tier, key)));
    tier.take(CHUNK_BYTES);
    expect(['a', 'b', 'c'].map((key) => tier.get(key) !== undefined)).toEqual([true, true, false]);
  });

  test('when closed leaves memory with its holders, until they are done', () => {
    const { tier, pool } = tierOf(2);
    const a = entry(tier, 'a');
    tier.unpin([entry(tier, 'b')]);
    tier.close();
    expect(tier.counts).toMatchObject({ entries: 0, pinned: 0 });
    expect(pool.leasedBytes).toBe(CHUNK_BYTES);
    tier.unpin([a]);
    expect(pool.leasedBytes).toBe(0);
  });
});
