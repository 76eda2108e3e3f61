import { createHash, createHmac } from 'node:crypto';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3ServiceException } from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import { Sessions } from './sessions.ts';
import { type Access, createVerifier, type SignedRequest } from './signatures.ts';
import { BUCKET, openSimulator } from './testing/open.ts';
import { type RawAnswer, type RawRequest, send, sendUnsigned, signedHeaders, signingKey } from './testing/raw.ts';
import { refusal, sdkClient } from './testing/sdk.ts';
import type { Simulator } from './types.ts';

const TEMPORARY = { accessKeyId: 'temporary', secretAccessKey: 'temporary-secret', sessionToken: 'a-token' };
const PATH = `/${BUCKET}/k`;
const GET: RawRequest = { method: 'GET', path: PATH };

function expectRefused(answer: RawAnswer, status: number, code: string): void {
  expect(/<Code>(\w+)<\/Code>/.exec(answer.body.toString())?.[1]).toBe(code);
  expect(answer.status).toBe(status);
}

async function withObject(options: Parameters<typeof openSimulator>[0] = {}): Promise<Simulator> {
  const simulator = await openSimulator(options);
  await simulator.putObject(BUCKET, 'k', Buffer.from('hello'));
  return simulator;
}

/** The example "GET Object" of Amazon S3's reference on SigV4 by header: an outside proof that the verifier computes what S3 does. */
describe('the published example', () => {
  const request: SignedRequest = {
    method: 'GET',
    path: '/test.txt',
    query: [],
    headers: new Map([
      ['host', ['examplebucket.s3.amazonaws.com']],
      ['range', ['bytes=0-9']],
      ['x-amz-content-sha256', ['e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855']],
      ['x-amz-date', ['20130524T000000Z']],
      [
        'authorization',
        [
          'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
        ],
      ],
    ]),
  };
  const verifier = createVerifier({
    credentials: [{ accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' }],
    sessions: new Sessions(1),
    region: 'us-east-1',
    now: () => Date.parse('2013-05-24T00:00:00Z'),
  });
  const access: Access = { service: 's3', by: 'credentials' };

  test('is taken', () => {
    expect(verifier.verify(request, access)).toMatchObject({ kind: 'sha256' });
  });

  test('is refused for another path', () => {
    expect(() => verifier.verify({ ...request, path: '/other.txt' }, access)).toThrowError(/signature/);
  });
});

describe('the AWS SDK', () => {
  test('with a wrong secret is refused', async () => {
    const simulator = await withObject();
    const client = sdkClient(simulator, { credentials: { ...simulator.credentials, secretAccessKey: 'wrong' } });
    const read = client.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'k' }));
    expect(await refusal(read)).toEqual({ name: 'SignatureDoesNotMatch', status: 403 });
    const write = client.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'k', Body: Buffer.alloc(8_000_000) }));
    expect(await refusal(write)).toEqual({ name: 'SignatureDoesNotMatch', status: 403 });
    expect((await simulator.getObject(BUCKET, 'k'))?.body.byteLength).toBe(5);
  });

  test('with an unknown key is refused', async () => {
    const simulator = await withObject();
    const client = sdkClient(simulator, { credentials: { ...simulator.credentials, accessKeyId: 'nobody' } });
    const read = client.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'k' }));
    expect(await refusal(read)).toEqual({ name: 'InvalidAccessKeyId', status: 403 });
  });

  test('with another region is refused, and told which is right', async () => {
    const client = sdkClient(await withObject({ region: 'eu-west-1' }), { region: 'us-east-2' });
    const read = client.send(new ListObjectsV2Command({ Bucket: BUCKET }));
    await expect(read).rejects.toThrowError(S3ServiceException);
    await expect(read).rejects.toMatchObject({ name: 'AuthorizationHeaderMalformed', Region: 'eu-west-1' });
  });

  test('with temporary credentials and their token is taken', async () => {
    const client = sdkClient(await withObject({ credentials: [TEMPORARY] }));
    const got = await client.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'k' }));
    expect(await got.Body?.transformToString()).toBe('hello');
  });
});

