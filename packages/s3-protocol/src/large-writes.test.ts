import {
  type ChecksumType,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { PutResult, RemoteBackend } from '@kvferry/core';
import type { Simulator } from '@kvferry/s3-simulator';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  type BackendOverrides,
  BUCKET,
  openBackend,
  sameBytes,
  sampleBytes,
  startStore,
  storedBytes,
  until,
} from './testing/store.ts';
import { sdkClient } from './testing/stores.ts';
import type { MultipartProfile } from './types.ts';

/** The simulator takes parts as small as this, so that the tests need no large values. */
const PART = 256 * 1024;
const MULTIPART: MultipartProfile = { thresholdBytes: PART, partBytes: PART, fullObjectChecksum: true };
/** Two whole parts and a bit. */
const LENGTH = 2 * PART + 1000;
const VALUE = sampleBytes(LENGTH);
const OLD = sampleBytes(100, 9);
const always = Number.POSITIVE_INFINITY;
const stored: PutResult = { status: 'stored' };

const PART_2 = { method: 'PUT', query: /partNumber=2&/ };
const CREATE = { method: 'POST', query: /^uploads=/ };
const COMPLETE = { method: 'POST', query: /^uploadId=/ };

function startSmall(): Promise<Simulator> {
  return startStore({ minPartBytes: PART });
}

function openParted(store: Simulator, overrides: BackendOverrides = {}): Promise<RemoteBackend> {
  return openBackend(store, { ...overrides, profile: { multipart: MULTIPART, ...overrides.profile } });
}

async function write(
  backend: RemoteBackend,
  parts: readonly Uint8Array[] = [VALUE],
  mode: 'replace' | 'create' = 'replace',
): Promise<PutResult | undefined> {
  const [result] = await backend.put([{ key: 'k', parts }], { mode });
  return result;
}

function sdkOf({ ca, credentials, region, url }: Simulator): S3Client {
  const client = sdkClient({ endpoint: url, region, ca, credentials });
  onTestFinished(() => client.destroy());
  return client;
}

async function uploadBySdk(sdk: S3Client, ChecksumType: ChecksumType): Promise<void> {
  const where = { Bucket: BUCKET, Key: 'k' };
  const checksum = { ChecksumAlgorithm: 'CRC32C' } as const;
  const { UploadId } = await sdk.send(new CreateMultipartUploadCommand({ ...where, ...checksum, ChecksumType }));
  const Parts = [];
  for (let start = 0, PartNumber = 1; start < LENGTH; start += PART, PartNumber++) {
    const Body = VALUE.subarray(start, start + PART);
    const { $metadata: _, ...part } = await sdk.send(
      new UploadPartCommand({ ...where, ...checksum, UploadId, PartNumber, Body }),
    );
    Parts.push({ ...part, PartNumber });
  }
  await sdk.send(new CompleteMultipartUploadCommand({ ...where, UploadId, MultipartUpload: { Parts }, ChecksumType }));
}

async function uploadsIn(store: Simulator): Promise<number> {
  return (await sdkOf(store).send(new ListMultipartUploadsCommand({ Bucket: BUCKET }))).Uploads?.length ?? 0;
}

