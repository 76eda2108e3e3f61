import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import { BUCKET, openSimulator, someBytes } from './testing/open.ts';
import { send } from './testing/raw.ts';
import { refusal, sdkClient } from './testing/sdk.ts';

async function put(client: S3Client, key: string, body: Buffer | string): Promise<void> {
  await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: body }));
}

async function get(client: S3Client, key: string, range?: string): Promise<Buffer> {
  const answer = await client.send(
    new GetObjectCommand({ Bucket: BUCKET, Key: key, ...(range === undefined ? {} : { Range: range }) }),
  );
  return Buffer.from((await answer.Body?.transformToByteArray()) ?? []);
}

describe.each([
  { scheme: 'http', addressing: 'path' },
  { scheme: 'http', addressing: 'virtual' },
  { scheme: 'https', addressing: 'path' },
  { scheme: 'https', addressing: 'virtual' },
] as const)('the AWS SDK over $scheme, $addressing', ({ scheme, addressing }) => {
  test('writes a buffer and a stream, and reads both back', async () => {
    const client = sdkClient(await openSimulator({ scheme }), { addressing });
    const body = someBytes(300_000);
    await put(client, 'buffer', body);
    // A stream goes as aws-chunked with a CRC32 trailer.
    await client.send(
      new PutObjectCommand({
        Bucket: BUCKET,
        Key: 'stream',
        Body: Readable.from([body.subarray(0, 100_001), body.subarray(100_001)]),
        ContentLength: body.byteLength,
      }),
    );
    expect((await get(client, 'buffer')).equals(body)).toBe(true);
    expect((await get(client, 'stream')).equals(body)).toBe(true);
  });

  test.each([
    'a b/c+d%20e@f.bin',
    'kv/ü-日本-🦊',
    "quotes'(and)*!$&=:,;",
    'vllm@meta-llama%2FLlama-3.1-8B@8@0@abc@torch.bfloat16',
    'double//slash/../dots/.',
  ])('keeps the key %s', async (key) => {
    const simulator = await openSimulator({ scheme });
    const client = sdkClient(simulator, { addressing });
    await put(client, key, key);
    expect(simulator.listKeys(BUCKET)).toEqual([key]);
    expect((await get(client, key)).toString()).toBe(key);
  });
});

test('an object comes back with its metadata, length, tag and content type', async () => {
  const client = sdkClient(await openSimulator());
  const { ETag } = await client.send(
    new PutObjectCommand({
      Bucket: BUCKET,
      Key: 'k',
      Body: 'hello',
      ContentType: 'text/plain',
      CacheControl: 'no-store',
      Metadata: { layers: '32' },
    }),
  );
  const expected = {
    ContentLength: 5,
    ETag,
    ContentType: 'text/plain',
    CacheControl: 'no-store',
    AcceptRanges: 'bytes',
  };
  const head = await client.send(new HeadObjectCommand({ Bucket: BUCKET, Key: 'k' }));
  const got = await client.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'k' }));
  expect(head).toMatchObject({ ...expected, Metadata: { layers: '32' } });
  expect(got).toMatchObject({ ...expected, Metadata: { layers: '32' } });
  expect(ETag).toMatch(/^"[0-9a-f]{32}"$/);
});

test('the same content has the same tag, other content another', async () => {
  const simulator = await openSimulator();
  for (const [key, body] of [
    ['a', 'one'],
    ['b', 'one'],
    ['c', 'two'],
  ] as const) {
    await simulator.putObject(BUCKET, key, Buffer.from(body));
  }
  const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((key) => simulator.getObject(BUCKET, key)));
  expect(a?.etag).toBe(b?.etag);
  expect(a?.etag).not.toBe(c?.etag);
});

test('with etag md5 the tag is the MD5 of the body', async () => {
  const client = sdkClient(await openSimulator({ etag: 'md5' }));
  const { ETag } = await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'k', Body: 'hello' }));
  expect(ETag).toBe('"5d41402abc4b2a76b9719d911017c592"');
});

