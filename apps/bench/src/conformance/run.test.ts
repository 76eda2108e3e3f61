import { expect, test } from 'vitest';
import { openMemoryStore } from '../stores/core-stores.ts';
import { runConformanceOn } from './run.ts';

test('a suite that was told to end says nothing of the store', async () => {
  const request = { backend: 'memory', target: undefined, loaded: undefined, live: false, bucket: undefined };
  const store = await openMemoryStore({ ...request, region: undefined, runFolder: 'kvferry-bench-a-test' }, undefined);
  const ending = new AbortController();
  const options = { level: 'core', folder: '', runId: 'run', signal: ending.signal } as const;
  const told: string[] = [];
  const running = runConformanceOn(store, options, ({ id }) => {
    told.push(id);
    ending.abort(new Error('the time is up'));
  });
  await expect(running).rejects.toThrow('the time is up');
  expect(told).toHaveLength(1);
});
