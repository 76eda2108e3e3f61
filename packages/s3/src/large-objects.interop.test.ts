import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { RemoteBackend } from '@kvferry/core';
import { BUCKET, STORE_NAMES, sdkClient, startForTest, type TestStore } from '@kvferry/s3-protocol/testing';
import { expect, onTestFinished, test } from 'vitest';
import { s3 } from './s3.ts';

/** The least that S3 takes, so that the values are as small as may be. */
const PART_BYTES = 5 * 1024 ** 2;
const LENGTH = 3 * PART_BYTES + 12_345;

function seededValue(seed: string): Buffer {
  const value = Buffer.alloc(LENGTH, `${seed}, `);
  // Parts that were swapped, or one taken twice, must show.
  for (let at = 0; at < LENGTH; at += 4096) value.writeUInt32LE(at, at + 4 <= LENGTH ? at : at - 4);
  return value;
}

async function open(store: TestStore): Promise<RemoteBackend> {
  const backend = s3({
    bucket: BUCKET,
    region: store.region,
    endpoint: store.endpoint,
    credentials: store.credentials,
    multipart: { thresholdBytes: PART_BYTES, partBytes: PART_BYTES },
    ...(store.ca === undefined ? {} : { tls: { ca: store.ca } }),
  });
  onTestFinished(() => backend.close());
  await backend.open();
  return backend;
}

async function read(backend: RemoteBackend, key: string): Promise<{ result: unknown; value: Buffer }> {
  const into = new Uint8Array(new SharedArrayBuffer(LENGTH + 1000));
  const [result] = await backend.get([{ key, into }]);
  return { result, value: Buffer.from(into.subarray(0, LENGTH)) };
}

async function leftOver(sdk: S3Client): Promise<number> {
  return (await sdk.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }))).Uploads?.length ?? 0;
}

async function uploadBySdk(
  sdk: S3Client,
  Key: string,
  value: Buffer,
  ChecksumType: 'FULL_OBJECT' | 'COMPOSITE',
): Promise<void> {
  const where = { Bucket: BUCKET, Key };
  const checksum = { ChecksumAlgorithm: 'CRC32C' } as const;
  const { UploadId } = await sdk.send(new CreateMultipartUploadCommand({ ...where, ...checksum, ChecksumType }));
  const Parts = [];
  for (let start = 0, PartNumber = 1; start < value.byteLength; start += PART_BYTES, PartNumber++) {
    const Body = value.subarray(start, start + PART_BYTES);
    const { ETag, ChecksumCRC32C } = await sdk.send(
      new UploadPartCommand({ ...where, ...checksum, UploadId, PartNumber, Body }),
    );
    Parts.push({ ETag, ChecksumCRC32C, PartNumber });
  }
  await sdk.send(new CompleteMultipartUploadCommand({ ...where, UploadId, MultipartUpload: { Parts }, ChecksumType }));
}

for (const scheme of ['http', 'https'] as const) {
  test.for(STORE_NAMES)(
    `%s over ${scheme}: large values go in parts and come by ranges, to and from the AWS SDK too`,
    { timeout: 120_000 },
    async (name, { skip }) => {
      const store = await startForTest(name, scheme, skip);
      const sdk = sdkClient(store);
      onTestFinished(() => sdk.destroy());
      const backend = await open(store);

      // Ours, read by the SDK, which verifies the checksum, and by us.
      const ours = seededValue('ours');
      const parts = [ours.subarray(0, 1), ours.subarray(1, PART_BYTES + 7), ours.subarray(PART_BYTES + 7)];
      expect(await backend.put([{ key: 'ours', parts }])).toEqual([{ status: 'stored' }]);
      const where = { Bucket: BUCKET, Key: 'ours', ChecksumMode: 'ENABLED' } as const;
      const head = await sdk.send(new HeadObjectCommand(where));
      expect(head).toMatchObject({
        ContentLength: LENGTH,
        ContentType: 'application/octet-stream',
        ChecksumType: 'FULL_OBJECT',
        ChecksumCRC32C: expect.any(String),
        ETag: expect.stringMatching(/-4"$/),
      });
      const { Body } = await sdk.send(new GetObjectCommand(where));
      expect(ours.equals((await Body?.transformToByteArray()) ?? Buffer.alloc(0))).toBe(true);
      const again = await read(backend, 'ours');
      expect(again.result).toEqual({ status: 'hit', byteLength: LENGTH, verified: 'checksum' });
      expect(again.value.equals(ours)).toBe(true);

      // The SDK's, read by us.
      for (const [type, verified] of [
        ['FULL_OBJECT', 'checksum'],
        ['COMPOSITE', 'length'],
      ] as const) {
        const value = seededValue(type);
        await uploadBySdk(sdk, type, value, type);
        const got = await read(backend, type);
        expect(got.result, type).toEqual({ status: 'hit', byteLength: LENGTH, verified });
        expect(got.value.equals(value), type).toBe(true);
      }
      const single = seededValue('single');
      await sdk.send(
        new PutObjectCommand({ Bucket: BUCKET, Key: 'single', Body: single, ChecksumAlgorithm: 'CRC32C' }),
      );
      const got = await read(backend, 'single');
      expect(got.result).toEqual({ status: 'hit', byteLength: LENGTH, verified: 'checksum' });
      expect(got.value.equals(single)).toBe(true);

      // What is not as long as its memory.
      await backend.put([
        { key: 'empty', parts: [] },
        { key: 'small', parts: [ours.subarray(0, 1000)] },
      ]);
      expect((await read(backend, 'empty')).result).toMatchObject({ status: 'hit', byteLength: 0 });
      expect((await read(backend, 'small')).result).toMatchObject({ status: 'hit', byteLength: 1000 });
      expect((await read(backend, 'absent')).result).toEqual({ status: 'miss' });
      expect(await backend.get([{ key: 'ours', into: new Uint8Array(LENGTH - 1) }])).toMatchObject([
        { error: { code: 'BUFFER_TOO_SMALL', requiredBytes: LENGTH } },
      ]);

      // Of many writers one creates; the others leave nothing behind.
      const create = (key: string) => backend.put([{ key, parts: [ours] }], { mode: 'create' });
      expect(await create('ours')).toEqual([{ status: 'exists' }]);
      const answers = (await Promise.all(Array.from({ length: 4 }, () => create('race')))).flat();
      expect(answers.map(({ status }) => status).toSorted()).toEqual(['exists', 'exists', 'exists', 'stored']);
      expect(await leftOver(sdk)).toBe(0);

      // An abort in the midst of it.
      const controller = new AbortController();
      const aborted = backend.put([{ key: 'aborted', parts: [ours] }], { signal: controller.signal });
      aborted.catch(() => {});
      while ((await leftOver(sdk)) === 0 && (await backend.stat(['aborted']))[0]?.status === 'miss');
      controller.abort();
      await aborted.catch((error) => expect(error).toMatchObject({ code: 'ABORTED' }));
      expect(await leftOver(sdk)).toBe(0);
    },
  );
}