/** How often each request of an upload was made. */
function requestsOf(store: Simulator): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { method, url } of store.requests) {
    const [, query = ''] = url.split('?');
    const name = `${method} ${query.replace(/uploadId=[^&]*/, 'uploadId')}`.trim();
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

describe('a value longer than the threshold', () => {
  it('goes in parts, with the checksum of each and of the whole', async () => {
    const store = await startSmall();
    expect(await write(await openParted(store))).toEqual(stored);
    expect(requestsOf(store)).toEqual({
      'POST uploads=': 1,
      'PUT partNumber=1&uploadId': 1,
      'PUT partNumber=2&uploadId': 1,
      'PUT partNumber=3&uploadId': 1,
      'POST uploadId': 1,
    });
    for (const { headers, url } of store.requests) {
      if (!/uploads=/.test(url)) expect(headers).toHaveProperty('x-amz-checksum-crc32c');
      expect(headers).not.toHaveProperty('transfer-encoding');
    }
    expect(await uploadsIn(store)).toBe(0);
    const object = await store.getObject(BUCKET, 'k');
    expect(object?.contentType).toBe('application/octet-stream');

    // The SDK compares with the checksum, and says nothing if it holds.
    const sdk = sdkOf(store);
    const head = await sdk.send(new HeadObjectCommand({ Bucket: BUCKET, Key: 'k', ChecksumMode: 'ENABLED' }));
    expect(head).toMatchObject({
      ChecksumType: 'FULL_OBJECT',
      ContentLength: LENGTH,
      ETag: expect.stringContaining('-3'),
    });
    const { Body } = await sdk.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'k', ChecksumMode: 'ENABLED' }));
    expect(sameBytes(await Body?.transformToByteArray(), VALUE)).toBe(true);
  });

  it('goes as one request where it is not longer', async () => {
    const store = await startSmall();
    expect(await write(await openParted(store), [VALUE.subarray(0, PART)])).toEqual(stored);
    expect(requestsOf(store)).toEqual({ PUT: 1 });
  });

  it.each(['private', 'shared'] as const)('is taken from a gather list of %s memory, cut as it lies', async (kind) => {
    const store = await startSmall();
    const memory = new Uint8Array(kind === 'shared' ? new SharedArrayBuffer(LENGTH) : new ArrayBuffer(LENGTH));
    memory.set(VALUE);
    const cuts = [0, 1, 1, PART - 1, PART + 70_000, 2 * PART, LENGTH];
    const parts = cuts.slice(1).map((end, index) => memory.subarray(cuts[index], end));
    const backend = await openParted(store);
    expect(await write(backend, parts)).toEqual(stored);
    expect(sameBytes(await storedBytes(store, 'k'), VALUE)).toBe(true);
    const into = new Uint8Array(LENGTH);
    expect(await backend.get([{ key: 'k', into }])).toEqual([
      { status: 'hit', byteLength: LENGTH, verified: 'checksum' },
    ]);
    expect(sameBytes(into, VALUE)).toBe(true);
  });

  it('goes by I/O threads', async () => {
    const store = await startSmall();
    const backend = await openParted(store, { options: { ioThreads: 2 } });
    const memory = new Uint8Array(new SharedArrayBuffer(LENGTH));
    memory.set(VALUE);
    expect(await write(backend, [memory.subarray(0, 777), memory.subarray(777)])).toEqual(stored);
    expect(sameBytes(await storedBytes(store, 'k'), VALUE)).toBe(true);
  });

  it('is read as it was before, until it is whole', async () => {
    const store = await startSmall();
    await store.putObject(BUCKET, 'k', OLD);
    // Until the first request to complete it has waited in vain for its answer.
    const backend = await openParted(store, { options: { timeouts: { firstByteMs: 500 } } });
    store.addFault({ match: COMPLETE, effect: { kind: 'stall', afterBytes: 'head' } });
    const call = write(backend);
    await until(() => store.requests.some(({ url, method }) => method === 'POST' && /uploadId=/.test(url)));
    expect(await backend.stat(['k'])).toMatchObject([{ byteLength: OLD.byteLength }]);
    expect(await call).toEqual(stored);
    expect(await backend.stat(['k'])).toMatchObject([{ byteLength: LENGTH }]);
  });

  it.each([
    ['keeps none of the whole', { multipart: { ...MULTIPART, fullObjectChecksum: false } }, 'COMPOSITE'],
    ['takes no checksums', { checksum: 'none' }, undefined],
  ] as const)('of a store that %s is verified by its length', async (_what, profile, type) => {
    const store = await startSmall();
    const backend = await openParted(store, { profile: { multipart: MULTIPART, ...profile } });
    expect(await write(backend)).toEqual(stored);
    const head = await sdkOf(store).send(new HeadObjectCommand({ Bucket: BUCKET, Key: 'k', ChecksumMode: 'ENABLED' }));
    expect(head.ChecksumType).toBe(type);
    const into = new Uint8Array(LENGTH);
    expect(await backend.get([{ key: 'k', into }])).toEqual([
      { status: 'hit', byteLength: LENGTH, verified: 'length' },
    ]);
  });

  it('signs its payload on request', async () => {
    const store = await startSmall();
    const backend = await openParted(store, { options: { payloadSigning: 'sha256' } });
    expect(await write(backend)).toEqual(stored);
    for (const { headers } of store.requests) expect(headers['x-amz-content-sha256']).toMatch(/^[0-9a-f]{64}$/);
  });

  it('that no store takes is TOO_LARGE, by the limit of objects and not of one request', async () => {
    const store = await startSmall();
    const backend = await openParted(store);
    expect(backend.capabilities.limits.maxValueBytes).toBe(5 * 1024 ** 4);
    const single = await openBackend(store);
    expect(single.capabilities.limits.maxValueBytes).toBe(5 * 1024 ** 3);
  });
});

