import { expect, onTestFinished, test } from 'vitest';
import { credentialProvider } from './credentials.ts';
import { type SignedRequests, signedRequests } from './signed-requests.ts';
import { BUCKET, pathEndpoint, startStore, storedBytes } from './testing/store.ts';
import type { S3Endpoint } from './types.ts';

const { signal } = new AbortController();

async function opened(endpoint: S3Endpoint, credentials: Parameters<typeof credentialProvider>[0]) {
  const way = await signedRequests(endpoint, credentialProvider(credentials), { bucket: BUCKET }, signal);
  onTestFinished(() => way.close());
  return way;
}

const put = (way: SignedRequests, key: string, body: Uint8Array, headers: readonly string[] = []) =>
  way.send({ operation: 'put', method: 'PUT', key, body, headers, signal });

test('a request is signed and sent as it is written, its query and its headers too', async () => {
  const simulator = await startStore();
  const way = await opened(pathEndpoint(simulator), simulator.credentials);
  const body = Buffer.from('value');
  const headers = ['content-type', 'text/plain', 'x-amz-checksum-crc32c', way.crc32c(body)];
  expect((await put(way, 'a b/ü', body, headers)).status).toBe(200);
  expect(await storedBytes(simulator, 'a b/ü')).toEqual(new Uint8Array(body));
  expect(simulator.requests[0]?.headers).toMatchObject({ 'content-type': 'text/plain' });

  const query = 'list-type=2&prefix=a%20b%2F';
  const listed = await way.send({ operation: 'list', method: 'GET', key: '', query, signal });
  expect([listed.status, listed.protocol]).toEqual([200, 'http/1.1']);
  expect(new TextDecoder().decode(listed.body)).toContain('<Key>a b/ü</Key>');
});

test('an error is an answer, and means what it means to a backend', async () => {
  const simulator = await startStore();
  const way = await opened(pathEndpoint(simulator), simulator.credentials);
  const absent = await way.send({ operation: 'get', method: 'GET', key: 'absent', signal });
  expect([absent.status, absent.document.code]).toEqual([404, 'NoSuchKey']);
  expect(way.judge({ operation: 'get' }, absent)).toBe('miss');
  const wrong = await put(way, 'a', Buffer.from('value'), ['x-amz-checksum-crc32c', 'AAAAAA==']);
  expect(way.judge({ operation: 'put' }, wrong)).toMatchObject({ code: 'CORRUPT' });
});

test('nothing is repeated, and no answer is an error', async () => {
  const simulator = await startStore();
  const way = await opened(pathEndpoint(simulator), simulator.credentials);
  simulator.addFault({ effect: { kind: 'status', status: 503, code: 'SlowDown' } });
  expect((await put(way, 'a', Buffer.from('value'))).status).toBe(503);
  expect(simulator.requests).toHaveLength(1);
  // Twice: the wire sends once more what a kept connection has lost.
  simulator.addFault({ times: 2, effect: { kind: 'reset', afterBytes: 'head' } });
  await expect(put(way, 'a', Buffer.from('value'))).rejects.toMatchObject({ code: 'CONNECTION', operation: 'put' });
});

test("a clock that is wrong is the machine's affair, not the store's", async () => {
  const simulator = await startStore({ now: () => Date.now() + 3_600_000 });
  const way = await opened(pathEndpoint(simulator), simulator.credentials);
  expect((await put(way, 'a', Buffer.from('value'))).status).toBe(200);
});

test('certificates that are none are an error of the options, as for a backend', async () => {
  const simulator = await startStore();
  const tls = { ca: '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n' };
  const opening = signedRequests(
    pathEndpoint(simulator),
    credentialProvider(simulator.credentials),
    { bucket: BUCKET, tls },
    signal,
  );
  await expect(opening).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});

test('a request that waits for credentials ends with its signal', async () => {
  const simulator = await startStore();
  const fixed = credentialProvider(simulator.credentials);
  let asked = 0;
  const slow = { ...fixed, get: () => (asked++ === 0 ? fixed.get() : new Promise<never>(() => {})) };
  const way = await signedRequests(pathEndpoint(simulator), slow, { bucket: BUCKET }, signal);
  onTestFinished(() => way.close());
  const interrupt = new AbortController();
  const sent = way.send({ operation: 'get', method: 'GET', key: 'a', signal: interrupt.signal });
  interrupt.abort();
  await expect(sent).rejects.toMatchObject({ code: 'ABORTED', operation: 'get' });
});

test('says whose requests they are, without a secret', async () => {
  const simulator = await startStore();
  const way = await opened(pathEndpoint(simulator), simulator.credentials);
  expect(way.identity).toMatch(/^static kvfe/);
  expect(way.identity).not.toContain(simulator.credentials.secretAccessKey);
});
