import { Readable } from 'node:stream';
import * as sdk from '@aws-sdk/client-s3';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { escapeKey } from '../endpoint.ts';
import { ODD_KEYS } from '../testing/store.ts';
import type { S3Credentials } from '../types.ts';
import { EMPTY_PAYLOAD_SHA256, type SignableRequest, Signer, type SigningScope } from './sigv4.ts';

const scope: SigningScope = { region: 'us-east-1', service: 's3', tokenHeader: 'x-amz-security-token' };

/** "Authenticating Requests: Using the Authorization Header", Amazon S3 API Reference. */
describe('the published examples of S3', () => {
  const credentials: S3Credentials = {
    accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  };
  const nowMs = Date.UTC(2013, 4, 24);
  const base: SignableRequest = {
    method: 'GET',
    path: '/',
    query: '',
    host: 'examplebucket.s3.amazonaws.com',
    headers: [],
    payloadHash: EMPTY_PAYLOAD_SHA256,
  };
  const examples: readonly (readonly [name: string, request: Partial<SignableRequest>, signature: string])[] = [
    [
      'GET object with a range',
      { path: '/test.txt', headers: ['range', 'bytes=0-9'] },
      'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    ],
    [
      'PUT object',
      {
        method: 'PUT',
        path: '/test%24file.text',
        headers: ['date', 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class', 'REDUCED_REDUNDANCY'],
        payloadHash: '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072',
      },
      '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
    ],
    [
      'GET bucket lifecycle',
      { query: 'lifecycle=' },
      'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
    ],
    [
      'GET bucket, a list of objects',
      { query: 'max-keys=2&prefix=J' },
      '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
    ],
  ];

  it.each(examples)('%s', (_name, request, signature) => {
    const headers = new Signer(scope).sign({ ...base, ...request }, credentials, nowMs);
    expect(headerOf(headers, 'authorization')).toMatch(new RegExp(`Signature=${signature}$`));
  });
});

describe('the same input as the AWS SDK', () => {
  const pairs: readonly S3Credentials[] = [
    { accessKeyId: 'AKIDEXAMPLE000000001', secretAccessKey: 'secret/with+signs=' },
    { accessKeyId: 'ASIAEXAMPLE000000001', secretAccessKey: 'other', sessionToken: 'token/with+signs==' },
  ];

  it.each(pairs)('gives the same signature for every key and method, $accessKeyId', async (credentials) => {
    const signer = new Signer(scope);
    for (const key of ODD_KEYS) {
      for (const request of await sdkRequests(key, credentials)) {
        expect(request.path, key).toBe(`/my-bucket/${escapeKey(key)}`);
        expect(signedAgain(signer, request, credentials), `${request.method} ${key}`).toBe(
          request.headers.authorization,
        );
      }
    }
  });
});

describe('the same input as the AWS SDK to a directory bucket', () => {
  const base: S3Credentials = { accessKeyId: 'ASIABASE', secretAccessKey: 'base/secret', sessionToken: 'base+token==' };
  const session: S3Credentials = { accessKeyId: 'ASIASESSION', secretAccessKey: 'secret', sessionToken: 'token/1==' };
  const zone = { region: 'us-east-1', service: 's3express' };

  it('gives the same signature for every key and method under a session, and for what opens it', async () => {
    const opener = new Signer({ ...zone, tokenHeader: 'x-amz-security-token' });
    const signer = new Signer({ ...zone, tokenHeader: 'x-amz-s3session-token' });
    for (const key of ODD_KEYS) {
      const [opening, ...others] = await sdkSessionRequests(key, base, session);
      if (opening === undefined) throw new Error('the SDK sent nothing');
      expect(opening).toMatchObject({ method: 'GET', path: '/', query: { session: '' } });
      expect(signedAgain(opener, opening, base)).toBe(opening.headers.authorization);
      for (const request of others) {
        expect(request.path, key).toBe(`/${escapeKey(key)}`);
        expect(signedAgain(signer, request, session), `${request.method} ${key}`).toBe(request.headers.authorization);
      }
    }
  });
});

/** Our `Authorization` for what a request of the SDK signs. */
function signedAgain(signer: Signer, request: SentRequest, credentials: S3Credentials): string | undefined {
  const signedNames = /SignedHeaders=([^,]+)/.exec(request.headers.authorization ?? '')?.[1]?.split(';') ?? [];
  const added = new Set([
    'host',
    'x-amz-date',
    'x-amz-content-sha256',
    'x-amz-security-token',
    'x-amz-s3session-token',
  ]);
  // Backwards, so that the signer has something to sort.
  const others = signedNames.filter((name) => !added.has(name)).toReversed();
  const headers = signer.sign(
    {
      method: request.method,
      path: request.path,
      query: Object.entries(request.query)
        .map(([name, value]) => `${name}=${value}`)
        .sort()
        .join('&'),
      host: request.headers.host as string,
      headers: others.flatMap((name) => [name, request.headers[name] as string]),
      payloadHash: request.headers['x-amz-content-sha256'] as string,
    },
    credentials,
    parseAmzDate(request.headers['x-amz-date'] as string),
  );
  return headerOf(headers, 'authorization');
}

describe('Signer', () => {
  const request: SignableRequest = {
    method: 'HEAD',
    path: '/k',
    query: '',
    host: 'h',
    headers: [],
    payloadHash: 'UNSIGNED-PAYLOAD',
  };
  const credentials: S3Credentials = { accessKeyId: 'AKID', secretAccessKey: 's3cret', sessionToken: 't0ken' };

  it('carries the session token in the header of its scope, signed', () => {
    const express = new Signer({ region: 'r', service: 's3express', tokenHeader: 'x-amz-s3session-token' });
    const headers = express.sign(request, credentials, 0);
    expect(headerOf(headers, 'x-amz-s3session-token')).toBe('t0ken');
    expect(headerOf(headers, 'authorization')).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKID\/19700101\/r\/s3express\/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-s3session-token, Signature=[0-9a-f]{64}$/,
    );
  });

  it('takes a new key when the day or the credentials change', () => {
    const signer = new Signer(scope);
    const noon = Date.UTC(2026, 0, 1, 12);
    const first = signer.sign(request, credentials, noon);
    const nextDay = signer.sign(request, credentials, noon + 86_400_000);
    const other = signer.sign(request, { ...credentials, secretAccessKey: 'another' }, noon);
    expect(headerOf(nextDay, 'authorization')).toContain('/20260102/');
    expect(new Set([first, nextDay, other].map((headers) => headerOf(headers, 'authorization'))).size).toBe(3);
    expect(signer.sign(request, credentials, noon)).toEqual(first);
  });

  it('leaves host and accept-encoding to others', () => {
    const headers = new Signer(scope).sign(request, credentials, 0);
    expect(headers.filter((_, at) => at % 2 === 0)).toEqual([
      'x-amz-content-sha256',
      'x-amz-date',
      'x-amz-security-token',
      'authorization',
    ]);
  });
});

interface SentRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
}

