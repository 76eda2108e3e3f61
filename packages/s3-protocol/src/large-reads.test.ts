import { bufferPool, type GetResult, type RemoteBackend } from '@kvferry/core';
import type { PutObjectOptions, Simulator } from '@kvferry/s3-simulator';
import { createWireClient, type WireClient } from '@kvferry/wire';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadDigests } from './checksum.ts';
import {
  type BackendOverrides,
  BUCKET,
  onRecord,
  openBackend,
  sameBytes,
  sampleBytes,
  startStore,
  until,
} from './testing/store.ts';
import type { MultipartProfile } from './types.ts';

/** A read may be cut as finely as one likes, so that the tests need no large values. */
const PART = 64 * 1024;
const MULTIPART: MultipartProfile = { thresholdBytes: PART, partBytes: PART, fullObjectChecksum: true };
/** Four whole ranges and a bit. */
const LENGTH = 4 * PART + 1000;
const VALUE = sampleBytes(LENGTH);
const always = Number.POSITIVE_INFINITY;

async function storeWith(value = VALUE, options: PutObjectOptions = {}): Promise<Simulator> {
  const store = await startStore();
  await store.putObject(BUCKET, 'k', value, options);
  return store;
}

function openRanged(store: Simulator, overrides: BackendOverrides = {}): Promise<RemoteBackend> {
  return openBackend(store, { ...overrides, profile: { multipart: MULTIPART, ...overrides.profile } });
}

async function read(backend: RemoteBackend, into: Uint8Array = new Uint8Array(LENGTH)): Promise<GetResult | undefined> {
  const [result] = await backend.get([{ key: 'k', into }]);
  return result;
}

function rangeAt(index: number): string {
  return `bytes=${index * PART}-${Math.min((index + 1) * PART, LENGTH) - 1}`;
}

/** Ranges asked for, in order of their offsets. */
function rangesOf(store: Simulator): string[] {
  const offset = (range: string) => Number(/\d+/.exec(range)?.[0]);
  return store.requests
    .filter(({ method }) => method === 'GET')
    .map(({ headers }) => headers.range ?? 'whole')
    .sort((a, b) => offset(a) - offset(b));
}

const hit = (byteLength: number, verified: 'checksum' | 'length' = 'checksum') => ({
  status: 'hit',
  byteLength,
  verified,
});

