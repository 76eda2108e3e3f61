import { GetObjectCommand, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { collect, sdkClient, startDirectoryBucket } from '@kvferry/s3-protocol/testing';
import { expect, onTestFinished, test } from 'vitest';
import { s3Express } from './s3-express.ts';

/** As LMCache writes them, and what makes escaping go wrong. */
const KEYS = [
  'meta-llama_Llama-3.1-8B-Instruct@1@0@49bc192c478bfc2e@bfloat16',
  'meta-llama_Llama-3.1-8B-Instruct@8@7@5f05dec65811b7cc@half@tag%value',
  'percent%20and%',
  'a b+c',
  "quotes'(and)*bang!",
  'ümläut 日本語 🦀',
  'deep/er/key',
];

test.each(['http', 'https'] as const)(
  'over %s: what we write the AWS SDK reads, key for key, and the other way round',
  async (scheme) => {
    const store = await startDirectoryBucket(scheme);
    onTestFinished(() => store.stop());
    const { bucket: Bucket, ca, credentials, endpoint, region } = store;
    const sdk = sdkClient(store);
    onTestFinished(() => sdk.destroy());
    const backend = s3Express({
      bucket: Bucket,
      endpoint,
      region,
      credentials,
      ...(ca === undefined ? {} : { tls: { ca } }),
    });
    onTestFinished(() => backend.close());
    await backend.open();
    const value = (index: number) => Buffer.alloc(100_000, `value ${index} `);

    const items = KEYS.map((key, index) => ({ key, parts: [value(index)] }));
    expect(await backend.put(items)).toEqual(KEYS.map(() => ({ status: 'stored' })));
    for (const [index, Key] of KEYS.entries()) {
      // The SDK verifies the checksum that we sent, and says nothing if it holds.
      const { Body } = await sdk.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }));
      expect(Buffer.compare((await Body?.transformToByteArray()) ?? Buffer.alloc(0), value(index)), Key).toBe(0);
    }
    const [Key] = KEYS;
    const head = await sdk.send(new HeadObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }));
    expect(head).toMatchObject({ ContentType: 'application/octet-stream', ChecksumCRC32C: expect.any(String) });

    for (const [index, Key] of KEYS.entries()) {
      await sdk.send(new PutObjectCommand({ Bucket, Key, Body: value(index + 1), ChecksumAlgorithm: 'CRC32C' }));
    }
    const into = KEYS.map(() => new Uint8Array(new SharedArrayBuffer(110_000)));
    const got = await backend.get(KEYS.map((key, index) => ({ key, into: into[index] as Uint8Array })));
    for (const [index, key] of KEYS.entries()) {
      const { byteLength } = value(index + 1);
      expect(got[index], key).toEqual({ status: 'hit', byteLength, verified: 'checksum' });
      const bytes = into[index]?.subarray(0, byteLength) ?? Buffer.alloc(0);
      expect(Buffer.compare(bytes, value(index + 1)), key).toBe(0);
    }

    expect(await backend.put([{ key: KEYS[0] as string, parts: [value(9)] }], { mode: 'create' })).toEqual([
      { status: 'exists' },
    ]);
    const listed = await collect(backend.list({ prefix: 'meta-llama_Llama-3.1-8B-Instruct@' }));
    expect(listed.map(({ key }) => key).toSorted()).toEqual(KEYS.slice(0, 2).toSorted());
    expect(await backend.delete([...KEYS, 'absent', ' '])).toEqual(
      [...KEYS, 'absent', ' '].map(() => ({ status: 'deleted' })),
    );
    expect(await collect(backend.list())).toEqual([]);
  },
);