describe('what is absent', () => {
  test('a key is NoSuchKey, a bucket NoSuchBucket', async () => {
    const client = sdkClient(await openSimulator());
    expect(await refusal(get(client, 'absent'))).toEqual({ name: 'NoSuchKey', status: 404 });
    const elsewhere = client.send(new GetObjectCommand({ Bucket: 'absent-bucket', Key: 'k' }));
    expect(await refusal(elsewhere)).toEqual({ name: 'NoSuchBucket', status: 404 });
    const put = client.send(new PutObjectCommand({ Bucket: 'absent-bucket', Key: 'k', Body: 'x' }));
    expect(await refusal(put)).toEqual({ name: 'NoSuchBucket', status: 404 });
  });

  test('a HEAD is answered with a status and no body', async () => {
    const answer = await send(await openSimulator(), { method: 'HEAD', path: `/${BUCKET}/absent` });
    expect(answer).toMatchObject({ status: 404, end: 'complete' });
    expect(answer.body.byteLength).toBe(0);
  });

  test('a host that is nobody else is a bucket that does not exist', async () => {
    const answer = await send(await openSimulator(), { method: 'GET', path: '/k', host: 'elsewhere.example' });
    expect(answer.status).toBe(404);
    expect(answer.body.toString()).toContain('<Code>NoSuchBucket</Code>');
  });

  test('an error document names code, message, resource and request', async () => {
    const answer = await send(await openSimulator(), { method: 'GET', path: `/${BUCKET}/a%26b` });
    const document = answer.body.toString();
    expect(answer.headers['content-type']).toBe('application/xml');
    expect(document).toContain('<Code>NoSuchKey</Code>');
    expect(document).toContain('<Message>The specified key does not exist.</Message>');
    expect(document).toContain(`<Resource>/${BUCKET}/a&#x26;b</Resource>`);
    expect(document).toContain(`<RequestId>${answer.headers['x-amz-request-id']}</RequestId>`);
  });
});

describe('ranges', () => {
  const body = someBytes(1000);
  test.each([
    { range: 'bytes=0-0', from: 0, to: 1 },
    { range: 'bytes=10-19', from: 10, to: 20 },
    { range: 'bytes=990-', from: 990, to: 1000 },
    { range: 'bytes=990-5000', from: 990, to: 1000 },
    { range: 'bytes=-10', from: 990, to: 1000 },
    { range: 'bytes=-5000', from: 0, to: 1000 },
  ])('$range is answered with 206', async ({ range, from, to }) => {
    const simulator = await openSimulator();
    await simulator.putObject(BUCKET, 'k', body);
    const request = { path: `/${BUCKET}/k`, headers: { range } };
    const got = await send(simulator, { method: 'GET', ...request });
    expect(got.status).toBe(206);
    expect(got.headers['content-range']).toBe(`bytes ${from}-${to - 1}/1000`);
    expect(got.body.equals(body.subarray(from, to))).toBe(true);
    const head = await send(simulator, { method: 'HEAD', ...request });
    expect(head).toMatchObject({ status: 206, headers: { 'content-length': String(to - from) } });
  });

  test.each(['bytes=1000-', 'bytes=1000-1001', 'bytes=-0'])('%s lies outside: 416', async (range) => {
    const simulator = await openSimulator();
    await simulator.putObject(BUCKET, 'k', body);
    const answer = await send(simulator, { method: 'GET', path: `/${BUCKET}/k`, headers: { range } });
    expect(answer).toMatchObject({ status: 416, headers: { 'content-range': 'bytes */1000' } });
    expect(answer.body.toString()).toContain('<Code>InvalidRange</Code>');
  });

  test.each(['bytes=5-2', 'bytes=0-1,4-5', 'lines=1-2', 'bytes=-'])('%s is none: the whole object', async (range) => {
    const simulator = await openSimulator();
    await simulator.putObject(BUCKET, 'k', body);
    const answer = await send(simulator, { method: 'GET', path: `/${BUCKET}/k`, headers: { range } });
    expect(answer.status).toBe(200);
    expect(answer.body.equals(body)).toBe(true);
  });

  test('an empty object has no range, and can be read', async () => {
    const simulator = await openSimulator();
    await simulator.putObject(BUCKET, 'k', Buffer.alloc(0));
    const path = `/${BUCKET}/k`;
    expect((await send(simulator, { method: 'GET', path, headers: { range: 'bytes=0-0' } })).status).toBe(416);
    expect(await send(simulator, { method: 'GET', path })).toMatchObject({ status: 200, end: 'complete' });
  });
});

