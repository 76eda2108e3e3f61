import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import type { ErrorCode, RemoteBackend } from '@kvferry/core';
import type { FaultEffect, Simulator } from '@kvferry/s3-simulator';
import { describe, expect, it, onTestFinished } from 'vitest';
import { credentialProvider } from './credentials.ts';
import {
  type BackendOverrides,
  BUCKET,
  collect,
  openBackend,
  SHORT_TIMEOUTS,
  sameBytes,
  sampleBytes,
  startStore,
  storedBytes,
} from './testing/store.ts';

const LENGTH = 200_000;
const OLD = sampleBytes(LENGTH, 1);
/** Short time limits for what is silent, the usual ones for everything else: a busy machine is no silent store. */
function patienceFor(effect: FaultEffect): BackendOverrides {
  return effect.kind === 'stall' ? { options: { timeouts: SHORT_TIMEOUTS } } : {};
}

/** A store with one value, and a backend on it that has not yet asked anything. */
async function storeWithValue(overrides: BackendOverrides = {}): Promise<{ store: Simulator; backend: RemoteBackend }> {
  const store = await startStore();
  await store.putObject(BUCKET, 'k', OLD);
  return { store, backend: await openBackend(store, overrides) };
}

/**
 * Every operation on the key `k`, down to its one result; a list that fails is a failed result, as the others have it.
 */
const operations = {
  stat: async (backend: RemoteBackend) => (await backend.stat(['k']))[0],
  get: async (backend: RemoteBackend) => (await backend.get([{ key: 'k', into: new Uint8Array(LENGTH) }]))[0],
  put: async (backend: RemoteBackend) => (await backend.put([{ key: 'k', parts: [sampleBytes(LENGTH, 2)] }]))[0],
  delete: async (backend: RemoteBackend) => (await backend.delete(['k']))[0],
  list: (backend: RemoteBackend) => collect(backend.list()).catch((error: unknown) => ({ status: 'failed', error })),
} as const;

/** Side by side, since most of what these tests do is wait. */
async function side<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  await Promise.all(items.map(run));
}

type Name = keyof typeof operations;
const names = Object.keys(operations) as Name[];
const always = Number.POSITIVE_INFINITY;

describe('a store that always fails gives its own code, never a miss, never a hit, and does not hang', () => {
  const answers: readonly (readonly [
    name: string,
    effect: FaultEffect,
    code: ErrorCode,
    retry: string,
    requests: number,
  ])[] = [
    ['403 AccessDenied', { kind: 'status', status: 403, code: 'AccessDenied' }, 'PERMISSION_DENIED', 'never', 1],
    ['404 NoSuchBucket', { kind: 'status', status: 404, code: 'NoSuchBucket' }, 'NAMESPACE_NOT_FOUND', 'never', 1],
    ['404 of no S3 store', { kind: 'status', status: 404 }, 'UNKNOWN', 'never', 1],
    ['500', { kind: 'status', status: 500, code: 'InternalError' }, 'UNAVAILABLE', 'exhausted', 3],
    ['502 without a document', { kind: 'status', status: 502 }, 'UNAVAILABLE', 'exhausted', 3],
    ['400 RequestTimeout', { kind: 'status', status: 400, code: 'RequestTimeout' }, 'TIMEOUT', 'exhausted', 3],
    ['429', { kind: 'status', status: 429, code: 'TooManyRequests' }, 'THROTTLED', 'exhausted', 3],
    ['a reset before any answer', { kind: 'reset', afterBytes: 'head' }, 'CONNECTION', 'exhausted', 3],
    ['nothing at all', { kind: 'stall', afterBytes: 'head' }, 'TIMEOUT', 'exhausted', 3],
  ];

  it.each(answers)('%s', async (_title, effect, code, retry, requests) => {
    await side(names, async (name) => {
      const { store, backend } = await storeWithValue(patienceFor(effect));
      store.addFault({ times: always, effect });
      expect(await operations[name](backend), name).toMatchObject({
        status: 'failed',
        error: { code, retry, operation: name },
      });
      // A HEAD that is refused is explained by a GET, once.
      const explained = name === 'stat' && effect.kind === 'status' && effect.status < 429 ? 2 : 1;
      expect(store.requests, name).toHaveLength(requests * explained);
      expect(sameBytes(await storedBytes(store, 'k'), OLD)).toBe(true);
    });
  });

  it('503 SlowDown', async () => {
    await side(
      names.filter((name) => name !== 'stat'),
      async (name) => {
        const { store, backend } = await storeWithValue();
        store.addFault({ times: always, effect: { kind: 'status', status: 503, code: 'SlowDown' } });
        expect(await operations[name](backend), name).toMatchObject({
          status: 'failed',
          error: { code: 'THROTTLED', httpStatus: 503 },
        });
      },
    );
  });

  it('503 to a HEAD, which does not carry the reason', async () => {
    const { store, backend } = await storeWithValue();
    store.addFault({ times: always, effect: { kind: 'status', status: 503, code: 'SlowDown' } });
    expect(await operations.stat(backend)).toMatchObject({ status: 'failed', error: { code: 'UNAVAILABLE' } });
    expect(store.requests).toHaveLength(3);
  });
});

