import { describe, expect, test } from 'vitest';
import { memoryBackend } from '../backends/memory.ts';
import { defineBackend } from '../define-backend.ts';
import type { Layer } from '../driver.ts';
import { behaviours } from '../testing/behaviours.ts';
import { errorOf } from '../testing/values.ts';
import { forwardTo } from './forward.ts';
import { withLayers } from './with-layers.ts';

const plain: Layer = (inner) => defineBackend(forwardTo(inner));

describe('a layer that only forwards', () => {
  for (const { title, run } of behaviours) {
    test(`changes nothing: ${title}`, async () => {
      const backend = withLayers(memoryBackend(), plain, plain);
      await backend.open();
      await run(backend);
      await backend.close();
    });
  }

  test('opens and closes what it wraps, and tells what that is', async () => {
    const inner = memoryBackend({ namespace: 'inside', maxValueBytes: 3 });
    const backend = plain(inner);
    expect(backend.info).toEqual(inner.info);
    expect(backend.capabilities).toEqual(inner.capabilities);
    await backend.open();
    expect(inner.state).toBe('open');
    await backend.close();
    expect(inner.state).toBe('closed');
  });

  test('passes each result on as it comes', async () => {
    const both = Promise.withResolvers<void>();
    const inner = defineBackend({
      ...forwardTo(memoryBackend()),
      stat: async (batch) => {
        batch.settle(1, { status: 'miss' });
        await both.promise;
        batch.settle(0, { status: 'miss' });
      },
    });
    const backend = plain(inner);
    await backend.open();
    const settled: number[] = [];
    const stat = backend.stat(['a', 'b'], {
      onSettled: (index) => {
        settled.push(index);
        both.resolve();
      },
    });
    expect(await stat).toEqual([{ status: 'miss' }, { status: 'miss' }]);
    expect(settled).toEqual([1, 0]);
  });

  test('passes an abort on', async () => {
    const seen = Promise.withResolvers<void>();
    const inner = defineBackend({
      ...forwardTo(memoryBackend()),
      stat: (batch) =>
        new Promise((resolve) => {
          batch.signal.addEventListener('abort', () => resolve(), { once: true });
          seen.resolve();
        }),
    });
    const backend = plain(inner);
    await backend.open();
    const abort = new AbortController();
    const stat = backend.stat(['a'], { signal: abort.signal });
    await seen.promise;
    abort.abort();
    await expect(stat).rejects.toMatchObject({ code: 'ABORTED' });
  });

  test('fails its items when what it wraps was closed behind its back', async () => {
    const inner = memoryBackend();
    const backend = plain(inner);
    await backend.open();
    await inner.close();
    expect(errorOf((await backend.stat(['a']))[0])).toMatchObject({ code: 'NOT_OPEN' });
  });
});

test('layers are listed from the store outwards', async () => {
  const calls: string[] = [];
  const named =
    (name: string): Layer =>
    (inner) => {
      const forward = forwardTo(inner);
      return defineBackend({
        ...forward,
        stat: (batch) => {
          calls.push(name);
          return forward.stat(batch);
        },
      });
    };
  const store = memoryBackend();
  expect(withLayers(store)).toBe(store);
  const backend = withLayers(store, named('inner'), named('outer'));
  await backend.open();
  await backend.stat(['a']);
  expect(calls).toEqual(['outer', 'inner']);
});