describe('what the AWS SDK uploads in parts', () => {
  it.each([
    ['FULL_OBJECT', 'checksum'],
    ['COMPOSITE', 'length'],
  ] as const)('with a checksum that is %s is read, and verified by %s', async (ChecksumType, verified) => {
    const store = await startSmall();
    await uploadBySdk(sdkOf(store), ChecksumType);
    const into = new Uint8Array(LENGTH);
    const backend = await openParted(store);
    expect(await backend.get([{ key: 'k', into }])).toEqual([{ status: 'hit', byteLength: LENGTH, verified }]);
    expect(sameBytes(into, VALUE)).toBe(true);
  });
});

describe('a fault in one part', () => {
  it.each([
    ['a refusal', { kind: 'status', status: 503, code: 'SlowDown' }],
    ['a reset in its midst', { kind: 'reset', afterBytes: 100_000 }],
    ['an answer that is lost', { kind: 'status-after-success', status: 500, code: 'InternalError' }],
    ['a flipped bit', { kind: 'flip', atByte: 4242 }],
  ] as const)('%s: it alone is sent again', async (_what, effect) => {
    const store = await startSmall();
    store.addFault({ match: PART_2, effect });
    expect(await write(await openParted(store))).toEqual(stored);
    expect(requestsOf(store)).toMatchObject({ 'PUT partNumber=1&uploadId': 1, 'PUT partNumber=2&uploadId': 2 });
    expect(sameBytes(await storedBytes(store, 'k'), VALUE)).toBe(true);
    expect(await uploadsIn(store)).toBe(0);
  });

  it('that stays fails the value, keeps the old one, and leaves nothing behind', async () => {
    const store = await startSmall();
    await store.putObject(BUCKET, 'k', OLD);
    store.addFault({ match: PART_2, times: always, effect: { kind: 'status', status: 403, code: 'AccessDenied' } });
    expect(await write(await openParted(store))).toMatchObject({
      status: 'failed',
      error: { code: 'PERMISSION_DENIED', operation: 'put', key: 'k' },
    });
    expect(await uploadsIn(store)).toBe(0);
    expect(await storedBytes(store, 'k')).toEqual(OLD);
  });

  it('an upload that somebody else has removed is an error', async () => {
    const store = await startSmall();
    store.addFault({ match: PART_2, times: always, effect: { kind: 'status', status: 404, code: 'NoSuchUpload' } });
    expect(await write(await openParted(store, { options: { maxAttempts: 1 } }))).toMatchObject({
      error: { code: 'UNAVAILABLE', httpStatus: 404 },
    });
  });
});