describe('a value longer than the threshold', () => {
  it.each(['private', 'shared'] as const)(
    'comes by ranges of one object, into %s memory, and is verified',
    async (kind) => {
      const store = await storeWith();
      const backend = await openRanged(store);
      const memory = kind === 'shared' ? new SharedArrayBuffer(LENGTH + 2000) : new ArrayBuffer(LENGTH + 2000);
      const whole = new Uint8Array(memory).fill(0xaa);
      const into = whole.subarray(500, 500 + LENGTH + 1000);
      expect(await read(backend, into)).toEqual(hit(LENGTH));
      expect(sameBytes(into.subarray(0, LENGTH), VALUE)).toBe(true);
      const outside = [whole.subarray(0, 500), whole.subarray(500 + LENGTH)];
      expect(outside.every((bytes) => bytes.every((byte) => byte === 0xaa))).toBe(true);

      expect(rangesOf(store)).toEqual([0, 1, 2, 3, 4].map(rangeAt));
      const { etag } = (await store.getObject(BUCKET, 'k')) ?? {};
      for (const { method, headers } of store.requests) {
        // Nobody knows the tag before the first answer.
        const isFirst = headers.range === rangeAt(0);
        expect(headers['if-match'], headers.range).toBe(method === 'HEAD' || isFirst ? undefined : etag);
        // What is on the way may rewrite it.
        expect(headers.authorization).not.toContain('range');
      }
      expect(store.requests.filter(({ method }) => method === 'HEAD')).toHaveLength(1);
    },
  );

  it.each([
    ['of whole ranges', 3 * PART, 3],
    ['of one range', PART, 1],
    ['of less', 1000, 1],
    ['of one byte', 1, 1],
    ['of none', 0, 1],
  ])('may turn out to be one %s: %i bytes, %i ranges', async (_what, byteLength, ranges) => {
    const store = await storeWith(VALUE.subarray(0, byteLength));
    const into = new Uint8Array(LENGTH).fill(0xaa);
    expect(await read(await openRanged(store), into)).toEqual(hit(byteLength));
    expect(sameBytes(into.subarray(0, byteLength), VALUE.subarray(0, byteLength))).toBe(true);
    expect(into.subarray(byteLength).every((byte) => byte === 0xaa)).toBe(true);
    expect(rangesOf(store)).toHaveLength(ranges);
  });

  it('is not asked for by ranges where its memory is not longer than the threshold', async () => {
    const store = await storeWith(VALUE.subarray(0, 1000));
    expect(await read(await openRanged(store), new Uint8Array(PART))).toEqual(hit(1000));
    expect(store.requests).toHaveLength(1);
    expect(rangesOf(store)).toEqual(['whole']);
  });

  it('that its memory does not hold says how long it is', async () => {
    const store = await storeWith();
    const whole = new Uint8Array(LENGTH).fill(0xaa);
    expect(await read(await openRanged(store), whole.subarray(0, LENGTH - 1))).toMatchObject({
      status: 'failed',
      error: { code: 'BUFFER_TOO_SMALL', requiredBytes: LENGTH, retry: 'never' },
    });
    expect(whole.subarray(PART).every((byte) => byte === 0xaa)).toBe(true);
  });

  it('that is absent is a miss, and a bucket that is absent an error', async () => {
    const store = await startStore();
    const backend = await openRanged(store);
    expect(await read(backend)).toEqual({ status: 'miss' });
    const elsewhere = await openRanged(store, { endpoint: { bucket: 'other' } });
    expect(await read(elsewhere)).toMatchObject({ error: { code: 'NAMESPACE_NOT_FOUND' } });
  });
});

describe('what the store keeps', () => {
  it.each([
    ['a checksum of the parts', { crc32c: { base64: 'AAAAAA==-2' } }, 'fast', 'length'],
    ['no checksum', { crc32c: 'none' }, 'fast', 'length'],
    ['CRC64NVME alone', { crc32c: 'none', crc64nvme: 'computed' }, 'fast', 'length'],
    ['CRC64NVME alone', { crc32c: 'none', crc64nvme: 'computed' }, 'full', 'checksum'],
    ['both', { crc64nvme: { base64: 'AAAAAAAAAAA=' } }, 'full', 'checksum'],
    ['CRC32C', {}, 'length', 'length'],
  ] as const)('%s (%j), with verify: %s, is checked by %s', async (_what, options, verify, verified) => {
    const store = await storeWith(VALUE, options);
    const backend = await openRanged(store, { options: { verify } });
    expect(await read(backend)).toEqual(hit(LENGTH, verified));
  });

  it.each([
    ['CRC32C', { crc32c: { base64: 'AAAAAA==' } }, 'fast'],
    ['CRC64NVME', { crc32c: 'none', crc64nvme: { base64: 'AAAAAAAAAAA=' } }, 'full'],
  ] as const)('another %s than that of its bytes is CORRUPT, on a second look too', async (name, options, verify) => {
    const store = await storeWith(VALUE, options);
    const backend = await openRanged(store, { options: { verify } });
    expect(await read(backend)).toMatchObject({
      status: 'failed',
      error: { code: 'CORRUPT', retry: 'exhausted', message: expect.stringContaining(name) },
    });
    expect(rangesOf(store)).toHaveLength(10);
  });
});

