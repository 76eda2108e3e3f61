import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { BUCKET, sdkClient, startForTest, type TestStore } from '@kvferry/s3-protocol/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { PROVIDERS, type ProviderName } from '../providers.ts';
import { probe } from './probe.ts';

/** What a profile of the table says must be what trying finds out. */
async function expectFound(store: TestStore, provider: ProviderName): Promise<void> {
  const { ca, credentials, endpoint, region } = store;
  const { port, protocol } = new URL(endpoint);
  const report = await probe({
    bucket: BUCKET,
    endpoint: `${protocol}//s3.localhost:${port}`,
    connectTo: { host: '127.0.0.1', port: Number(port) },
    region,
    credentials,
    ...(ca === undefined ? {} : { tls: { ca } }),
  });
  const { addressing, id: _, ...known } = PROVIDERS[provider].profile;
  const { addressing: found, id: __, ...learned } = report.profile;
  // With what was seen, where they differ.
  expect({ ...learned, findings: report.findings }).toEqual({ ...known, findings: report.findings });
  expect(found.toSorted()).toEqual(addressing.toSorted());
  expect(report.findings.filter(({ status }) => status === 'unknown').map(({ subject }) => subject)).toEqual(
    protocol === 'http:' ? ['tls', 'protocol.h2'] : [],
  );
  expect(report.leftovers).toEqual([]);

  const sdk = sdkClient(store);
  onTestFinished(() => sdk.destroy());
  const { KeyCount } = await sdk.send(new ListObjectsV2Command({ Bucket: BUCKET }));
  expect(KeyCount).toBe(0);
}

describe.each(['http', 'https'] as const)('over %s', (scheme) => {
  test.for([
    ['MinIO', 'minio'],
    ['versitygw', 'versitygw'],
  ] as const)('%s does what its profile says', { timeout: 120_000 }, async ([name, provider], { skip }) => {
    await expectFound(await startForTest(name, scheme, skip), provider);
  });
});