describe('completing', () => {
  it('is repeated where its answer was lost, and what is there then is stored', async () => {
    for (const effect of [
      { kind: 'status-after-success', status: 500, code: 'InternalError' },
      { kind: 'status-after-success', status: 503 },
    ] as const) {
      const store = await startSmall();
      store.addFault({ match: COMPLETE, effect });
      expect(await write(await openParted(store))).toEqual(stored);
      expect(requestsOf(store)).toMatchObject({ 'POST uploadId': 2, HEAD: 1 });
      expect(sameBytes(await storedBytes(store, 'k'), VALUE)).toBe(true);
    }
  });

  it('that is lost for good is an error, and the value the old or the new one', async () => {
    const store = await startSmall();
    await store.putObject(BUCKET, 'k', OLD);
    store.addFault({ match: COMPLETE, times: always, effect: { kind: 'reset', afterBytes: 'head' } });
    expect(await write(await openParted(store, { options: { maxAttempts: 2 } }))).toMatchObject({
      error: { code: 'CONNECTION', retry: 'exhausted' },
    });
    expect(await storedBytes(store, 'k')).toEqual(OLD);
    expect(await uploadsIn(store)).toBe(0);
  });

  it('is no success where the upload is gone and another value is there', async () => {
    const store = await startSmall();
    await store.putObject(BUCKET, 'k', OLD);
    store.addFault({ match: COMPLETE, effect: { kind: 'status', status: 404, code: 'NoSuchUpload' } });
    expect(await write(await openParted(store))).toMatchObject({ error: { code: 'UNAVAILABLE', retry: 'later' } });
  });

  it('takes an error document behind a 200 for the error that it is', async () => {
    const store = await startSmall();
    store.addFault({ match: COMPLETE, times: always, effect: { kind: 'status', status: 200, code: 'InternalError' } });
    const backend = await openParted(store, { options: { maxAttempts: 2 } });
    expect(await write(backend)).toMatchObject({ error: { code: 'UNAVAILABLE', retry: 'exhausted' } });
    expect(requestsOf(store)).toMatchObject({ 'POST uploadId': 2 });
    expect(await uploadsIn(store)).toBe(0);
  });

  it('that loses to another writer begins the upload again, and gives up in the end', async () => {
    const conflict = { kind: 'status', status: 409, code: 'ConditionalRequestConflict' } as const;
    const store = await startSmall();
    const backend = await openParted(store);
    store.addFault({ match: COMPLETE, effect: conflict });
    expect(await write(backend, [VALUE], 'create')).toEqual(stored);
    expect(requestsOf(store)).toMatchObject({ 'POST uploads=': 2, 'DELETE uploadId': 1 });

    store.addFault({ match: COMPLETE, times: always, effect: conflict });
    expect(await write(backend)).toMatchObject({ error: { code: 'UNAVAILABLE', retry: 'exhausted', httpStatus: 409 } });
    expect(await uploadsIn(store)).toBe(0);
  });
});

describe('create', () => {
  it('keeps what is there, and leaves nothing behind', async () => {
    const store = await startSmall();
    await store.putObject(BUCKET, 'k', OLD);
    expect(await write(await openParted(store), [VALUE], 'create')).toEqual({ status: 'exists' });
    expect(await storedBytes(store, 'k')).toEqual(OLD);
    expect(await uploadsIn(store)).toBe(0);
  });

  it('of many writers lets one store', async () => {
    const store = await startSmall();
    const backends = await Promise.all([openParted(store), openParted(store)]);
    const race = [0, 1, 2, 3].map((index) =>
      write(backends[index % 2] as RemoteBackend, [sampleBytes(LENGTH, index)], 'create'),
    );
    const results = (await Promise.all(race)).map((result) => result?.status);
    expect(results.toSorted()).toEqual(['exists', 'exists', 'exists', 'stored']);
    expect(sameBytes(await storedBytes(store, 'k'), sampleBytes(LENGTH, results.indexOf('stored')))).toBe(true);
    expect(await uploadsIn(store)).toBe(0);
  });
});