describe('a fault in one range', () => {
  it.each([
    ['a refusal', { kind: 'status', status: 503, code: 'SlowDown' }],
    ['a reset in its midst', { kind: 'reset', afterBytes: 1000 }],
    ['a reset before its answer', { kind: 'reset', afterBytes: 'head' }],
    ['an early end', { kind: 'truncate', afterBytes: 1000 }],
    ['less than was asked for', { kind: 'shorten', toBytes: 1000 }],
  ] as const)('%s: it alone is read again', async (_what, effect) => {
    for (const index of [0, 2]) {
      const store = await storeWith();
      store.addFault({ match: { range: rangeAt(index) }, effect });
      const into = new Uint8Array(LENGTH);
      expect(await read(await openRanged(store), into)).toEqual(hit(LENGTH));
      expect(sameBytes(into, VALUE)).toBe(true);
      expect(rangesOf(store)).toEqual([0, 1, 2, 3, 4, index].toSorted().map(rangeAt));
    }
  });

  it('a flipped bit: all of it is read again, on fresh connections', async () => {
    const store = await storeWith();
    store.addFault({ match: { range: rangeAt(3) }, effect: { kind: 'flip', atByte: 77 } });
    const into = new Uint8Array(LENGTH);
    expect(await read(await openRanged(store), into)).toEqual(hit(LENGTH));
    expect(sameBytes(into, VALUE)).toBe(true);
    const gets = store.requests.filter(({ method }) => method === 'GET');
    expect(gets).toHaveLength(10);
    const used = new Set(gets.slice(0, 5).map(({ connection }) => connection));
    for (const { connection } of gets.slice(5)) expect(used).not.toContain(connection);
  });

  it('a bit that always flips is CORRUPT, and the next create replaces the value', async () => {
    const store = await storeWith();
    const remove = store.addFault({
      match: { range: rangeAt(3) },
      times: always,
      effect: { kind: 'flip', atByte: 77 },
    });
    const backend = await openRanged(store, { profile: { multipart: { ...MULTIPART, thresholdBytes: 4 * PART } } });
    expect(await read(backend)).toMatchObject({ error: { code: 'CORRUPT', retry: 'exhausted' } });
    remove();
    const item = { key: 'k', parts: [new Uint8Array(10)] };
    expect(await backend.put([item], { mode: 'create' })).toEqual([{ status: 'stored' }]);
  });

  it('that stays fails the item with its error, once the others are quiet', async () => {
    const store = await storeWith();
    store.addFault({
      match: { range: rangeAt(1) },
      times: always,
      effect: { kind: 'status', status: 403, code: 'AccessDenied' },
    });
    for (const index of [0, 2, 3, 4]) {
      store.addFault({ match: { range: rangeAt(index) }, times: always, effect: { kind: 'stall', afterBytes: 500 } });
    }
    const backend = await openRanged(store);
    const into = new Uint8Array(new SharedArrayBuffer(LENGTH));
    expect(await read(backend, into)).toMatchObject({
      status: 'failed',
      error: { code: 'PERMISSION_DENIED', operation: 'get', key: 'k' },
    });
    into.fill(0xaa);
    await until(() => store.stats.openRequests === 0);
    expect(into.every((byte) => byte === 0xaa)).toBe(true);
  });

  it('a lost HEAD is a lost value', async () => {
    const store = await storeWith();
    store.addFault({ match: { method: 'HEAD' }, times: always, effect: { kind: 'status', status: 500 } });
    expect(await read(await openRanged(store, { options: { maxAttempts: 2 } }))).toMatchObject({
      error: { code: 'UNAVAILABLE', retry: 'exhausted' },
    });
  });
});