describe('conditions of a read', () => {
  test.each([
    { name: 'if-match', right: true, status: 200 },
    { name: 'if-match', right: false, status: 412 },
    { name: 'if-none-match', right: true, status: 304 },
    { name: 'if-none-match', right: false, status: 200 },
  ])('$name with the tag right=$right: $status', async ({ name, right, status }) => {
    const simulator = await openSimulator();
    await simulator.putObject(BUCKET, 'k', Buffer.from('x'));
    const etag = right ? ((await simulator.getObject(BUCKET, 'k'))?.etag ?? '') : '"0123"';
    const request = { path: `/${BUCKET}/k`, headers: { [name]: etag } };
    const got = await send(simulator, { method: 'GET', ...request });
    expect(got).toMatchObject({ status, end: 'complete' });
    if (status === 304) expect(got.body.byteLength).toBe(0);
    expect((await send(simulator, { method: 'HEAD', ...request })).status).toBe(status);
  });

  test.each([
    { name: 'if-modified-since', date: '2026-01-01T00:00:00Z', status: 304 },
    { name: 'if-modified-since', date: '2025-12-31T23:59:59Z', status: 200 },
    { name: 'if-unmodified-since', date: '2026-01-01T00:00:00Z', status: 200 },
    { name: 'if-unmodified-since', date: '2025-12-31T23:59:59Z', status: 412 },
  ])('$name $date of an object of 2026-01-01: $status', async ({ name, date, status }) => {
    const simulator = await openSimulator();
    const lastModified = new Date('2026-01-01T00:00:00Z');
    await simulator.putObject(BUCKET, 'k', Buffer.from('x'), { lastModified });
    const headers = { [name]: new Date(date).toUTCString() };
    expect((await send(simulator, { method: 'GET', path: `/${BUCKET}/k`, headers })).status).toBe(status);
  });
});

describe('conditions of a write', () => {
  test('of many writers with If-None-Match: * one wins, and its content stays', async () => {
    const simulator = await openSimulator();
    const clients = Array.from({ length: 4 }, () => sdkClient(simulator));
    const writers = Array.from({ length: 16 }, async (_, i) => {
      const client = clients[i % clients.length] ?? sdkClient(simulator);
      const request = new PutObjectCommand({ Bucket: BUCKET, Key: 'k', Body: `writer ${i}`, IfNoneMatch: '*' });
      try {
        await client.send(request);
        return `writer ${i}`;
      } catch (error) {
        expect(await refusal(Promise.reject(error))).toEqual({ name: 'PreconditionFailed', status: 412 });
        return undefined;
      }
    });
    const winners = (await Promise.all(writers)).filter((winner) => winner !== undefined);
    expect(winners).toHaveLength(1);
    expect(Buffer.from((await simulator.getObject(BUCKET, 'k'))?.body ?? []).toString()).toBe(winners[0]);
  });

  test('If-Match replaces what has this tag only', async () => {
    const client = sdkClient(await openSimulator());
    const { ETag } = await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'k', Body: 'one' }));
    const replace = (Key: string, IfMatch: string | undefined): Promise<unknown> =>
      client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: 'two', IfMatch }));
    expect(await refusal(replace('k', '"0123"'))).toEqual({ name: 'PreconditionFailed', status: 412 });
    expect(await refusal(replace('absent', ETag))).toEqual({ name: 'NoSuchKey', status: 404 });
    await replace('k', ETag);
    expect((await get(client, 'k')).toString()).toBe('two');
  });
});