describe('a body that does not arrive as it should', () => {
  const bodies: readonly (readonly [name: string, effect: FaultEffect, code: ErrorCode, requests: number])[] = [
    ['a reset in mid-body', { kind: 'reset', afterBytes: 70_000 }, 'CONNECTION', 3],
    ['a short body', { kind: 'truncate', afterBytes: 70_000 }, 'CORRUPT', 3],
    ['silence in mid-body', { kind: 'stall', afterBytes: 70_000 }, 'TIMEOUT', 3],
    ['a flipped bit', { kind: 'flip', atByte: 123_456 }, 'CORRUPT', 2],
    ['an object that is shorter than its checksum says', { kind: 'shorten', toBytes: 70_000 }, 'CORRUPT', 2],
    ['an error document behind a 200', { kind: 'status', status: 200, code: 'InternalError' }, 'UNAVAILABLE', 3],
  ];

  it('every time: an error with its own code', async () => {
    await side(bodies, async ([name, effect, code, requests]) => {
      const { store, backend } = await storeWithValue(patienceFor(effect));
      store.addFault({ times: always, effect });
      const into = new Uint8Array(LENGTH);
      const [result] = await backend.get([{ key: 'k', into }]);
      expect(result, name).toMatchObject({ status: 'failed', error: { code, retry: 'exhausted', key: 'k' } });
      expect(store.requests, name).toHaveLength(requests);
      expect(Buffer.from(into).includes('<Error>')).toBe(false);
    });
  });

  it('once: costs nobody anything', async () => {
    await side(bodies, async ([name, effect]) => {
      const { store, backend } = await storeWithValue(patienceFor(effect));
      store.addFault({ effect });
      const into = new Uint8Array(LENGTH);
      expect(await backend.get([{ key: 'k', into }]), name).toMatchObject([{ status: 'hit', verified: 'checksum' }]);
      expect(sameBytes(into, OLD), name).toBe(true);
    });
  });

  it('get: what came wrong is asked for again on another connection', async () => {
    const { store, backend } = await storeWithValue();
    store.addFault({ effect: { kind: 'flip', atByte: 5 } });
    await backend.get([{ key: 'k', into: new Uint8Array(LENGTH) }]);
    const [first, second] = store.requests;
    expect(second?.connection).not.toBe(first?.connection);
  });

  it.each([
    ['a reset in mid-upload', { kind: 'reset', afterBytes: 70_000 }, 'CONNECTION'],
    ['silence in mid-upload', { kind: 'stall', afterBytes: 70_000 }, 'TIMEOUT'],
    ['an error document behind a 200', { kind: 'status', status: 200, code: 'InternalError' }, 'UNAVAILABLE'],
    ['other bytes than were sent', { kind: 'status', status: 400, code: 'BadDigest' }, 'CORRUPT'],
  ] as const)('put: %s leaves the old value', async (_name, effect, code) => {
    const { store, backend } = await storeWithValue(patienceFor(effect));
    store.addFault({ times: always, effect });
    expect(await operations.put(backend)).toMatchObject({ status: 'failed', error: { code, retry: 'exhausted' } });
    expect(sameBytes(await storedBytes(store, 'k'), OLD)).toBe(true);
  });

  it('put: an answer that was lost does not lose the value', async () => {
    const { store, backend } = await storeWithValue();
    store.addFault({ effect: { kind: 'status-after-success', status: 500 } });
    expect(await operations.put(backend)).toEqual({ status: 'stored' });
    expect(sameBytes(await storedBytes(store, 'k'), sampleBytes(LENGTH, 2))).toBe(true);
  });
});

