import { startSimulator } from '@kvferry/s3-simulator';
import { expect, onTestFinished, test } from 'vitest';
import { BucketClient } from './bucket-client.ts';

async function storeIn(bucket: string) {
  const simulator = await startSimulator({ buckets: ['my-bucket'] });
  const { credentials, region, url: endpoint } = simulator;
  const store = new BucketClient({
    endpoint,
    region,
    bucket,
    addressing: 'path',
    ca: undefined,
    credentials,
    isExpress: false,
  });
  onTestFinished(async () => {
    store.close();
    await simulator.close();
  });
  return { simulator, store };
}

test('removes what begins with the prefix, whatever it is called, and nothing else', async () => {
  const { simulator, store } = await storeIn('my-bucket');
  const numbered = Array.from({ length: 230 }, (_, index) => `run/${index}`);
  const odd = ['a b', 'a+b', '100%', '%2B', 'ä', '<&>', '\uFFFF', '\u{1F600}', 'a//b'].map((name) => `run/${name}`);
  for (const name of [...numbered, ...odd, 'runner', 'other/run/1']) {
    await simulator.putObject('my-bucket', name, new Uint8Array(1));
  }
  await store.removeUnder('run/');
  expect(simulator.listKeys('my-bucket')).toEqual(['other/run/1', 'runner']);
});

test('a store that keeps what it was told to delete is not asked for ever', async () => {
  const { simulator, store } = await storeIn('my-bucket');
  await simulator.putObject('my-bucket', 'run/1', new Uint8Array(1));
  simulator.addFault({
    match: { method: 'DELETE' },
    times: Number.POSITIVE_INFINITY,
    effect: { kind: 'status', status: 204 },
  });
  await expect(store.removeUnder('run/')).rejects.toThrow(/could not be removed .*"run\/1" is listed still/);
});

test('deletes a bucket that it has made, with all that is in it', async () => {
  const { simulator, store } = await storeIn('another-bucket');
  await store.createBucket();
  await store.write('a', new Uint8Array(3));
  expect(await store.read('a')).toHaveLength(3);
  expect(await store.read('b')).toBeUndefined();
  await store.deleteBucket();
  expect(() => simulator.listKeys('another-bucket')).toThrow('bucket does not exist');
});

test('a bucket that cannot be made says how to do without', async () => {
  const { simulator, store } = await storeIn('another-bucket');
  simulator.addFault({ match: { method: 'PUT' }, effect: { kind: 'status', status: 403, code: 'AccessDenied' } });
  await expect(store.createBucket()).rejects.toThrow(/^PERMISSION_DENIED: .*--bucket.*AccessDenied/);
});
