import { memoryBackend } from '@kvferry/core';
import { loadConfig } from 'kvferry';
import { expect, onTestFinished, test } from 'vitest';
import { openStore } from '../stores/open-store.ts';
import { subjectOf } from './subject.ts';

const nothing = { backend: undefined, target: undefined, loaded: undefined, bucket: undefined, region: undefined };
const signal = new AbortController().signal;

test("of an S3 store, the suite stays in the folder that it was given, below the configuration's prefix", async () => {
  const loaded = await loadConfig({
    env: {
      LMCACHE_REMOTE_URL: 's3://my-bucket',
      LMCACHE_EXTRA_CONFIG: JSON.stringify({ s3_region: 'us-east-1', kvferry: { key_prefix: 'kv/prod' } }),
    },
  });
  const store = await openStore({ ...nothing, loaded, live: false, runFolder: 'kvferry-bench-a-test' });
  onTestFinished(() => store.close());
  await store.prepare(signal);
  const subject = await subjectOf(store, 'kvferry-bench-a-test/');
  onTestFinished(() => subject.close());
  const { suite } = subject;
  expect(suite.upstream).toBe(store.s3?.endpoint);
  const target = await suite.createTarget({});
  const backend = target.create();
  onTestFinished(() => backend.close());
  await backend.open();
  await backend.put([{ key: 'a', parts: [Buffer.from('value')] }]);
  expect(Buffer.from((await target.rawRead?.('a')) ?? []).toString()).toBe('value');
  const whole = await subjectOf({ ...store, keyPrefix: '' }, '');
  onTestFinished(() => whole.close());
  const raw = await (await whole.suite.createTarget({})).rawRead?.('kv/prod/kvferry-bench-a-test/a');
  expect(raw).toHaveLength(5);
});

test('of a store that speaks no S3 it has the methods of the backend alone', async () => {
  const store = await openStore({ ...nothing, backend: 'memory', live: false, runFolder: 'kvferry-bench-a-test' });
  const { suite } = await subjectOf(store, '');
  expect(suite.capabilities).toEqual(memoryBackend().capabilities);
  expect(suite.upstream).toBeUndefined();
  expect(Object.keys(await suite.createTarget({}))).toEqual(['create']);
});
