import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  paginateListObjectsV2,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import { isDirectoryBucketName } from './directory-buckets.ts';
import { BUCKET as GENERAL, openSimulator, someBytes } from './testing/open.ts';
import { type RawAnswer, type RawRequest, send } from './testing/raw.ts';
import { refusal, sdkClient, zonalClient } from './testing/sdk.ts';
import type { Simulator, SimulatorCredentials, SimulatorOptions } from './types.ts';

const BUCKET = 'my-bucket--use1-az4--x-s3';
const OTHER = 'other--use1-az4--x-s3';
const ZONE = 's3express-use1-az4.us-east-1.amazonaws.com';
/** Where AWS makes and removes them. */
const CONTROL = 's3express-control.us-east-1.amazonaws.com';
const PART_BYTES = 5 * 1024 * 1024;

function openZone(options: SimulatorOptions = {}): Promise<Simulator> {
  return openSimulator({ buckets: [BUCKET, OTHER, GENERAL], hosts: [ZONE], ...options });
}

interface SessionPair {
  readonly credentials: SimulatorCredentials;
  readonly token: string;
  readonly expiresAtMs: number;
}

/** A session, as a client gets it. */
async function openSession(simulator: Simulator, mode?: string, bucket: string = BUCKET): Promise<SessionPair> {
  const headers = mode === undefined ? {} : { 'x-amz-create-session-mode': mode };
  const answer = await send(simulator, { method: 'GET', path: `/${bucket}/?session`, service: 's3express', headers });
  expect(answer.status).toBe(200);
  const field = (name: string): string => new RegExp(`<${name}>(.*)</${name}>`).exec(answer.body.toString())?.[1] ?? '';
  return {
    credentials: { accessKeyId: field('AccessKeyId'), secretAccessKey: field('SecretAccessKey') },
    token: field('SessionToken'),
    expiresAtMs: Date.parse(field('Expiration')),
  };
}

/** A request under a session. */
function under(session: SessionPair, request: RawRequest): RawRequest {
  const headers = { 'x-amz-s3session-token': session.token, ...request.headers };
  return { ...request, service: 's3express', credentials: session.credentials, headers };
}

function codeOf(answer: RawAnswer): string {
  return `${answer.status} ${/<Code>(\w+)<\/Code>/.exec(answer.body.toString())?.[1]}`;
}

const GET: RawRequest = { method: 'GET', path: `/${BUCKET}/k` };
const PUT: RawRequest = { method: 'PUT', path: `/${BUCKET}/k`, body: Buffer.from('hello') };

describe.each(['by itself, at AWS’s own names', 'at an address'])(
  'the AWS SDK, which speaks S3 Express %s',
  (where) => {
    async function start(): Promise<{ readonly client: S3Client; readonly simulator: Simulator }> {
      if (where === 'at an address') {
        const simulator = await openZone();
        return { simulator, client: sdkClient(simulator) };
      }
      const simulator = await openZone({ scheme: 'https' });
      return { simulator, client: zonalClient(simulator) };
    }

    test('puts, gets, heads, lists, copies and deletes under one session', async () => {
      const { client, simulator } = await start();
      const target = { Bucket: BUCKET, Key: 'a/k' };
      const { ETag } = await client.send(new PutObjectCommand({ ...target, Body: 'hello' }));
      const got = await client.send(new GetObjectCommand({ ...target, ChecksumMode: 'ENABLED' }));
      expect(await got.Body?.transformToString()).toBe('hello');
      expect(got.ETag).toBe(ETag);
      expect(await client.send(new HeadObjectCommand(target))).toMatchObject({ ContentLength: 5, ETag });
      await client.send(new CopyObjectCommand({ ...target, Key: 'a/copy', CopySource: `${BUCKET}/a/k` }));
      const listed = await client.send(new ListObjectsV2Command({ Bucket: BUCKET, Prefix: 'a/' }));
      expect(listed.Contents?.map(({ Key }) => Key).sort()).toEqual(['a/copy', 'a/k']);
      expect(listed.Contents?.[0]?.StorageClass).toBe('EXPRESS_ONEZONE');
      await client.send(new DeleteObjectCommand(target));
      const Objects = [{ Key: 'a/copy' }, { Key: 'absent' }];
      const deleted = await client.send(new DeleteObjectsCommand({ Bucket: BUCKET, Delete: { Objects } }));
      expect(deleted.Deleted).toHaveLength(2);
      expect(simulator.listKeys(BUCKET)).toEqual([]);
      expect(await refusal(client.send(new GetObjectCommand(target)))).toEqual({ name: 'NoSuchKey', status: 404 });
      expect(simulator.requests.filter(({ url }) => url.includes('session'))).toHaveLength(1);
    });

    test('uploads in parts', async () => {
      const { client, simulator } = await start();
      const target = { Bucket: BUCKET, Key: 'large' };
      const body = someBytes(PART_BYTES + 1000);
      const { UploadId } = await client.send(new CreateMultipartUploadCommand(target));
      const Parts = [];
      for (const [index, Body] of [body.subarray(0, PART_BYTES), body.subarray(PART_BYTES)].entries()) {
        const PartNumber = index + 1;
        const { ETag } = await client.send(new UploadPartCommand({ ...target, UploadId, PartNumber, Body }));
        Parts.push({ ETag, PartNumber });
      }
      await client.send(new CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts } }));
      expect(Buffer.compare((await simulator.getObject(BUCKET, 'large'))?.body ?? Buffer.alloc(0), body)).toBe(0);
      const other = await client.send(new CreateMultipartUploadCommand(target));
      await client.send(new AbortMultipartUploadCommand({ ...target, UploadId: other.UploadId }));
    });
  },
);

