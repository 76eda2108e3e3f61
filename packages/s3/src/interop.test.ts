import { GetObjectCommand, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import type { RemoteBackend } from '@kvferry/core';
import { BUCKET, collect, STORE_NAMES, sdkClient, startForTest, type TestStore } from '@kvferry/s3-protocol/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { s3 } from './s3.ts';

/** What every store takes; one segment each, so that none is a folder of another. */
const KEYS = [
  'plain',
  'meta-llama_Llama-3.1-8B-Instruct@1@0@49bc192c478bfc2e@bfloat16',
  'percent%20and%',
  'a b+c',
  "quotes'(and)*bang!",
  'ümläut 日本語 🦀',
  'deep/er/key',
];

async function open(store: TestStore, addressing: 'path' | 'virtual'): Promise<RemoteBackend> {
  const url = new URL(store.endpoint);
  const connectTo = { host: url.hostname, port: Number(url.port) };
  const backend = s3({
    bucket: BUCKET,
    region: store.region,
    credentials: store.credentials,
    ...(store.ca === undefined ? {} : { tls: { ca: store.ca } }),
    // The name need not resolve: connections go to the server's address.
    ...(addressing === 'path'
      ? { endpoint: store.endpoint }
      : { endpoint: `${url.protocol}//s3.localhost:${url.port}`, connectTo }),
  });
  onTestFinished(() => backend.close());
  await backend.open();
  expect(backend.info.details.addressing).toBe(addressing);
  return backend;
}

describe.each(['http', 'https'] as const)('over %s', (scheme) => {
  test.for(STORE_NAMES)(
    '%s: what we write the AWS SDK reads, and the other way round',
    { timeout: 60_000 },
    async (name, { skip }) => {
      const store = await startForTest(name, scheme, skip);
      const sdk = sdkClient(store);
      onTestFinished(() => sdk.destroy());

      for (const addressing of ['path', 'virtual'] as const) {
        const backend = await open(store, addressing);
        const value = (index: number) => Buffer.alloc(300_000, `${addressing} ${index} `);

        const ours = KEYS.map((key, index) => ({ key, parts: [value(index)] }));
        expect(await backend.put(ours)).toEqual(KEYS.map(() => ({ status: 'stored' })));
        for (const [index, key] of KEYS.entries()) {
          // The SDK verifies the checksum that we sent, and says nothing if it holds.
          const { Body } = await sdk.send(new GetObjectCommand({ Bucket: BUCKET, Key: key, ChecksumMode: 'ENABLED' }));
          expect(Buffer.compare((await Body?.transformToByteArray()) ?? Buffer.alloc(0), value(index)), key).toBe(0);
        }
        const head = await sdk.send(new HeadObjectCommand({ Bucket: BUCKET, Key: 'plain', ChecksumMode: 'ENABLED' }));
        expect(head).toMatchObject({ ContentType: 'application/octet-stream', ChecksumCRC32C: expect.any(String) });

        for (const [index, key] of KEYS.entries()) {
          await sdk.send(
            new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: value(index + 1), ChecksumAlgorithm: 'CRC32C' }),
          );
        }
        const into = KEYS.map(() => new Uint8Array(new SharedArrayBuffer(310_000)));
        const got = await backend.get(KEYS.map((key, index) => ({ key, into: into[index] as Uint8Array })));
        for (const [index, key] of KEYS.entries()) {
          const byteLength = value(index + 1).byteLength;
          expect(got[index], key).toEqual({ status: 'hit', byteLength, verified: 'checksum' });
          expect(Buffer.compare(into[index]?.subarray(0, byteLength) ?? Buffer.alloc(0), value(index + 1)), key).toBe(
            0,
          );
        }

        expect(await backend.stat(['plain', 'absent'])).toMatchObject([
          { status: 'hit', byteLength: 300_000 },
          { status: 'miss' },
        ]);
        expect(await backend.put([{ key: 'plain', parts: [value(9)] }], { mode: 'create' })).toEqual([
          { status: 'exists' },
        ]);
        const listed = await collect(backend.list());
        expect(listed.map(({ key }) => key).toSorted()).toEqual(KEYS.toSorted());
        expect(await backend.delete([...KEYS, 'absent'])).toEqual(
          [...KEYS, 'absent'].map(() => ({ status: 'deleted' })),
        );
        expect(await collect(backend.list())).toEqual([]);

        const race = Array.from({ length: 8 }, () =>
          backend.put([{ key: 'race', parts: [value(1)] }], { mode: 'create' }),
        );
        const answers = (await Promise.all(race)).flat().map(({ status }) => status);
        expect(answers.toSorted()).toEqual([...Array(7).fill('exists'), 'stored']);
        await backend.delete(['race']);
      }
    },
  );
});