describe('an absent key', () => {
  it('is a miss to get and to stat, and nothing to delete', async () => {
    const { backend } = await storeWithValue();
    expect(await backend.get([{ key: 'absent', into: new Uint8Array(1) }])).toEqual([{ status: 'miss' }]);
    expect(await backend.stat(['absent'])).toEqual([{ status: 'miss' }]);
    expect(await backend.delete(['absent'])).toEqual([{ status: 'deleted' }]);
  });

  it('of a store that was never seen is asked for once more, by one of many', async () => {
    const { store, backend } = await storeWithValue();
    const keys = Array.from({ length: 20 }, (_, index) => `absent-${index}`);
    expect(await backend.stat(keys)).toEqual(keys.map(() => ({ status: 'miss' })));
    expect(store.requests.filter(({ method }) => method === 'GET')).toHaveLength(1);
    store.clearRequests();
    await backend.stat(keys);
    expect(store.requests.filter(({ method }) => method === 'GET')).toHaveLength(0);
  });

  it('of a bucket that is not there is no miss', async () => {
    const { store } = await storeWithValue();
    const backend = await openBackend(store, { endpoint: { bucket: 'nowhere' } });
    for (const name of names) {
      expect(await operations[name](backend), name).toMatchObject({
        status: 'failed',
        error: { code: 'NAMESPACE_NOT_FOUND', backend: 's3://nowhere' },
      });
    }
    const keys = Array.from({ length: 20 }, (_, index) => `absent-${index}`);
    const results = await backend.stat(keys);
    expect(results.every((result) => result.status === 'failed' && result.error.code === 'NAMESPACE_NOT_FOUND')).toBe(
      true,
    );
  });

  it('that may not be listed is denied, and the message says what that can mean', async () => {
    const { store, backend } = await storeWithValue();
    store.addFault({
      match: { key: 'absent' },
      times: always,
      effect: { kind: 'status', status: 403, code: 'AccessDenied' },
    });
    const results = [
      ...(await backend.stat(['absent'])),
      ...(await backend.get([{ key: 'absent', into: new Uint8Array(1) }])),
    ];
    for (const result of results) {
      expect(result).toMatchObject({
        status: 'failed',
        error: { code: 'PERMISSION_DENIED', reason: expect.stringMatching(/key that is absent where s3:ListBucket/) },
      });
    }
  });
});

it('one lost item does not lose the others', async () => {
  const { store, backend } = await storeWithValue();
  store.addFault({
    match: { key: 'denied' },
    times: always,
    effect: { kind: 'status', status: 403, code: 'AccessDenied' },
  });
  expect(await backend.stat(['k', 'denied', 'absent', 'k'])).toMatchObject([
    { status: 'hit' },
    { status: 'failed', error: { key: 'denied' } },
    { status: 'miss' },
    { status: 'hit' },
  ]);
});