test('the AWS SDK makes, finds and removes directory buckets', async () => {
  const simulator = await openZone({ scheme: 'https', hosts: [ZONE, CONTROL] });
  const client = zonalClient(simulator);
  const Bucket = 'fresh--use1-az4--x-s3';
  await client.send(
    new CreateBucketCommand({
      Bucket,
      CreateBucketConfiguration: {
        Location: { Type: 'AvailabilityZone', Name: 'use1-az4' },
        Bucket: { Type: 'Directory', DataRedundancy: 'SingleAvailabilityZone' },
      },
    }),
  );
  await client.send(new HeadBucketCommand({ Bucket }));
  await client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'hello' }));
  await client.send(new DeleteObjectCommand({ Bucket, Key: 'k' }));
  await client.send(new DeleteBucketCommand({ Bucket }));
  expect(await refusal(client.send(new HeadBucketCommand({ Bucket })))).toMatchObject({ status: 404 });
  // They have a list of their own.
  const { Buckets } = await sdkClient(simulator).send(new ListBucketsCommand({}));
  expect(Buckets?.map(({ Name }) => Name)).toEqual([GENERAL]);
});

describe('a session', () => {
  test('is for five minutes by the simulator’s clock, or for as long as an option says', async () => {
    const nowMs = Date.now();
    const session = await openSession(await openZone({ now: () => nowMs }));
    expect(session.expiresAtMs).toBe(nowMs + 300_000);
    const short = await openSession(await openZone({ now: () => nowMs, sessionMs: 2000 }));
    expect(short.expiresAtMs).toBe(nowMs + 2000);
  });

  test('lets its requests through until it expires: 400 ExpiredToken', async () => {
    let nowMs = Date.now();
    const simulator = await openZone({ now: () => nowMs });
    const session = await openSession(simulator);
    expect((await send(simulator, under(session, PUT))).status).toBe(200);
    nowMs += 299_999;
    expect((await send(simulator, under(session, GET))).status).toBe(200);
    nowMs += 1;
    expect(codeOf(await send(simulator, under(session, GET)))).toBe('400 ExpiredToken');
    expect((await send(simulator, under(await openSession(simulator), GET))).status).toBe(200);
  });

  test('that is missing: 403 AccessDenied', async () => {
    const simulator = await openZone();
    expect(codeOf(await send(simulator, { ...GET, service: 's3express' }))).toBe('403 AccessDenied');
    const session = await openSession(simulator);
    const bare = { ...GET, service: 's3express', credentials: session.credentials };
    expect(codeOf(await send(simulator, bare))).toBe('403 AccessDenied');
  });

  test('of another bucket, with another key, another token, or beside the token of credentials: 400 InvalidToken', async () => {
    const simulator = await openZone();
    const [session, other, ofOther] = [
      await openSession(simulator),
      await openSession(simulator),
      await openSession(simulator, undefined, OTHER),
    ];
    const foreign: RawRequest[] = [
      under(ofOther, GET),
      under({ ...session, token: other.token }, GET),
      under({ ...session, credentials: simulator.credentials }, GET),
      under({ ...session, credentials: { accessKeyId: 'nobody', secretAccessKey: 'x' } }, GET),
      under(session, { ...GET, headers: { 'x-amz-security-token': 'a-token' } }),
    ];
    for (const request of foreign) expect(codeOf(await send(simulator, request))).toBe('400 InvalidToken');
  });

  test('is no good with another secret, or unsigned', async () => {
    const simulator = await openZone();
    const session = await openSession(simulator);
    const forged = { ...session, credentials: { ...session.credentials, secretAccessKey: 'forged' } };
    expect(codeOf(await send(simulator, under(forged, GET)))).toBe('403 SignatureDoesNotMatch');
  });

  test('for reading alone refuses writes', async () => {
    const simulator = await openZone();
    await simulator.putObject(BUCKET, 'k', Buffer.from('hello'));
    const session = await openSession(simulator, 'ReadOnly');
    expect((await send(simulator, under(session, GET))).status).toBe(200);
    expect(codeOf(await send(simulator, under(session, PUT)))).toBe('403 AccessDenied');
    expect(codeOf(await send(simulator, under(session, { ...GET, method: 'DELETE' })))).toBe('403 AccessDenied');
  });

  test('is given to none but the credentials, signed for s3express', async () => {
    const simulator = await openZone();
    const ask = { method: 'GET', path: `/${BUCKET}/?session`, service: 's3express' };
    const session = await openSession(simulator);
    const wrong: readonly [RawRequest, string][] = [
      [{ ...ask, service: 's3' }, '400 AuthorizationHeaderMalformed'],
      [{ ...ask, credentials: { ...simulator.credentials, secretAccessKey: 'wrong' } }, '403 SignatureDoesNotMatch'],
      [{ ...ask, credentials: { accessKeyId: 'nobody', secretAccessKey: 'x' } }, '403 InvalidAccessKeyId'],
      [under(session, ask), '403 InvalidAccessKeyId'],
      [{ ...ask, headers: { 'x-amz-create-session-mode': 'All' } }, '400 InvalidArgument'],
      [{ ...ask, path: '/absent--use1-az4--x-s3/?session' }, '404 NoSuchBucket'],
      [{ ...ask, path: `/${GENERAL}/?session` }, '400 AuthorizationHeaderMalformed'],
      [{ ...ask, path: `/${GENERAL}/?session`, service: 's3' }, '501 NotImplemented'],
    ];
    for (const [request, code] of wrong) expect(codeOf(await send(simulator, request)), request.path).toBe(code);
  });

  test('of temporary credentials takes their token', async () => {
    const temporary = { accessKeyId: 'temporary', secretAccessKey: 'temporary-secret', sessionToken: 'a-token' };
    const simulator = await openZone({ credentials: [temporary] });
    const session = await openSession(simulator);
    expect((await send(simulator, under(session, PUT))).status).toBe(200);
  });
});

