import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { together } from './together.ts';

const { signal: never } = new AbortController();

/** Ends when the signal fires, and a few turns later is quiet. */
async function untilAborted(signal: AbortSignal, seen: string[]): Promise<void> {
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await setImmediate();
  await setImmediate();
  seen.push('quiet');
  throw new Error('aborted');
}

describe('together', () => {
  it('gives what the work gives', async () => {
    const sum = await together<number>(never, async ({ start }) => {
      const [a, b] = await Promise.all([start(async () => 1), start(async () => 2)]);
      return a + b;
    });
    expect(sum).toBe(3);
  });

  it('a task that fails ends the others, and its error counts, once all are quiet', async () => {
    const seen: string[] = [];
    const ended = together(never, async ({ start }) => {
      const waiting = start((signal) => untilAborted(signal, seen));
      void start(async () => {
        await setImmediate();
        throw new Error('the first');
      }).catch(() => {});
      await waiting;
    });
    await expect(ended).rejects.toThrow('the first');
    expect(seen).toEqual(['quiet']);
  });

  it('a result given to finish counts, though what was under way fails', async () => {
    const seen: string[] = [];
    const result = await together<string>(never, async ({ start, finish }) => {
      void start(async () => finish('early'));
      await start((signal) => untilAborted(signal, seen));
      return 'late';
    });
    expect(result).toBe('early');
    expect(seen).toEqual(['quiet']);
  });

  it('work that ends ends what it has left running', async () => {
    const seen: string[] = [];
    const result = await together<string>(never, async ({ start }) => {
      start((signal) => untilAborted(signal, seen)).catch(() => {});
      return 'done';
    });
    expect(result).toBe('done');
    expect(seen).toEqual(['quiet']);
  });

  it('passes on an abort from outside, whenever it comes', async () => {
    for (const abort of ['before', 'meanwhile'] as const) {
      const controller = new AbortController();
      if (abort === 'before') controller.abort();
      const seen: string[] = [];
      const ended = together(controller.signal, async ({ start }) => start((signal) => untilAborted(signal, seen)));
      controller.abort();
      await expect(ended).rejects.toThrow('aborted');
      expect(seen).toEqual(['quiet']);
    }
  });
});