describe('what is signed', () => {
  test('no signature: AccessDenied', async () => {
    const simulator = await withObject();
    const answer = await sendUnsigned(simulator, GET, { host: `127.0.0.1:${simulator.port}` });
    expectRefused(answer, 403, 'AccessDenied');
  });

  test.each([
    { name: 'x-amz-meta-a', value: 'changed' },
    { name: 'host', value: 's3.localhost' },
    { name: 'x-amz-content-sha256', value: createHash('sha256').update('other').digest('hex') },
  ])('a changed $name: SignatureDoesNotMatch', async ({ name, value }) => {
    const simulator = await withObject();
    const request = { ...GET, headers: { 'x-amz-meta-a': 'as signed' } };
    const headers = signedHeaders(simulator, request);
    expect((await sendUnsigned(simulator, request, headers)).status).toBe(200);
    expectRefused(await sendUnsigned(simulator, request, { ...headers, [name]: value }), 403, 'SignatureDoesNotMatch');
  });

  test.each([
    { method: 'HEAD', path: PATH },
    { method: 'GET', path: `/${BUCKET}/other` },
    { method: 'GET', path: `${PATH}?x-id=GetObject` },
  ])('a changed request line, $method $path: refused', async (changed) => {
    const simulator = await withObject();
    const answer = await sendUnsigned(simulator, changed, signedHeaders(simulator, GET));
    expect(answer.status).toBe(403);
  });

  test('an x-amz- header added behind the signature: AccessDenied, and named', async () => {
    const simulator = await withObject();
    const headers = { ...signedHeaders(simulator, GET), 'x-amz-checksum-mode': 'ENABLED' };
    const answer = await sendUnsigned(simulator, GET, headers);
    expectRefused(answer, 403, 'AccessDenied');
    expect(answer.body.toString()).toContain('<HeadersNotSigned>x-amz-checksum-mode</HeadersNotSigned>');
  });

  test('a path that was encoded twice is another path', async () => {
    const simulator = await openSimulator();
    await simulator.putObject(BUCKET, 'a b', Buffer.from('x'));
    const once = { method: 'GET', path: `/${BUCKET}/a%20b` };
    const twice = { method: 'GET', path: `/${BUCKET}/a%2520b` };
    expect((await sendUnsigned(simulator, once, signedHeaders(simulator, once))).status).toBe(200);
    expectRefused(await sendUnsigned(simulator, once, signedHeaders(simulator, twice)), 403, 'SignatureDoesNotMatch');
  });

  test('without x-amz-content-sha256: InvalidRequest', async () => {
    const simulator = await withObject();
    const { 'x-amz-content-sha256': _, ...headers } = signedHeaders(simulator, GET);
    expectRefused(await sendUnsigned(simulator, GET, headers), 400, 'InvalidRequest');
  });

  test('a payload hash that is none: InvalidArgument', async () => {
    expectRefused(await send(await withObject(), { ...GET, payloadHash: 'something' }), 400, 'InvalidArgument');
  });

  test('a payload hash of another body: XAmzContentSHA256Mismatch, and nothing is stored', async () => {
    const simulator = await withObject();
    const payloadHash = createHash('sha256').update('other').digest('hex');
    const request = { method: 'PUT', path: PATH, body: Buffer.from('world'), payloadHash };
    expectRefused(await send(simulator, request), 400, 'XAmzContentSHA256Mismatch');
    expectRefused(await send(simulator, { ...GET, payloadHash }), 400, 'XAmzContentSHA256Mismatch');
    expect(Buffer.from((await simulator.getObject(BUCKET, 'k'))?.body ?? []).toString()).toBe('hello');
  });
});

describe('the scope', () => {
  test('another service or a malformed header: AuthorizationHeaderMalformed', async () => {
    const simulator = await withObject();
    const headers = signedHeaders(simulator, GET);
    const { authorization = '' } = headers;
    for (const changed of [authorization.replace('/s3/', '/ec2/'), authorization.replace('Signature=', 'Sign=')]) {
      const answer = await sendUnsigned(simulator, GET, { ...headers, authorization: changed });
      expectRefused(answer, 400, 'AuthorizationHeaderMalformed');
    }
  });

  test('region * takes any', async () => {
    expect((await send(await withObject({ region: '*' }), { ...GET, region: 'US-WEST-04A' })).status).toBe(200);
  });
});