test('the service s3 is refused in a directory bucket, and s3express in a general purpose one', async () => {
  const simulator = await openZone();
  const session = await openSession(simulator);
  expect(codeOf(await send(simulator, { ...under(session, GET), service: 's3' }))).toBe(
    '400 AuthorizationHeaderMalformed',
  );
  const general = { ...GET, path: `/${GENERAL}/k` };
  expect(codeOf(await send(simulator, { ...general, service: 's3express' }))).toBe('400 AuthorizationHeaderMalformed');
});

describe('a listing', () => {
  async function withKeys(
    keys: readonly string[],
  ): Promise<{ readonly simulator: Simulator; readonly client: S3Client }> {
    const simulator = await openZone();
    for (const key of keys) await simulator.putObject(BUCKET, key, Buffer.from(key));
    return { simulator, client: sdkClient(simulator) };
  }

  test('takes only prefixes that end in /, the delimiter /, and no start', async () => {
    const { client } = await withKeys(['a/k']);
    const list = (input: object) => client.send(new ListObjectsV2Command({ Bucket: BUCKET, ...input }));
    expect(await refusal(list({ Prefix: 'a' }))).toEqual({ name: 'InvalidRequest', status: 400 });
    expect(await refusal(list({ Delimiter: '-' }))).toEqual({ name: 'InvalidRequest', status: 400 });
    expect(await refusal(list({ StartAfter: 'a' }))).toEqual({ name: 'NotImplemented', status: 501 });
    expect((await list({ Prefix: 'a/' })).KeyCount).toBe(1);
    expect((await list({ Prefix: 'absent/' })).KeyCount).toBe(0);
  });

  test('comes in no order, the same each time, and in pages that hold every key once', async () => {
    const keys = Array.from({ length: 25 }, (_, index) => `k/${String(index).padStart(2, '0')}`);
    const { client } = await withKeys(keys);
    const all = async (): Promise<string[]> => {
      const found: string[] = [];
      for await (const page of paginateListObjectsV2({ client }, { Bucket: BUCKET, MaxKeys: 10 })) {
        for (const { Key = '' } of page.Contents ?? []) found.push(Key);
      }
      return found;
    };
    const first = await all();
    expect([...first].sort()).toEqual(keys);
    expect(first).not.toEqual(keys);
    expect(await all()).toEqual(first);
  });

  test('rolls up folders, those of uploads under way too', async () => {
    const { client } = await withKeys(['a/1', 'a/2', 'top']);
    await client.send(new CreateMultipartUploadCommand({ Bucket: BUCKET, Key: 'b/under-way' }));
    const page = await client.send(new ListObjectsV2Command({ Bucket: BUCKET, Delimiter: '/' }));
    expect(page.Contents?.map(({ Key }) => Key)).toEqual(['top']);
    expect(page.CommonPrefixes?.map(({ Prefix }) => Prefix).sort()).toEqual(['a/', 'b/']);
    expect((await client.send(new ListObjectsV2Command({ Bucket: BUCKET }))).KeyCount).toBe(3);
  });
});