/** What the SDK would send for a HEAD, a GET and a PUT, caught before it is sent. */
async function sdkRequests(key: string, credentials: S3Credentials): Promise<SentRequest[]> {
  const sent: SentRequest[] = [];
  const handler = {
    handle: async (request: SentRequest) => {
      sent.push(request);
      throw new Error('caught');
    },
  };
  const client = new S3Client({
    region: scope.region,
    endpoint: 'http://127.0.0.1:9000',
    forcePathStyle: true,
    credentials: { ...credentials } as NonNullable<S3ClientConfig['credentials']>,
    maxAttempts: 1,
    requestHandler: handler as never,
  });
  await sendObjectRequests(client, 'my-bucket', key);
  expect(sent).toHaveLength(3);
  return sent;
}

/** The same to a directory bucket, with the request before them that opens the session. */
async function sdkSessionRequests(key: string, base: S3Credentials, session: S3Credentials): Promise<SentRequest[]> {
  const sent: SentRequest[] = [];
  const { accessKeyId, secretAccessKey, sessionToken } = session;
  const document =
    `<CreateSessionResult><Credentials><SessionToken>${sessionToken}</SessionToken><SecretAccessKey>${secretAccessKey}</SecretAccessKey>` +
    `<AccessKeyId>${accessKeyId}</AccessKeyId><Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></CreateSessionResult>`;
  const handler = {
    handle: async (request: SentRequest) => {
      sent.push(request);
      if (request.query.session === undefined) throw new Error('caught');
      return { response: { statusCode: 200, headers: {}, body: Readable.from([Buffer.from(document)]) } };
    },
  };
  const client = new S3Client({
    region: scope.region,
    credentials: { ...base } as NonNullable<S3ClientConfig['credentials']>,
    maxAttempts: 1,
    requestHandler: handler as never,
  });
  await sendObjectRequests(client, 'my-bucket--use1-az4--x-s3', key);
  expect(sent).toHaveLength(4);
  return sent;
}

async function sendObjectRequests(client: S3Client, bucket: string, key: string): Promise<void> {
  const target = { Bucket: bucket, Key: key };
  await client.send(new sdk.HeadObjectCommand(target)).catch(() => {});
  await client.send(new sdk.GetObjectCommand({ ...target, ChecksumMode: 'ENABLED' })).catch(() => {});
  await client
    .send(new sdk.PutObjectCommand({ ...target, Body: 'value', ChecksumAlgorithm: 'CRC32C' }))
    .catch(() => {});
}

function headerOf(headers: readonly string[], name: string): string | undefined {
  return headers[headers.indexOf(name) + 1];
}

function parseAmzDate(text: string): number {
  return Date.parse(text.replace(/^(\d{4})(\d\d)(\d\dT\d\d)(\d\d)(\d\dZ)$/, '$1-$2-$3:$4:$5'));
}
