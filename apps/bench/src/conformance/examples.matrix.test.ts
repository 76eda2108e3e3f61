import { fileURLToPath } from 'node:url';
import { loadConfig } from 'kvferry';
import { describe, expect, test } from 'vitest';
import { type ConformanceJob, runJob } from './run.ts';

const express = { BUCKET_NAME: 'kv--use1-az4--x-s3', AZ_ID: 'use1-az4', REGION: 'us-east-1' };
const example = (name: string): string =>
  fileURLToPath(new URL(`../../../../examples/configs/${name}`, import.meta.url));

async function run(job: Partial<ConformanceJob>) {
  const nobody = { onPlan() {}, onCase() {}, onEnd() {}, onRemoved() {}, onNotRemoved() {} };
  const { signal } = new AbortController();
  const nothing = { backend: undefined, target: undefined, loaded: undefined, bucket: undefined, region: undefined };
  return await runJob({ ...nothing, live: false, level: 'core', signal, ...job }, nobody);
}

const failed = ({ report }: Awaited<ReturnType<typeof run>>): string[] =>
  report.cases.filter(({ status }) => status === 'failed').map(({ id, reason }) => `${id}: ${reason}`);

describe("the examples of LMCache's page pass on the embedded simulator", () => {
  test.each([
    ['s3-basic.yaml', {}, 's3', 'your-bucket-name'],
    ['s3-express.yaml', express, 's3-express', 'kv--use1-az4--x-s3'],
    ['coreweave.yaml', {}, 's3-compatible', 'test-127'],
  ])(
    '%s',
    async (name, placeholders, backend, bucket) => {
      const loaded = await loadConfig({ file: example(name), env: {}, placeholders });
      const outcome = await run({ loaded });
      expect(failed(outcome)).toEqual([]);
      expect(outcome.plan).toMatchObject({ backend, target: 'embedded', place: `bucket ${bucket}` });
    },
    180_000,
  );
});

test.each([
  ['s3-compatible', 'embedded'],
  ['s3-compatible', 'minio'],
])(
  '%s passes on the target %s',
  async (backend, target) => {
    const outcome = await run({ backend, target });
    expect(failed(outcome)).toEqual([]);
    expect(outcome.plan).toMatchObject({ backend, target });
    expect(outcome.removed).toBe(true);
  },
  180_000,
);