describe('an object that is replaced while it is read', () => {
  const NEWER = sampleBytes(LENGTH, 2);

  /** Replaces the object as soon as such a request has been answered, so many times. */
  function replaceAfter(method: 'HEAD' | 'GET', store: Simulator, values: Uint8Array[]): void {
    onRecord((record) => {
      const value = record.method === method ? values.shift() : undefined;
      if (value !== undefined) void store.putObject(BUCKET, 'k', value);
    });
  }

  it('is read again from the beginning', async () => {
    const store = await storeWith();
    replaceAfter('HEAD', store, [NEWER]);
    const into = new Uint8Array(LENGTH);
    expect(await read(await openRanged(store), into)).toEqual(hit(LENGTH));
    expect(sameBytes(into, NEWER)).toBe(true);
    expect(store.requests.some(({ status }) => status === 412)).toBe(true);
  });

  it('twice is an error that may be tried again later', async () => {
    const store = await storeWith();
    replaceAfter('HEAD', store, [NEWER, VALUE]);
    expect(await read(await openRanged(store))).toMatchObject({
      status: 'failed',
      error: { code: 'UNAVAILABLE', retry: 'later' },
    });
  });

  it('by a shorter or a longer one is the new one, or its length', async () => {
    for (const [byteLength, expected] of [
      [1000, hit(1000)],
      [LENGTH + PART, { error: { code: 'BUFFER_TOO_SMALL', requiredBytes: LENGTH + PART } }],
    ] as const) {
      const store = await storeWith();
      replaceAfter('HEAD', store, [sampleBytes(byteLength, 3)]);
      expect(await read(await openRanged(store))).toMatchObject(expected);
    }
  });

  it('is noticed by its tag where the store does not honour If-Match', async () => {
    const store = await storeWith();
    replaceAfter('GET', store, [NEWER]);
    // The first range is the old one's, the others are the new one's.
    const into = new Uint8Array(LENGTH);
    const backend = await openRanged(store, {
      wire: await withoutHeaders(['if-match']),
      options: { verify: 'length', maxRequestsInFlight: 1 },
    });
    expect(await read(backend, into)).toEqual(hit(LENGTH, 'length'));
    expect(sameBytes(into, NEWER)).toBe(true);
    expect(store.requests.some(({ status }) => status === 412)).toBe(false);
  });

  it('is noticed by its length where there are no tags', async () => {
    const store = await storeWith();
    const longer = sampleBytes(LENGTH + PART, 3);
    replaceAfter('HEAD', store, [longer]);
    store.addFault({ times: always, effect: { kind: 'drop-headers', names: ['etag'] } });
    const backend = await openRanged(store, { options: { verify: 'length' } });
    const into = new Uint8Array(LENGTH + PART);
    expect(await read(backend, into)).toEqual(hit(LENGTH + PART, 'length'));
    expect(sameBytes(into, longer)).toBe(true);
  });

  it('by nothing is a miss', async () => {
    const store = await storeWith();
    onRecord(({ method }) => {
      if (method === 'HEAD') store.deleteObject(BUCKET, 'k');
    });
    expect(await read(await openRanged(store))).toEqual({ status: 'miss' });
  });
});

describe('a store that takes no notice of ranges', () => {
  it('sends the value whole, and is not asked for ranges again', async () => {
    const store = await storeWith();
    const backend = await openRanged(store, { wire: await withoutHeaders(['range', 'if-match']) });
    for (let round = 0; round < 2; round++) {
      const into = new Uint8Array(LENGTH);
      expect(await read(backend, into)).toEqual(hit(LENGTH));
      expect(sameBytes(into, VALUE)).toBe(true);
    }
    expect(store.requests.at(-1)).toMatchObject({ method: 'GET', status: 200 });
    expect(store.requests.filter(({ method }) => method === 'HEAD')).toHaveLength(1);
  });

  it.each([0, 1000, PART])('sends one of %i bytes whole, and that is all of it', async (byteLength) => {
    const store = await storeWith(VALUE.subarray(0, byteLength));
    const backend = await openRanged(store, { wire: await withoutHeaders(['range']) });
    const into = new Uint8Array(LENGTH);
    expect(await read(backend, into)).toEqual(hit(byteLength));
    expect(sameBytes(into.subarray(0, byteLength), VALUE.subarray(0, byteLength))).toBe(true);
    expect(store.requests).toHaveLength(2);
  });
});

describe('with I/O threads', () => {
  it.each(['fast', 'full'] as const)('ranges come, and are checked (%s), on these', async (verify) => {
    const store = await storeWith(VALUE, verify === 'full' ? { crc32c: 'none', crc64nvme: 'computed' } : {});
    const backend = await openRanged(store, { options: { ioThreads: 2, verify } });
    const into = new Uint8Array(new SharedArrayBuffer(LENGTH));
    expect(await read(backend, into)).toEqual(hit(LENGTH));
    expect(sameBytes(into, VALUE)).toBe(true);
    store.addFault({ match: { range: rangeAt(1) }, times: always, effect: { kind: 'flip', atByte: 5 } });
    expect(await read(backend, into)).toMatchObject({ error: { code: 'CORRUPT' } });
  });
});

