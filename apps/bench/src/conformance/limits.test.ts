import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { runConformance } from '@kvferry/conformance';
import { CALL_CHANNEL, type CallRecord, memoryBackend, metrics } from '@kvferry/core';
import { expect, test } from 'vitest';
import { mostOperations } from './limits.ts';

// Requests are counted where they are sent: those of level core in run.matrix.test.ts, of the others in limits.matrix.test.ts.

test('what is said to be asked of a backend at most is more than what is, and not by far', async () => {
  const asked = { requests: 0, bytes: 0 };
  const count = (message: unknown): void => {
    const { operation, items, bytes } = message as CallRecord;
    asked.requests += operation === 'list' ? 1 : items;
    asked.bytes += bytes;
  };
  subscribe(CALL_CHANNEL, count);
  const create = () => metrics()(memoryBackend());
  await runConformance({ capabilities: create().capabilities, createTarget: () => ({ create }) }, { level: 'core' });
  unsubscribe(CALL_CHANNEL, count);
  const most = mostOperations('core');
  for (const what of ['requests', 'bytes'] as const) {
    expect(asked[what], what).toBeLessThanOrEqual(most[what]);
    expect(asked[what] * 2, what).toBeGreaterThan(most[what]);
  }
});