it.each(['', '<Key></Key>', '<Key>another</Key>'])(
  'a bulk delete that fails for nobody it was asked about has deleted nothing: %j',
  async (key) => {
    const server = createHttpServer((request, response) => {
      request.resume();
      response
        .writeHead(200, { 'content-type': 'application/xml' })
        .end(`<DeleteResult><Error>${key}<Code>InternalError</Code></Error></DeleteResult>`);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
    const { store } = await storeWithValue();
    const backend = await openBackend(store, { endpoint: { port: (server.address() as AddressInfo).port } });
    const error = { code: 'UNKNOWN', reason: expect.stringContaining('InternalError') };
    expect(await backend.delete(['a', 'b'])).toMatchObject([
      { status: 'failed', error },
      { status: 'failed', error },
    ]);
  },
);

describe('a store that is set up otherwise than the options say', () => {
  const message = (text: RegExp) => ({ status: 'failed', error: { reason: expect.stringMatching(text) } });

  it('wrong secret', async () => {
    const { store } = await storeWithValue();
    const { accessKeyId } = store.credentials;
    const backend = await openBackend(store, {
      credentials: credentialProvider({ accessKeyId, secretAccessKey: 'wr0ng-s3cret' }),
    });
    for (const name of names) {
      const result = await operations[name](backend);
      expect(result, name).toMatchObject({ status: 'failed', error: { code: 'UNAUTHENTICATED' } });
      expect(result, name).toMatchObject(message(/Check the secret access key/));
      expect(JSON.stringify(result), name).not.toMatch(/wr0ng|Signature=/);
    }
  });

  it('unknown access key', async () => {
    const { store } = await storeWithValue();
    const backend = await openBackend(store, {
      credentials: credentialProvider({ accessKeyId: 'AKIANOBODY00000007Q', secretAccessKey: 'x' }),
    });
    expect(await operations.get(backend)).toMatchObject({ error: { code: 'UNAUTHENTICATED' } });
    expect(await operations.get(backend)).toMatchObject(message(/AKIA…7Q.*Check the access key id/));
  });

  it('wrong region', async () => {
    const { store } = await storeWithValue();
    const backend = await openBackend(store, { endpoint: { region: 'eu-north-1' } });
    for (const name of names) {
      const result = await operations[name](backend);
      expect(result, name).toMatchObject({ error: { code: 'CONFIG_INVALID', retry: 'never' } });
      expect(result, name).toMatchObject(message(/set region: 'us-east-1'/));
    }
  });

  it('a bucket in the host, where the store takes it from the path', async () => {
    const { store } = await storeWithValue();
    const backend = await openBackend(store, {
      endpoint: {
        host: 'other.example',
        addressing: 'virtual',
        connectTo: { host: '127.0.0.1', port: store.port },
      },
    });
    const result = await operations.get(backend);
    expect(result).toMatchObject({ status: 'failed' });
    expect(result).toMatchObject(message(/addressing/));
  });

  it('nobody listening', async () => {
    const { store } = await storeWithValue();
    await store.close();
    const backend = await openBackend(store);
    for (const name of names) {
      expect(await operations[name](backend), name).toMatchObject({
        error: { code: 'CONNECTION', retry: 'exhausted', reason: expect.stringContaining('127.0.0.1') },
      });
    }
  });

  it('a certificate that is not trusted', async () => {
    const store = await startStore({ scheme: 'https' });
    const backend = await openBackend(store, { options: { tls: undefined } });
    for (const name of names) {
      const result = await operations[name](backend);
      expect(result, name).toMatchObject({ error: { code: 'CONNECTION', retry: 'never' } });
      expect(result, name).toMatchObject(message(/not trusted.*tls: \{ caFile \}/));
    }
    expect(store.requests).toHaveLength(0);
  });

  it('plain http behind https', async () => {
    const { store } = await storeWithValue();
    const backend = await openBackend(store, { endpoint: { scheme: 'https' }, options: { tls: undefined } });
    for (const name of names) {
      const result = await operations[name](backend);
      expect(result, name).toMatchObject({ error: { code: 'CONNECTION', retry: 'never' } });
      expect(result, name).toMatchObject(message(/speaks plain http/));
    }
  });

  it('https behind http', async () => {
    const store = await startStore({ scheme: 'https' });
    const backend = await openBackend(store, { endpoint: { scheme: 'http' }, options: { maxAttempts: 1 } });
    expect(await operations.get(backend)).toMatchObject({ status: 'failed', error: { code: 'CONNECTION' } });
  });

  it('something that is no S3 store', async () => {
    const server = createHttpServer((_request, response) => {
      response.writeHead(404, { 'content-type': 'text/html' }).end('<html><h1>404</h1></html>');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
    const { store } = await storeWithValue();
    const backend = await openBackend(store, { endpoint: { port: (server.address() as AddressInfo).port } });
    for (const name of ['stat', 'get'] as const) {
      expect(await operations[name](backend)).toMatchObject(message(/is it an S3 store/));
    }
  });

  it('something that speaks another protocol', async () => {
    const server = createServer((socket) => {
      socket
        .on('error', () => {})
        .resume()
        .end('220 mail.example ESMTP\r\n');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
    const { store } = await storeWithValue();
    const port = (server.address() as AddressInfo).port;
    const backend = await openBackend(store, { endpoint: { port }, options: { maxAttempts: 1 } });
    expect(await operations.get(backend)).toMatchObject({ status: 'failed', error: { code: 'CONNECTION' } });
  });
});