describe('the clock', () => {
  const minute = 60_000;
  test.each([
    { skewMs: -16 * minute, status: 403 },
    { skewMs: -14 * minute, status: 200 },
    { skewMs: 14 * minute, status: 200 },
    { skewMs: 16 * minute, status: 403 },
  ])('a request $skewMs ms off: $status', async ({ skewMs, status }) => {
    const serverMs = Date.parse('2026-03-01T12:00:00Z');
    const simulator = await withObject({ now: () => serverMs });
    const answer = await send(simulator, { ...GET, timeMs: serverMs + skewMs });
    expect(answer.status).toBe(status);
    if (status === 403) expectRefused(answer, 403, 'RequestTimeTooSkewed');
    expect(answer.headers.date).toBe('Sun, 01 Mar 2026 12:00:00 GMT');
  });
});

describe('session tokens', () => {
  test.each([
    { sessionToken: undefined, code: 'InvalidToken' },
    { sessionToken: 'another', code: 'InvalidToken' },
  ])('$sessionToken: $code', async ({ sessionToken, code }) => {
    const simulator = await withObject({ credentials: [TEMPORARY] });
    expectRefused(await send(simulator, { ...GET, credentials: { ...TEMPORARY, sessionToken } }), 400, code);
  });

  test('a token with a key that has none: InvalidToken', async () => {
    const simulator = await withObject();
    const credentials = { ...simulator.credentials, sessionToken: 'a-token' };
    expectRefused(await send(simulator, { ...GET, credentials }), 400, 'InvalidToken');
  });

  test('after its end: ExpiredToken', async () => {
    let nowMs = Date.now();
    const credentials = [{ ...TEMPORARY, expiresAtMs: nowMs + 1000 }];
    const simulator = await withObject({ credentials, now: () => nowMs });
    expect((await send(simulator, GET)).status).toBe(200);
    nowMs += 1000;
    expectRefused(await send(simulator, GET), 400, 'ExpiredToken');
  });
});

describe('a presigned URL', () => {
  /** Made by the same steps as the published example of query authentication. */
  function presigned(simulator: Simulator, expiresSeconds: number): RawRequest {
    const { accessKeyId } = simulator.credentials;
    const timestamp = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
    const scope = `${timestamp.slice(0, 8)}/us-east-1/s3/aws4_request`;
    const query = [
      'X-Amz-Algorithm=AWS4-HMAC-SHA256',
      `X-Amz-Credential=${encodeURIComponent(`${accessKeyId}/${scope}`)}`,
      `X-Amz-Date=${timestamp}`,
      `X-Amz-Expires=${expiresSeconds}`,
      'X-Amz-SignedHeaders=host',
    ].join('&');
    const signature = presignature(simulator, query, timestamp, scope);
    return { method: 'GET', path: `${PATH}?${query}&X-Amz-Signature=${signature}` };
  }

  test('is taken until it expires, and only as it was made', async () => {
    let nowMs = Date.now();
    const simulator = await withObject({ now: () => nowMs });
    const request = presigned(simulator, 60);
    const headers = { host: `127.0.0.1:${simulator.port}` };
    expect((await sendUnsigned(simulator, request, headers)).body.toString()).toBe('hello');
    const changed = { ...request, path: request.path.replace('X-Amz-Expires=60', 'X-Amz-Expires=61') };
    expectRefused(await sendUnsigned(simulator, changed, headers), 403, 'SignatureDoesNotMatch');
    nowMs += 62_000;
    expectRefused(await sendUnsigned(simulator, request, headers), 403, 'AccessDenied');
  });
});

function presignature(simulator: Simulator, query: string, timestamp: string, scope: string): string {
  const canonical = `GET\n${PATH}\n${query}\nhost:127.0.0.1:${simulator.port}\n\nhost\nUNSIGNED-PAYLOAD`;
  const hash = createHash('sha256').update(canonical).digest('hex');
  const key = signingKey(simulator.credentials.secretAccessKey, scope);
  return createHmac('sha256', key).update(`AWS4-HMAC-SHA256\n${timestamp}\n${scope}\n${hash}`).digest('hex');
}
