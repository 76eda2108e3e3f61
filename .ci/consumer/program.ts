// What a user would write first, against the packages as published.
import assert from 'node:assert/strict';
import { runConformance } from '@kvferry/conformance';
import * as nodeTest from '@kvferry/conformance/node-test';
import { KvferryError, memoryBackend, type RemoteBackend } from '@kvferry/core';
import { s3 } from '@kvferry/s3';
import { s3Compatible } from '@kvferry/s3-compatible';
import { s3Express } from '@kvferry/s3-express';
import { startSimulator } from '@kvferry/s3-simulator';
import { loadConfig } from 'kvferry';

const value = crypto.getRandomValues(new Uint8Array(65_536));

async function roundTrip(backend: RemoteBackend, into: Uint8Array): Promise<void> {
  await backend.open();
  try {
    const [stored] = await backend.put([{ key: 'some/chunk', parts: [value.subarray(0, 100), value.subarray(100)] }]);
    assert.equal(stored?.status, 'stored');
    const [hit, miss] = await backend.get([
      { key: 'some/chunk', into },
      { key: 'another/chunk', into: new Uint8Array(16) },
    ]);
    assert.equal(hit?.status, 'hit');
    assert.equal(hit?.status === 'hit' && hit.verified, backend.info.scheme.startsWith('s3') ? 'checksum' : 'length');
    assert.equal(miss?.status, 'miss');
    assert.deepEqual(into, value);
    console.log(`${backend.info.scheme}: stored, read and compared ${value.byteLength} bytes`);
  } finally {
    await backend.close();
  }
}

await roundTrip(memoryBackend(), new Uint8Array(value.byteLength));

// I/O threads run modules of their own out of the packages.
let threads = 0;
process.on('worker', () => {
  threads++;
});

const directoryBucket = 'my-bucket--use1-az4--x-s3';
const simulator = await startSimulator({ buckets: ['my-bucket', directoryBucket] });
try {
  const { url: endpoint, region, credentials } = simulator;
  const options = { bucket: 'my-bucket', endpoint, region, credentials, tls: false } as const;
  await roundTrip(s3(options), new Uint8Array(value.byteLength));
  await roundTrip(s3Compatible({ ...options, provider: 'minio' }), new Uint8Array(value.byteLength));
  await roundTrip(s3Express({ ...options, bucket: directoryBucket }), new Uint8Array(value.byteLength));
  assert.equal(threads, 0);
  await roundTrip(s3({ ...options, ioThreads: 2 }), new Uint8Array(new SharedArrayBuffer(value.byteLength)));
  assert.equal(threads, 1);
} finally {
  await simulator.close();
}

assert.equal(typeof loadConfig, 'function');
assert.equal(KvferryError.is(new Error('not ours')), false);

const { capabilities } = memoryBackend();
const report = await runConformance({ capabilities, createTarget: () => ({ create: memoryBackend }) });
assert.equal(report.failed, 0);
assert.equal(typeof nodeTest.describeRemoteBackend, 'function');
console.log(`conformance: ${report.passed} cases passed`);