describe('many large values', () => {
  it.each([1, 4])('take their turns under %i requests at once, ranges and all', async (maxRequestsInFlight) => {
    const store = await startStore();
    const keys = Array.from({ length: 12 }, (_, index) => `k${index}`);
    const values = keys.map((_, index) => sampleBytes(LENGTH - index, index));
    for (const [index, key] of keys.entries()) await store.putObject(BUCKET, key, values[index] as Uint8Array);
    const backend = await openRanged(store, { options: { maxRequestsInFlight } });
    // Long enough for a request too many to be there at the same time.
    store.addFault({ times: 40, effect: { kind: 'delay', delayMs: 10 } });
    const items = keys.map((key) => ({ key, into: new Uint8Array(LENGTH) }));
    const results = await backend.get(items);
    for (const [index, value] of values.entries()) {
      expect(results[index]).toEqual(hit(value.byteLength));
      expect(sameBytes(items[index]?.into.subarray(0, value.byteLength), value)).toBe(true);
    }
    expect(store.stats.maxOpenRequests).toBe(maxRequestsInFlight);
  });

  it('an abort settles with all memory quiet, and every slot comes back', async () => {
    const store = await storeWith();
    const remove = store.addFault({
      match: { method: 'GET' },
      times: always,
      effect: { kind: 'stall', afterBytes: 1000 },
    });
    const backend = await openRanged(store, { options: { maxRequestsInFlight: 4 } });
    const memory = new Uint8Array(new SharedArrayBuffer(2 * LENGTH));
    const items = [memory.subarray(0, LENGTH), memory.subarray(LENGTH)].map((into) => ({ key: 'k', into }));
    const controller = new AbortController();
    const call = backend.get(items, { signal: controller.signal });
    await until(() => items.some(({ into }) => into[999] === VALUE[999]));
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: 'ABORTED', operation: 'get' });
    memory.fill(0xaa);
    await until(() => store.stats.openRequests === 0);
    expect(memory.every((byte) => byte === 0xaa)).toBe(true);
    remove();
    expect(await read(backend)).toEqual(hit(LENGTH));
  });

  it('cost no memory in proportion to them', async () => {
    const MIB = 1024 ** 2;
    const byteLength = 16 * MIB;
    const store = await storeWith(sampleBytes(byteLength));
    const pool = bufferPool({ maxBytes: 64 * MIB });
    using lease = await pool.lease(byteLength);
    lease.bytes.fill(1);
    const backend = await openBackend(store, {
      profile: { multipart: { ...MULTIPART, thresholdBytes: MIB, partBytes: MIB } },
    });
    await read(backend, lease.bytes);
    const before = process.memoryUsage();
    const growth = { arrayBuffers: 0, external: 0 };
    for (let round = 0; round < 8; round++) {
      let reading = true;
      const answer = read(backend, lease.bytes).finally(() => {
        reading = false;
      });
      while (reading) {
        await new Promise(setImmediate);
        const now = process.memoryUsage();
        for (const kind of ['arrayBuffers', 'external'] as const) {
          growth[kind] = Math.max(growth[kind], now[kind] - before[kind]);
        }
      }
      expect(await answer).toEqual(hit(byteLength));
    }
    expect(growth.arrayBuffers).toBeLessThan(byteLength / 4);
    expect(growth.external).toBeLessThan(byteLength / 4);
  });
});

/** A wire on which these headers are lost. */
async function withoutHeaders(names: readonly string[]): Promise<WireClient> {
  const wire = createWireClient({ digests: await loadDigests() });
  onTestFinished(() => wire.close());
  return {
    get stats() {
      return wire.stats;
    },
    request: (request) => {
      const headers: string[] = [];
      for (let at = 0; at < request.headers.length; at += 2) {
        const [name = '', value = ''] = request.headers.slice(at, at + 2);
        if (!names.includes(name)) headers.push(name, value);
      }
      return wire.request({ ...request, headers });
    },
    close: () => wire.close(),
  };
}