describe('what a directory bucket does otherwise', () => {
  test('an entity tag is random, and another for each write', async () => {
    const simulator = await openZone({ etag: 'md5' });
    const session = await openSession(simulator);
    const tags = [await send(simulator, under(session, PUT)), await send(simulator, under(session, PUT))].map(
      ({ headers }) => headers.etag,
    );
    expect(tags[0]).toMatch(/^"[0-9a-f]{32}"$/);
    expect(tags[1]).not.toBe(tags[0]);
    expect(tags).not.toContain('"5d41402abc4b2a76b9719d911017c592"');
  });

  test('Content-MD5 and other storage classes are refused', async () => {
    const simulator = await openZone();
    const session = await openSession(simulator);
    const put = (headers: Record<string, string>) => send(simulator, under(session, { ...PUT, headers }));
    expect(codeOf(await put({ 'content-md5': 'XUFAKrxLKna5cZ2REBfFkg==' }))).toBe('501 NotImplemented');
    expect(codeOf(await put({ 'x-amz-storage-class': 'STANDARD' }))).toBe('400 InvalidStorageClass');
    expect((await put({ 'x-amz-storage-class': 'EXPRESS_ONEZONE' })).status).toBe(200);
    const location = under(session, { method: 'GET', path: `/${BUCKET}?location` });
    expect(codeOf(await send(simulator, location))).toBe('501 NotImplemented');
  });

  test('a create-only put is honoured', async () => {
    const simulator = await openZone();
    const session = await openSession(simulator);
    const create = under(session, { ...PUT, headers: { 'if-none-match': '*' } });
    expect((await send(simulator, create)).status).toBe(200);
    expect(codeOf(await send(simulator, create))).toBe('412 PreconditionFailed');
  });

  test('a bulk delete with a key of white space alone deletes nothing', async () => {
    const simulator = await openZone();
    await simulator.putObject(BUCKET, 'k', Buffer.from('x'));
    const Objects = [{ Key: 'k' }, { Key: ' ' }];
    const client = sdkClient(simulator);
    const refused = refusal(client.send(new DeleteObjectsCommand({ Bucket: BUCKET, Delete: { Objects } })));
    expect(await refused).toEqual({ name: 'InvalidRequest', status: 400 });
    expect(simulator.listKeys(BUCKET)).toEqual(['k']);
  });

  test('part numbers begin at 1 and leave none out', async () => {
    const simulator = await openZone();
    const client = sdkClient(simulator);
    const target = { Bucket: BUCKET, Key: 'large' };
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(target));
    const sent = await client.send(new UploadPartCommand({ ...target, UploadId, PartNumber: 2, Body: 'x' }));
    const MultipartUpload = { Parts: [{ PartNumber: 2, ETag: sent.ETag }] };
    const complete = client.send(new CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload }));
    expect(await refusal(complete)).toEqual({ name: 'InvalidPartOrder', status: 400 });
  });

  test.each(['k--use1-az4--x-s3', 'a--b--usw2-lax1-az1--x-s3'])('%s is a name for one', (name) => {
    expect(isDirectoryBucketName(name)).toBe(true);
  });

  test.each(['k--x-s3', '--use1-az4--x-s3', 'k.k--use1-az4--x-s3', 'k--use1--x-s3'])('%s is none', async (name) => {
    expect(isDirectoryBucketName(name)).toBe(false);
    const simulator = await openZone();
    expect(() => simulator.createBucket(name)).toThrowError(/not valid/);
  });
});
