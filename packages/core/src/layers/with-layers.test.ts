import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { RemoteBackend } from '../backend.ts';
import { memoryBackend } from '../backends/memory.ts';
import { defineBackend } from '../define-backend.ts';
import { KvferryError } from '../errors.ts';
import { behaviours } from '../testing/behaviours.ts';
import { errorOf } from '../testing/values.ts';
import { circuitBreaker } from './circuit-breaker.ts';
import { deadline } from './deadline.ts';
import { forwardTo } from './forward.ts';
import { keyPrefix } from './key-prefix.ts';
import { metrics } from './metrics.ts';
import { retry } from './retry.ts';
import { withLayers } from './with-layers.ts';

/** Time and chance are the test's own: nothing here waits. */
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const layered = (store: RemoteBackend, callMs: number): RemoteBackend =>
  withLayers(store, keyPrefix({ prefix: 'p' }), retry(), circuitBreaker(), deadline({ callMs }), metrics());

describe('all layers together', () => {
  for (const { title, run } of behaviours) {
    test(`change nothing: ${title}`, async () => {
      const backend = layered(memoryBackend(), 1000);
      await backend.open();
      await run(backend);
      await backend.close();
      expect(vi.getTimerCount()).toBe(0);
    });
  }

  // Wherever its return falls between two items that try.
  const outagesMs = Array.from({ length: 15 }, (_, index) => 12_000 + index * 100);
  test.each(['hangs', 'refuses'] as const)('work again within 2 s of the return of a store that %s', async (how) => {
    for (const outageMs of outagesMs) expect(await recoveryMs(how, outageMs)).toBeLessThanOrEqual(2000);
  });
});

/** How long after its return a store is in use again that was away for so long, and calls were spared it. */
async function recoveryMs(how: 'hangs' | 'refuses', outageMs: number): Promise<number> {
  let away = true;
  const forward = forwardTo(memoryBackend());
  const store = defineBackend({
    ...forward,
    stat: async (batch) => {
      if (!away) return forward.stat(batch);
      if (how === 'refuses') throw new KvferryError('CONNECTION', 'refused');
      return new Promise((resolve) => batch.signal.addEventListener('abort', () => resolve(), { once: true }));
    },
  });
  const backend = layered(store, 5000);
  await backend.open();
  const beganMs = performance.now();

  let spared = 0;
  let answeredAtMs: number | undefined;
  const ask = async (): Promise<void> => {
    const results = await backend.stat(['a', 'b', 'c']);
    if (errorOf(results[0])?.reason.includes('circuit breaker')) spared += 1;
    if (results.every((result) => result.status === 'miss')) answeredAtMs ??= performance.now() - beganMs;
  };
  // Somebody asks anew every 100 ms, whether answers come or not.
  const asked: Promise<void>[] = [];
  for (let nowMs = 0; answeredAtMs === undefined && nowMs < outageMs + 10_000; nowMs += 100) {
    if (nowMs >= outageMs) away = false;
    asked.push(ask());
    await turn();
    vi.advanceTimersByTime(100);
    await turn();
  }
  vi.advanceTimersByTime(5000);
  await Promise.all(asked);
  await backend.close();
  expect(vi.getTimerCount()).toBe(0);
  expect(spared).toBeGreaterThan(30);
  return (answeredAtMs ?? Number.POSITIVE_INFINITY) - outageMs;
}
