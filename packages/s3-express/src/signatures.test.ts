import { Agent, createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo, LookupFunction } from 'node:net';
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { s3Express } from './s3-express.ts';

const BUCKET = 'my-bucket--use1-az4--x-s3';
const KEY = 'meta-llama_Llama-3.1-8B-Instruct@1@0@49bc192c478bfc2e@bfloat16';
const VALUE = Buffer.from('a chunk of KV cache');
const BASE = { accessKeyId: 'ASIABASE000000000001', secretAccessKey: 'base/secret+1', sessionToken: 'base+token/1==' };
const SESSION = {
  accessKeyId: 'ASIASESSION000000001',
  secretAccessKey: 'session/secret+1',
  sessionToken: 'token+1/==',
};

interface SentRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

/** Nothing goes to AWS: its names are where the server is. */
interface Recorder {
  readonly endpoint: string;
  readonly port: number;
  readonly sent: SentRequest[];
}

beforeEach(() => {
  // The same second for both.
  vi.useFakeTimers({ toFake: ['Date'], now: Date.parse('2026-03-01T12:00:00Z') });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A server that gives everybody the same session, lets everything pass, and keeps what was sent. */
async function startRecorder(): Promise<Recorder> {
  const sent: SentRequest[] = [];
  const server = createServer((request, response) => {
    const { headers, method = '', url = '' } = request;
    sent.push({ method, url, headers });
    request.resume().once('end', () => {
      response.setHeader('etag', '"1"');
      if (!url.includes('session')) {
        if (method !== 'PUT') response.setHeader('content-length', VALUE.length);
        response.end(method === 'GET' ? VALUE : '');
      } else {
        const { accessKeyId, secretAccessKey, sessionToken } = SESSION;
        response.end(
          `<CreateSessionResult><Credentials><SessionToken>${sessionToken}</SessionToken><SecretAccessKey>${secretAccessKey}</SecretAccessKey>` +
            `<AccessKeyId>${accessKeyId}</AccessKeyId><Expiration>2026-03-01T12:05:00Z</Expiration></Credentials></CreateSessionResult>`,
        );
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return { endpoint: `http://s3express-use1-az4.us-east-1.amazonaws.com:${port}`, port, sent };
}

/** What this package sends for a HEAD, a GET and a PUT, and for the session behind them. */
async function ourRequests({ endpoint, port }: Recorder): Promise<void> {
  const connectTo = { host: '127.0.0.1', port };
  const options = { bucket: BUCKET, region: 'us-east-1', endpoint, connectTo, credentials: BASE };
  const backend = s3Express({ ...options, payloadSigning: 'sha256' });
  try {
    await backend.open();
    expect(await backend.stat([KEY])).toMatchObject([{ status: 'hit' }]);
    expect(await backend.get([{ key: KEY, into: new Uint8Array(100) }])).toMatchObject([{ status: 'hit' }]);
    expect(await backend.put([{ key: KEY, parts: [VALUE] }])).toEqual([{ status: 'stored' }]);
  } finally {
    await backend.close();
  }
}

/** The same of the AWS SDK, with its own defaults: it knows a directory bucket by its name. */
async function sdkRequests({ endpoint }: Recorder): Promise<S3Client> {
  const requestHandler = { httpAgent: new Agent({ lookup: here }) };
  // A copy: the SDK writes into what it is given.
  const client = new S3Client({ region: 'us-east-1', endpoint, credentials: { ...BASE }, requestHandler });
  onTestFinished(() => client.destroy());
  const target = { Bucket: BUCKET, Key: KEY };
  await client.send(new HeadObjectCommand(target));
  await client.send(new GetObjectCommand({ ...target, ChecksumMode: 'ENABLED' }));
  await client.send(new PutObjectCommand({ ...target, Body: VALUE, ChecksumAlgorithm: 'CRC32C' }));
  return client;
}

const here: LookupFunction = (_hostname, options, callback) => {
  if (options.all) callback(null, [{ address: '127.0.0.1', family: 4 }]);
  else callback(null, '127.0.0.1', 4);
};

/** What a request signs, by name. */
function signedOf({ headers }: SentRequest): Record<string, string> {
  const names = /SignedHeaders=([^,]+)/.exec(headers.authorization ?? '')?.[1]?.split(';') ?? [];
  return Object.fromEntries(names.map((name) => [name, String(headers[name])]));
}

test('the signer of the AWS SDK signs our requests as we do', async () => {
  const recorder = await startRecorder();
  await ourRequests(recorder);
  const ours = recorder.sent.splice(0);
  expect(ours.map(({ method, url }) => `${method} ${url}`)).toEqual([
    'GET /?session=',
    ...['HEAD', 'GET', 'PUT'].map((method) => `${method} /${KEY.replaceAll('@', '%40')}`),
  ]);

  const client = await sdkRequests(recorder);
  const signer = (await client.config.signer()) as unknown as SdkSigner;
  const options = { signingDate: new Date(), signingRegion: 'us-east-1', signingService: 's3express' };
  for (const request of ours) {
    const [path = '', query] = request.url.split('?');
    const unsigned = {
      method: request.method,
      protocol: 'http:',
      hostname: request.headers.host,
      path,
      query: query === undefined ? {} : { session: '' },
      headers: signedOf(request),
    };
    const signed =
      query === undefined
        ? await signer.signWithCredentials(unsigned, SESSION, options)
        : await signer.sign(unsigned, options);
    expect(signed.headers.authorization, `${request.method} ${request.url}`).toBe(request.headers.authorization);
  }
});

/** The part of it that signs. Only requests to directory buckets use the second. */
interface SdkSigner {
  sign(request: object, options: object): Promise<{ readonly headers: Readonly<Record<string, string>> }>;
  signWithCredentials(
    request: object,
    credentials: object,
    options: object,
  ): Promise<{ readonly headers: Readonly<Record<string, string>> }>;
}

test('for the same input the AWS SDK sends the same path, and signs all that we sign with the same values', async () => {
  const recorder = await startRecorder();
  await ourRequests(recorder);
  const ours = recorder.sent.splice(0);
  await sdkRequests(recorder);
  const theirs = recorder.sent.splice(0);
  const pathOf = ({ method, url }: SentRequest) => `${method} ${url.split('?')[0]}`;
  expect(ours.map(pathOf)).toEqual(theirs.map(pathOf));

  for (const [index, request] of ours.entries()) {
    const { 'x-amz-create-session-mode': mode, ...signed } = signedOf(request);
    // The SDK leaves it out, which asks for as much as is allowed; we ask for what we need.
    expect(mode).toBe(index === 0 ? 'ReadWrite' : undefined);
    expect(signedOf(theirs[index] as SentRequest), pathOf(request)).toMatchObject(signed);
    const scopeOf = ({ headers }: SentRequest) => /Credential=([^,]+)/.exec(headers.authorization ?? '')?.[1];
    expect(scopeOf(request)).toBe(scopeOf(theirs[index] as SentRequest));
    const { accessKeyId } = index === 0 ? BASE : SESSION;
    expect(scopeOf(request)).toBe(`${accessKeyId}/20260301/us-east-1/s3express/aws4_request`);
    // Which token goes where: that of the credentials opens the session, and its own goes with all else.
    expect(request.headers['x-amz-security-token']).toBe(index === 0 ? BASE.sessionToken : undefined);
    expect(request.headers['x-amz-s3session-token']).toBe(index === 0 ? undefined : SESSION.sessionToken);
  }
});
