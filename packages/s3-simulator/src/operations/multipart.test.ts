import {
  AbortMultipartUploadCommand,
  type ChecksumAlgorithm,
  type ChecksumType,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { crc32c } from '@node-rs/crc32';
import { expect, test } from 'vitest';
import { BUCKET, openSimulator, someBytes } from '../testing/open.ts';
import { refusal, sdkClient } from '../testing/sdk.ts';

const PART_BYTES = 5 * 1024 * 1024;
const WHERE = { Bucket: BUCKET, Key: 'a/k' };
const BODY = someBytes(PART_BYTES + 1000);
const PIECES = [BODY.subarray(0, PART_BYTES), BODY.subarray(PART_BYTES)];

async function begin(
  client: S3Client,
  options: { ChecksumAlgorithm?: ChecksumAlgorithm; ChecksumType?: ChecksumType } = {},
): Promise<string> {
  const { UploadId = '' } = await client.send(
    new CreateMultipartUploadCommand({ ...WHERE, Metadata: { layers: '32' }, ...options }),
  );
  return UploadId;
}

async function sendParts(
  client: S3Client,
  UploadId: string,
  pieces: readonly Buffer[],
  options: { ChecksumAlgorithm?: ChecksumAlgorithm } = {},
): Promise<CompletedPart[]> {
  const sent = pieces.map(async (Body, index) => {
    const PartNumber = index + 1;
    const { $metadata: _, ...part } = await client.send(
      new UploadPartCommand({ ...WHERE, UploadId, PartNumber, Body, ...options }),
    );
    return { ...part, PartNumber };
  });
  return Promise.all(sent);
}

function complete(client: S3Client, UploadId: string, Parts: CompletedPart[], extra: object = {}): Promise<unknown> {
  return client.send(new CompleteMultipartUploadCommand({ ...WHERE, UploadId, MultipartUpload: { Parts }, ...extra }));
}

test('parts become one object, across whose seams it is read', async () => {
  const simulator = await openSimulator();
  const client = sdkClient(simulator);
  const uploadId = await begin(client);
  const parts = await sendParts(client, uploadId, PIECES);
  expect(simulator.listKeys(BUCKET)).toEqual([]);
  await complete(client, uploadId, parts);

  const object = await simulator.getObject(BUCKET, WHERE.Key);
  expect(Buffer.from(object?.body ?? []).equals(BODY)).toBe(true);
  expect(object?.metadata).toEqual({ layers: '32' });
  expect(object?.etag).toMatch(/^"[0-9a-f]{32}-2"$/);
  const Range = `bytes=${PART_BYTES - 10}-${PART_BYTES + 9}`;
  const seam = await client.send(new GetObjectCommand({ ...WHERE, Range }));
  expect(await seam.Body?.transformToByteArray()).toEqual(
    new Uint8Array(BODY.subarray(PART_BYTES - 10, PART_BYTES + 10)),
  );
  expect(simulator.listKeys(BUCKET)).toEqual([WHERE.Key]);
});

test.each([
  { type: 'FULL_OBJECT', pattern: /^[^-]{8}$/ },
  { type: 'COMPOSITE', pattern: /^[^-]{8}-2$/ },
] as const)('the checksum of an upload is $type', async ({ type, pattern }) => {
  const simulator = await openSimulator();
  const client = sdkClient(simulator);
  const uploadId = await begin(client, { ChecksumAlgorithm: 'CRC32C', ChecksumType: type });
  const parts = await sendParts(client, uploadId, PIECES, { ChecksumAlgorithm: 'CRC32C' });
  await complete(client, uploadId, parts);
  const { 'x-amz-checksum-crc32c': checksum = '' } = (await simulator.getObject(BUCKET, WHERE.Key))?.checksums ?? {};
  expect(checksum).toMatch(pattern);
  if (type === 'FULL_OBJECT') expect(Buffer.from(checksum, 'base64').readUInt32BE()).toBe(crc32c(BODY));
  const got = await client.send(new GetObjectCommand({ ...WHERE, ChecksumMode: 'ENABLED' }));
  expect(got).toMatchObject({ ChecksumCRC32C: checksum, ChecksumType: type });
  await got.Body?.transformToByteArray();
});

test('completing is refused while a part is missing, wrong, out of order or too small, and the upload stays', async () => {
  const client = sdkClient(await openSimulator());
  const uploadId = await begin(client);
  const [first, second] = await sendParts(client, uploadId, PIECES);
  if (first === undefined || second === undefined) throw new Error('Two parts were sent.');
  const refused = async (parts: CompletedPart[]): Promise<string> =>
    (await refusal(complete(client, uploadId, parts))).name;
  expect(await refused([first, { ...second, PartNumber: 3 }])).toBe('InvalidPart');
  expect(await refused([first, { ...second, ETag: first.ETag }])).toBe('InvalidPart');
  expect(await refused([second, first])).toBe('InvalidPartOrder');
  const small = await sendParts(client, uploadId, [BODY.subarray(0, 10)]);
  expect(await refused([...small, second])).toBe('EntityTooSmall');
  const listed = await client.send(new ListPartsCommand({ ...WHERE, UploadId: uploadId }));
  expect(listed.Parts?.map(({ PartNumber, Size }) => [PartNumber, Size])).toEqual([
    [1, 10],
    [2, 1000],
  ]);
});

test('a part may be as small as the option says', async () => {
  const simulator = await openSimulator({ minPartBytes: 5 });
  const client = sdkClient(simulator);
  const uploadId = await begin(client);
  const pieces = [BODY.subarray(0, 5), BODY.subarray(5, 7)];
  await complete(client, uploadId, await sendParts(client, uploadId, pieces));
  expect(Buffer.from((await simulator.getObject(BUCKET, WHERE.Key))?.body ?? [])).toEqual(BODY.subarray(0, 7));
  const other = await begin(client);
  const small = await sendParts(client, other, [BODY.subarray(0, 4), BODY.subarray(4, 8)]);
  expect((await refusal(complete(client, other, small))).name).toBe('EntityTooSmall');
});

test('a wrong checksum or length of the whole object is refused', async () => {
  const client = sdkClient(await openSimulator());
  const options = { ChecksumAlgorithm: 'CRC32C', ChecksumType: 'FULL_OBJECT' } as const;
  const uploadId = await begin(client, options);
  const parts = await sendParts(client, uploadId, [PIECES[1] ?? BODY], { ChecksumAlgorithm: 'CRC32C' });
  const wrong = complete(client, uploadId, parts, { ChecksumCRC32C: 'AAAAAA==', ChecksumType: 'FULL_OBJECT' });
  expect((await refusal(wrong)).name).toBe('BadDigest');
  expect((await refusal(complete(client, uploadId, parts, { MpuObjectSize: 5 }))).name).toBe('InvalidRequest');
  await complete(client, uploadId, parts, { MpuObjectSize: 1000, ChecksumType: 'FULL_OBJECT' });
});

test('If-None-Match: * of two uploads lets one complete', async () => {
  const client = sdkClient(await openSimulator());
  const attempts = ['one', 'two'].map(async (text) => {
    const uploadId = await begin(client);
    const parts = await sendParts(client, uploadId, [Buffer.from(text)]);
    return complete(client, uploadId, parts, { IfNoneMatch: '*' }).then(
      () => 'stored',
      (error) => error.name,
    );
  });
  expect((await Promise.all(attempts)).sort()).toEqual(['PreconditionFailed', 'stored']);
});

test('an aborted upload is gone with its parts', async () => {
  const simulator = await openSimulator();
  const client = sdkClient(simulator);
  const UploadId = await begin(client);
  const uploads = async (): Promise<number> =>
    (await client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }))).Uploads?.length ?? 0;
  const parts = await sendParts(client, UploadId, [Buffer.from('x')]);
  expect(await uploads()).toBe(1);
  await client.send(new AbortMultipartUploadCommand({ ...WHERE, UploadId }));
  expect(await uploads()).toBe(0);
  expect(await refusal(complete(client, UploadId, parts))).toEqual({ name: 'NoSuchUpload', status: 404 });
  expect(simulator.listKeys(BUCKET)).toEqual([]);
});