describe('an end before the value is whole leaves no upload behind', () => {
  const open = (store: Simulator) => openParted(store, { options: { maxRequestsInFlight: 4 } });

  it.each([
    ['while a part is under way', { match: PART_2, effect: { kind: 'stall', afterBytes: 100_000 } }],
    ['while a part waits for its answer', { match: PART_2, effect: { kind: 'stall', afterBytes: 'head' } }],
    ['before the answer to its beginning', { match: CREATE, effect: { kind: 'delay', delayMs: 200 } }],
    ['while it is completed', { match: COMPLETE, effect: { kind: 'stall', afterBytes: 'head' } }],
  ] as const)('%s: an abort, and a close', async (_when, fault) => {
    for (const how of ['abort', 'close'] as const) {
      const store = await startSmall();
      await store.putObject(BUCKET, 'k', OLD);
      const backend = await open(store);
      store.addFault(fault);
      const controller = new AbortController();
      const call = backend.put([{ key: 'k', parts: [VALUE] }], { signal: controller.signal });
      call.catch(() => {});
      const { method, query } = fault.match;
      await until(() =>
        store.requests.some((request) => request.method === method && query.test(request.url.split('?')[1] ?? '')),
      );
      if (how === 'abort') {
        controller.abort();
        await expect(call).rejects.toMatchObject({ code: 'ABORTED', operation: 'put' });
      } else {
        await backend.close();
        expect(await call).toMatchObject([{ status: 'failed', error: { code: 'ABORTED' } }]);
      }
      expect(await uploadsIn(store)).toBe(0);
      expect(await storedBytes(store, 'k')).toEqual(OLD);
    }
  });

  it('nor a part that was on its way: it is answered before the upload is aborted', async () => {
    const store = await startSmall();
    const backend = await open(store);
    store.addFault({ match: { method: 'PUT' }, times: always, effect: { kind: 'delay', delayMs: 50 } });
    const controller = new AbortController();
    const call = backend.put([{ key: 'k', parts: [VALUE] }], { signal: controller.signal });
    call.catch(() => {});
    await until(() => store.requests.some(({ method }) => method === 'PUT'));
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: 'ABORTED' });
    const parts = store.requests.filter(({ method }) => method === 'PUT');
    expect(parts.map(({ status }) => status)).toEqual(parts.map(() => 200));
    expect(store.requests.at(-1)).toMatchObject({ method: 'DELETE', status: 204 });
  });

  it('under load: nobody who waits for a slot is served before it', async () => {
    const store = await startSmall();
    const backend = await openParted(store, { options: { maxRequestsInFlight: 1 } });
    store.addFault({ match: { method: 'PUT' }, effect: { kind: 'stall', afterBytes: 'head' } });
    const controller = new AbortController();
    const call = backend.put([{ key: 'k', parts: [VALUE] }], { signal: controller.signal });
    call.catch(() => {});
    await until(() => store.requests.some(({ method }) => method === 'PUT'));
    const waiting = ['a', 'b', 'c'].map((key) => backend.get([{ key, into: new Uint8Array(1) }]));
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: 'ABORTED' });
    await Promise.all(waiting);
    const methods = store.requests.map(({ method }) => method);
    // The one whose turn it was when the part ended.
    expect(methods.slice(0, 4)).toEqual(['POST', 'PUT', 'GET', 'DELETE']);
    expect(await uploadsIn(store)).toBe(0);
  });

  it('and does not wait for long for a store that answers nothing any more', async () => {
    const store = await startSmall();
    const backend = await open(store);
    store.addFault({ match: PART_2, effect: { kind: 'stall', afterBytes: 'head' } });
    for (const method of ['DELETE', 'HEAD']) {
      store.addFault({ match: { method }, times: always, effect: { kind: 'stall', afterBytes: 'head' } });
    }
    const controller = new AbortController();
    const call = backend.put([{ key: 'k', parts: [VALUE] }], { signal: controller.signal });
    call.catch(() => {});
    await until(() => store.requests.some(({ url }) => PART_2.query.test(url)));
    // Begun before, and waiting for a time limit of 5 s.
    const patient = backend.stat(['other']).then(() => 'patient');
    controller.abort();
    expect(await Promise.race([call.catch(() => 'aborted'), patient])).toBe('aborted');
    await backend.close();
  });
});

it('many large values take their turns under the limit on requests', async () => {
  const store = await startSmall();
  const backend = await openParted(store, { options: { maxRequestsInFlight: 2 } });
  // Long enough for a request too many to be there at the same time.
  store.addFault({ times: 10, effect: { kind: 'delay', delayMs: 10 } });
  const items = [0, 1, 2].map((index) => ({ key: `k${index}`, parts: [VALUE.subarray(index)] }));
  expect(await backend.put(items)).toEqual(items.map(() => stored));
  expect(store.stats.maxOpenRequests).toBe(2);
  for (const [index, { key }] of items.entries()) {
    expect(sameBytes(await storedBytes(store, key), VALUE.subarray(index))).toBe(true);
  }
});
