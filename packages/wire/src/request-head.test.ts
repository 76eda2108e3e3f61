import { describe, expect, test } from 'vitest';
import { buildRequestHead, hostHeader } from './request-head.ts';
import { failureOf, get, openClient, originOf } from './testing/open-client.ts';
import { startRawServer } from './testing/raw-server.ts';
import type { Origin, WireRequest } from './types.ts';

const origin: Origin = { scheme: 'http', host: 'store.test', port: 80 };

test('a head is the request line, Host, the headers as given, and the length of a body', () => {
  const headers = ['x-amz-date', '20261125T000000Z', 'X-Latin', 'caf\xe9'];
  expect(buildRequestHead(get(origin, { method: 'PUT', path: '/a%20b?c=d', headers }), 'store.test', 7)).toBe(
    'PUT /a%20b?c=d HTTP/1.1\r\nHost: store.test\r\nx-amz-date: 20261125T000000Z\r\nX-Latin: caf\xe9\r\nContent-Length: 7\r\n\r\n',
  );
  expect(buildRequestHead(get(origin), 'store.test', 0)).toBe('GET / HTTP/1.1\r\nHost: store.test\r\n\r\n');
});

test.each([
  ['http', 'store.test', 80, 'store.test'],
  ['https', 'store.test', 443, 'store.test'],
  ['http', 'store.test', 443, 'store.test:443'],
  ['http', '127.0.0.1', 9000, '127.0.0.1:9000'],
  ['https', '::1', 9000, '[::1]:9000'],
] as const)('Host of %s, %s and %i is %s', (scheme, host, port, expected) => {
  expect(hostHeader({ scheme, host, port })).toBe(expected);
});

const injected: readonly (readonly [string, Partial<WireRequest>])[] = [
  ['a line end in a value', { headers: ['x-a', 'b\r\nx-c: d'] }],
  ['CR in a value', { headers: ['x-a', 'b\rc'] }],
  ['LF in a value', { headers: ['x-a', 'b\nc'] }],
  ['NUL in a value', { headers: ['x-a', 'b\0c'] }],
  ['a character beyond latin1 in a value, whose low byte is LF', { headers: ['x-a', 'b\u010ac'] }],
  ['a line end in a name', { headers: ['x-a: b\r\nx-c', 'd'] }],
  ['a colon in a name', { headers: ['x-a:', 'd'] }],
  ['a name beyond ASCII', { headers: ['x-\u0161', 'd'] }],
  ['an empty name', { headers: ['', 'd'] }],
  ['a name without value', { headers: ['x-a'] }],
  ['a line end in the path', { path: '/a\r\nx-c: d' }],
  ['a space in the path', { path: '/a HTTP/1.1' }],
  ['NUL in the path', { path: '/a\0' }],
  ['a path beyond ASCII', { path: '/\u010a' }],
  ['a path that begins with no slash', { path: 'http://other.test/' }],
  ['another method', { method: 'GET / HTTP/1.1\r\nx:' as 'GET' }],
  ['a length of the caller', { headers: ['Content-Length', '5'] }],
  ['a coding of the caller', { headers: ['transfer-encoding', 'chunked'] }],
  ['a second Host', { headers: ['HOST', 'other.test'] }],
  ['a Connection of the caller', { headers: ['connection', 'close'] }],
];

describe('what could be read as more than it says is INVALID', () => {
  test.each(injected)('%s', async (_title, more) => {
    const failure = await failureOf(openClient().request(get({ ...origin, host: '127.0.0.1', port: 1 }, more)));
    expect(failure.code).toBe('INVALID');
  });

  test.each(['a b', 'a\r\nb', 'a/b', 'a@b', '', 'a:1', '[::1]'])('the host %j', async (host) => {
    expect((await failureOf(openClient().request(get({ ...origin, host })))).code).toBe('INVALID');
  });

  test.each([0, -1, 65_536, 1.5, Number.NaN])('the port %d', async (port) => {
    expect((await failureOf(openClient().request(get({ ...origin, port })))).code).toBe('INVALID');
  });

  test('before anybody is connected to', async () => {
    const server = await startRawServer(() => {});
    const client = openClient();
    for (const [, more] of injected) await failureOf(client.request(get(originOf(server), more)));
    expect([client.stats.connectionsOpened, server.peers.length]).toEqual([0, 0]);
  });
});