describe('stored checksums', () => {
  test.each(['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const)(
    'a %s that the SDK made is verified, and given back on request',
    async (ChecksumAlgorithm) => {
      const client = sdkClient(await openSimulator());
      await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'k', Body: 'hello', ChecksumAlgorithm }));
      const got = await client.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'k', ChecksumMode: 'ENABLED' }));
      expect(await got.Body?.transformToString()).toBe('hello');
      expect(got).toMatchObject({ [`Checksum${ChecksumAlgorithm}`]: expect.any(String), ChecksumType: 'FULL_OBJECT' });
    },
  );

  test('come with the whole object in checksum mode, never with a range', async () => {
    const simulator = await openSimulator();
    await simulator.putObject(BUCKET, 'k', Buffer.from('hello'));
    const path = `/${BUCKET}/k`;
    const mode = { 'x-amz-checksum-mode': 'ENABLED' };
    for (const method of ['GET', 'HEAD']) {
      const whole = await send(simulator, { method, path, headers: mode });
      expect(whole.headers['x-amz-checksum-crc32c']).toBe('mnG7TA==');
      const range = await send(simulator, { method, path, headers: { ...mode, range: 'bytes=0-4' } });
      expect(range.headers['x-amz-checksum-crc32c']).toBeUndefined();
      const unasked = await send(simulator, { method, path });
      expect(unasked.headers['x-amz-checksum-crc32c']).toBeUndefined();
    }
  });
});

describe('deleting', () => {
  test('an object is gone, and deleting it again is no error', async () => {
    const simulator = await openSimulator();
    const client = sdkClient(simulator);
    await put(client, 'k', 'x');
    for (let i = 0; i < 2; i++) {
      const answer = await client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: 'k' }));
      expect(answer.$metadata.httpStatusCode).toBe(204);
    }
    expect(simulator.listKeys(BUCKET)).toEqual([]);
  });

  test('many objects go in one request, which names each or, quietly, none', async () => {
    const simulator = await openSimulator();
    const client = sdkClient(simulator);
    const keys = ['a b', ' padded ', '007', 'ü&<">', 'absent', 'stays'];
    for (const key of keys) if (key !== 'absent') await simulator.putObject(BUCKET, key, Buffer.from('x'));
    const remove = async (names: readonly string[], Quiet: boolean): Promise<(string | undefined)[]> => {
      const Objects = names.map((Key) => ({ Key }));
      const answer = await client.send(new DeleteObjectsCommand({ Bucket: BUCKET, Delete: { Objects, Quiet } }));
      return (answer.Deleted ?? []).map(({ Key }) => Key);
    };
    expect(await remove(keys.slice(0, 2), true)).toEqual([]);
    expect(await remove(keys.slice(2, 5), false)).toEqual(keys.slice(2, 5));
    expect(simulator.listKeys(BUCKET)).toEqual(['stays']);
  });

  test('many at once need a checksum, as S3 asks', async () => {
    const body = Buffer.from('<Delete><Object><Key>k</Key></Object></Delete>');
    const answer = await send(await openSimulator(), { method: 'POST', path: `/${BUCKET}?delete`, body });
    expect(answer.status).toBe(400);
    expect(answer.body.toString()).toContain('<Code>InvalidRequest</Code>');
  });

  test('a version among them is answered with NotImplemented, and nothing is deleted', async () => {
    const simulator = await openSimulator();
    await simulator.putObject(BUCKET, 'k', Buffer.from('x'));
    const Objects = [{ Key: 'k' }, { Key: 'other', VersionId: '1' }];
    const request = new DeleteObjectsCommand({ Bucket: BUCKET, Delete: { Objects } });
    expect(await refusal(sdkClient(simulator).send(request))).toEqual({ name: 'NotImplemented', status: 501 });
    expect(simulator.listKeys(BUCKET)).toEqual(['k']);
  });

  test.each(['<Delete>', '<Other/>', '<Delete></Delete>', 'no xml'])('%s is MalformedXML', async (document) => {
    const body = Buffer.from(document);
    const headers = { 'content-md5': createHash('md5').update(body).digest('base64') };
    const answer = await send(await openSimulator(), { method: 'POST', path: `/${BUCKET}?delete`, body, headers });
    expect(answer.status).toBe(400);
    expect(answer.body.toString()).toContain('<Code>MalformedXML</Code>');
  });
});

