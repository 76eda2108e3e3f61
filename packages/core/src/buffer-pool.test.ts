import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BufferLease, type BufferPool, bufferPool } from './buffer-pool.ts';
import { memoryLimitBytes } from './memory-limit.ts';

const KIB = 1024;

/** Says whether a lease has been granted by now. */
async function isGranted(lease: Promise<BufferLease>): Promise<boolean> {
  const waiting = Symbol('waiting');
  await Promise.resolve();
  await Promise.resolve();
  return (await Promise.race([lease, Promise.resolve(waiting)])) !== waiting;
}

describe('a buffer pool', () => {
  test('lends exactly the bytes asked for, in shared memory of whole pages', async () => {
    const pool = bufferPool({ maxBytes: 64 * KIB });
    const lease = await pool.lease(5000);
    expect(lease.bytes).toMatchObject({ byteLength: 5000, byteOffset: 0 });
    expect(lease.bytes.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(lease.bytes.buffer.byteLength).toBe(8 * KIB);
    expect(pool.leasedBytes).toBe(8 * KIB);
    lease[Symbol.dispose]();
    expect(pool.leasedBytes).toBe(0);
  });

  test('lends its whole budget, also where that is no whole number of pages, and not a byte more', async () => {
    const pool = bufferPool({ maxBytes: 10_000 });
    const lease = await pool.lease(10_000);
    expect(pool.leasedBytes).toBe(10_000);
    lease[Symbol.dispose]();
    await expect(pool.lease(10_001)).rejects.toMatchObject({ code: 'TOO_LARGE', retry: 'never' });
  });

  test('lends at once or not at all, and lets nobody who waits be overtaken', async () => {
    const pool = bufferPool({ maxBytes: 12 * KIB });
    const first = pool.tryLease(5000);
    expect(first?.bytes).toMatchObject({ byteLength: 5000, byteOffset: 0 });
    expect(pool.leasedBytes).toBe(8 * KIB);
    expect(pool.tryLease(4097)).toBeUndefined();
    const waiting = pool.lease(8 * KIB);
    expect(pool.tryLease(1)).toBeUndefined();
    first?.[Symbol.dispose]();
    (await waiting)[Symbol.dispose]();
    expect(pool.tryLease(12 * KIB)?.bytes.byteLength).toBe(12 * KIB);
    expect(() => pool.tryLease(12 * KIB + 1)).toThrow(expect.objectContaining({ code: 'TOO_LARGE' }));
    expect(() => pool.tryLease(-1)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  test('lends no bytes at all', async () => {
    const pool = bufferPool({ maxBytes: 4 * KIB });
    const whole = await pool.lease(4 * KIB);
    const none = await pool.lease(0);
    expect(none.bytes.byteLength).toBe(0);
    expect(pool.leasedBytes).toBe(4 * KIB);
    none[Symbol.dispose]();
    whole[Symbol.dispose]();
  });

  test('lends memory given back again, for another length of the same pages too', async () => {
    const pool = bufferPool({ maxBytes: 64 * KIB });
    const first = await pool.lease(8 * KIB);
    const memory = first.bytes.buffer;
    first[Symbol.dispose]();
    const second = await pool.lease(8 * KIB - 100);
    expect(second.bytes.buffer).toBe(memory);
    const third = await pool.lease(8 * KIB);
    expect(third.bytes.buffer).not.toBe(memory);
  });

  test('lets kept memory of other sizes go when the budget needs its room', async () => {
    const pool = bufferPool({ maxBytes: 16 * KIB });
    const small = await Promise.all([pool.lease(4 * KIB), pool.lease(4 * KIB), pool.lease(4 * KIB)]);
    const memory = small.map((lease) => lease.bytes.buffer);
    for (const lease of small) lease[Symbol.dispose]();
    // 12 KiB are kept; 8 KiB fit beside two of the three, less a sixteenth of the budget: beside one.
    const large = await pool.lease(8 * KIB);
    const again = await Promise.all([pool.lease(4 * KIB), pool.lease(4 * KIB)]);
    expect(again.map((lease) => memory.includes(lease.bytes.buffer))).toEqual([true, false]);
    large[Symbol.dispose]();
  });

  test('lets those who wait go ahead in order of asking, and nobody overtake', async () => {
    const pool = bufferPool({ maxBytes: 16 * KIB });
    const first = await pool.lease(8 * KIB);
    const second = await pool.lease(4 * KIB);
    const large = pool.lease(16 * KIB);
    const small = pool.lease(4 * KIB);
    expect(await isGranted(small)).toBe(false);
    first[Symbol.dispose]();
    expect(await isGranted(large)).toBe(false);
    expect(await isGranted(small)).toBe(false);
    second[Symbol.dispose]();
    const granted = await large;
    expect(await isGranted(small)).toBe(false);
    granted[Symbol.dispose]();
    await small;
  });

  test('stops waiting when aborted, and lets the next go ahead', async () => {
    const pool = bufferPool({ maxBytes: 8 * KIB });
    const held = await pool.lease(4 * KIB);
    const abort = new AbortController();
    const large = pool.lease(8 * KIB, { signal: abort.signal });
    const small = pool.lease(4 * KIB);
    expect(await isGranted(small)).toBe(false);
    abort.abort('changed my mind');
    await expect(large).rejects.toMatchObject({ code: 'ABORTED', cause: 'changed my mind' });
    (await small)[Symbol.dispose]();
    held[Symbol.dispose]();
    expect(pool.leasedBytes).toBe(0);
    await expect(pool.lease(1, { signal: abort.signal })).rejects.toMatchObject({ code: 'ABORTED' });
  });

  test('leaves no listener on a signal', async () => {
    const pool = bufferPool({ maxBytes: 4 * KIB });
    const signal = new AbortController().signal;
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners += 1;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners -= 1;
      remove(...args);
    };
    const held = await pool.lease(1, { signal });
    expect(listeners).toBe(0);
    const waiting = pool.lease(1, { signal });
    await isGranted(waiting);
    expect(listeners).toBe(1);
    held[Symbol.dispose]();
    (await waiting)[Symbol.dispose]();
    expect(listeners).toBe(0);
  });

  test('refuses what is no number of bytes', async () => {
    const pool = bufferPool({ maxBytes: 4 * KIB });
    for (const byteLength of [-1, 1.5, Number.NaN, '1']) {
      await expect(pool.lease(byteLength as number)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    for (const maxBytes of [0, -1, 1.5, undefined]) {
      expect(() => bufferPool({ maxBytes: maxBytes as number })).toThrow(/CONFIG_INVALID.*maxBytes/);
    }
    expect(() => bufferPool({ maxBytes: 1, bytes: 1 } as never)).toThrow(/CONFIG_INVALID.*"bytes"/);
  });

  test('asks for no memory before it lends, and never has more than the machine', () => {
    const before = process.memoryUsage().arrayBuffers;
    const requestedBytes = 2 ** 50;
    const pool = bufferPool({ maxBytes: requestedBytes });
    expect(pool.requestedBytes).toBe(requestedBytes);
    expect(pool.maxBytes).toBe(memoryLimitBytes());
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(KIB * KIB);
  });

  test('stays within its budget when the sizes of its loans change', async () => {
    const MIB = KIB * KIB;
    const pool = bufferPool({ maxBytes: 64 * MIB });
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    for (let round = 0; round < 6; round += 1) {
      const leases = await Promise.all(Array.from({ length: 4 }, () => pool.lease((12 + (round % 5)) * MIB)));
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
      for (const lease of leases) lease[Symbol.dispose]();
    }
    // Without collections it was 328 MiB. Collected memory is given back by a thread of V8's, a little later.
    expect(most).toBeLessThan(2 * pool.maxBytes);
  });

  test('goes on when the system refuses memory', async () => {
    const pool = bufferPool({ maxBytes: 64 * KIB });
    const real = globalThis.SharedArrayBuffer;
    globalThis.SharedArrayBuffer = class {
      constructor() {
        throw new RangeError('Array buffer allocation failed');
      }
    } as never;
    try {
      await expect(pool.lease(4 * KIB)).rejects.toMatchObject({ code: 'TOO_LARGE', retry: 'later' });
    } finally {
      globalThis.SharedArrayBuffer = real;
    }
    expect(pool.leasedBytes).toBe(0);
    expect((await pool.lease(64 * KIB)).bytes.byteLength).toBe(64 * KIB);
  });
});

describe('a lease', () => {
  test('goes back once, however often it is disposed of', async () => {
    const pool = bufferPool({ maxBytes: 8 * KIB });
    const lease = await pool.lease(4 * KIB);
    const other = await pool.lease(4 * KIB);
    lease[Symbol.dispose]();
    lease[Symbol.dispose]();
    expect(pool.leasedBytes).toBe(4 * KIB);
    other[Symbol.dispose]();
  });

  test('goes back when its last holder has let go', async () => {
    const pool = bufferPool({ maxBytes: 8 * KIB });
    const first = await pool.lease(10);
    const second = first.share();
    expect(second.bytes).toBe(first.bytes);
    first[Symbol.dispose]();
    expect(pool.leasedBytes).toBe(4 * KIB);
    const third = second.share();
    second[Symbol.dispose]();
    second[Symbol.dispose]();
    expect(pool.leasedBytes).toBe(4 * KIB);
    third[Symbol.dispose]();
    expect(pool.leasedBytes).toBe(0);
  });

  test('cannot be shared by who has let go, even while others hold it', async () => {
    const pool = bufferPool({ maxBytes: 8 * KIB });
    const first = await pool.lease(10);
    const second = first.share();
    first[Symbol.dispose]();
    expect(() => first.share()).toThrow(/INVALID_ARGUMENT/);
    expect(() => first.bytes).toThrow(/INVALID_ARGUMENT/);
    expect(second.bytes.byteLength).toBe(10);
    second[Symbol.dispose]();
    expect(() => second.share()).toThrow(/INVALID_ARGUMENT/);
  });
});

/** What a pool of `maxBytes` does, without memory: who holds what, who waits, in order. */
interface Model {
  leased: number;
  readonly waiting: { readonly id: number; readonly slabBytes: number }[];
  readonly granted: Map<number, number>;
}

describe('any sequence of leases, returns and aborts', () => {
  const maxBytes = 50 * KIB;
  const step = fc.oneof(
    fc.record({ what: fc.constant('lease' as const), bytes: fc.integer({ min: 1, max: maxBytes }) }),
    fc.record({ what: fc.constant('dispose' as const), which: fc.nat() }),
    fc.record({ what: fc.constant('abort' as const), which: fc.nat() }),
  );

  function grant(model: Model): void {
    while (model.waiting[0] !== undefined && model.leased + model.waiting[0].slabBytes <= maxBytes) {
      const { id, slabBytes } = model.waiting.shift() as Model['waiting'][number];
      model.leased += slabBytes;
      model.granted.set(id, slabBytes);
    }
  }

  async function settled(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
  }

  test('grants what a model grants, never two holders one memory, never more than the budget', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const pool: BufferPool = bufferPool({ maxBytes });
        const model: Model = { leased: 0, waiting: [], granted: new Map() };
        const held = new Map<number, BufferLease>();
        const aborts = new Map<number, AbortController>();
        let nextId = 0;
        for (const action of steps) {
          if (action.what === 'lease') {
            const id = nextId++;
            const abort = new AbortController();
            aborts.set(id, abort);
            pool.lease(action.bytes, { signal: abort.signal }).then(
              (lease) => held.set(id, lease),
              () => {},
            );
            model.waiting.push({ id, slabBytes: Math.min(Math.ceil(action.bytes / 4096) * 4096, maxBytes) });
          } else if (action.what === 'dispose' && held.size > 0) {
            const id = [...held.keys()][action.which % held.size] as number;
            held.get(id)?.[Symbol.dispose]();
            held.delete(id);
            model.leased -= model.granted.get(id) as number;
            model.granted.delete(id);
          } else if (action.what === 'abort' && model.waiting.length > 0) {
            const [gone] = model.waiting.splice(action.which % model.waiting.length, 1);
            aborts.get(gone?.id as number)?.abort();
          }
          grant(model);
          await settled();
          expect([...held.keys()].sort()).toEqual([...model.granted.keys()].sort());
          expect(pool.leasedBytes).toBe(model.leased);
          expect(pool.leasedBytes).toBeLessThanOrEqual(maxBytes);
          expect(new Set([...held.values()].map((lease) => lease.bytes.buffer)).size).toBe(held.size);
        }
      }),
      { numRuns: 200 },
    );
  });
});