test('a copy has content and metadata of its source, and outlives it', async () => {
  const simulator = await openSimulator();
  const client = sdkClient(simulator);
  await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'a b', Body: 'hello', Metadata: { x: 'y' } }));
  await client.send(new CopyObjectCommand({ Bucket: BUCKET, Key: 'copy', CopySource: `${BUCKET}/a%20b` }));
  const again = new CopyObjectCommand({ Bucket: BUCKET, Key: 'copy', CopySource: `${BUCKET}/a%20b`, IfNoneMatch: '*' });
  expect(await refusal(client.send(again))).toEqual({ name: 'PreconditionFailed', status: 412 });
  await client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: 'a b' }));
  expect((await get(client, 'copy')).toString()).toBe('hello');
  expect((await simulator.getObject(BUCKET, 'copy'))?.metadata).toEqual({ x: 'y' });
});

test('buckets are made, found, listed, and removed when empty', async () => {
  const simulator = await openSimulator({ region: 'eu-west-1' });
  const client = sdkClient(simulator);
  await client.send(new CreateBucketCommand({ Bucket: 'another' }));
  expect(await refusal(client.send(new CreateBucketCommand({ Bucket: 'another' })))).toEqual({
    name: 'BucketAlreadyOwnedByYou',
    status: 409,
  });
  expect((await client.send(new HeadBucketCommand({ Bucket: 'another' }))).BucketRegion).toBe('eu-west-1');
  const location = await client.send(new GetBucketLocationCommand({ Bucket: 'another' }));
  expect(location.LocationConstraint).toBe('eu-west-1');
  const listed = await client.send(new ListBucketsCommand({}));
  expect(listed.Buckets?.map(({ Name }) => Name)).toEqual(['another', BUCKET]);

  await simulator.putObject('another', 'k', Buffer.from('x'));
  const remove = (): Promise<unknown> => client.send(new DeleteBucketCommand({ Bucket: 'another' }));
  expect(await refusal(remove())).toEqual({ name: 'BucketNotEmpty', status: 409 });
  simulator.deleteObject('another', 'k');
  await remove();
  expect((await refusal(client.send(new HeadBucketCommand({ Bucket: 'another' })))).status).toBe(404);
});

test.each([
  { method: 'GET', path: `/${BUCKET}?acl` },
  { method: 'GET', path: `/${BUCKET}` },
  { method: 'GET', path: `/${BUCKET}/k?versionId=1` },
  { method: 'PUT', path: `/${BUCKET}/k?tagging` },
  { method: 'GET', path: `/${BUCKET}/k?response-content-type=text%2Fplain` },
])('$method $path is answered with NotImplemented, not ignored', async (request) => {
  const answer = await send(await openSimulator(), { ...request, headers: { 'content-length': '0' } });
  expect(answer.status).toBe(501);
  expect(answer.body.toString()).toContain('<Code>NotImplemented</Code>');
});

test('a header that S3 would act on and the simulator cannot is answered with NotImplemented', async () => {
  const headers = { 'x-amz-server-side-encryption': 'AES256', 'content-length': '0' };
  const answer = await send(await openSimulator(), { method: 'PUT', path: `/${BUCKET}/k`, headers });
  expect(answer.status).toBe(501);
});
