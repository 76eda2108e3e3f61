import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import type { PromptRow, RequestRow } from '../results/records.ts';
import { type LoadProcess, type PhaseListener, startLoad } from './load-process.ts';
import { CHUNK_BYTES, CHUNK_TOKENS, orderOf, outcomeOf, smallSetup } from './testing/small-load.ts';

afterEach(() => {
  vi.useRealTimers();
});

const unheard = new AbortController().signal;

function listener(signal = unheard): PhaseListener & { rows: (RequestRow | PromptRow)[] } {
  const rows: (RequestRow | PromptRow)[] = [];
  return { signal, rows, onRows: (more) => void rows.push(...more), onProgress: () => {} };
}

/** A measuring process that does this instead. */
async function startOther(code: string): Promise<LoadProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'kvferry-bench-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'other.mjs');
  await writeFile(file, `process.on('disconnect', () => process.exit());\n${code}`);
  const load = startLoad(pathToFileURL(file));
  onTestFinished(() => load.close());
  return load;
}

const sweep = orderOf({ type: 'sweep', concurrency: 1 });

test('phases run in a process of their own, and end when they are told to', async () => {
  const load = startLoad();
  onTestFinished(() => load.close());
  await expect(load.phase(sweep, listener())).rejects.toMatchObject({ code: 'NOT_OPEN' });
  await expect(load.open(await smallSetup('elsewhere://bench'), unheard)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
  });
  const facts = await load.open(await smallSetup('memory://bench'), unheard);
  expect(facts).toEqual({
    scheme: 'memory',
    namespace: 'bench',
    details: {},
    chunkBytes: CHUNK_BYTES,
    chunkTokens: CHUNK_TOKENS,
  });

  const heard = listener();
  const stored = await load.phase(orderOf({ type: 'store', prompts: 6 }), heard);
  expect(stored).toMatchObject({ endedBy: 'done', error: null });
  const { requests, prompts } = outcomeOf(stored, heard.rows);
  expect(requests.filter(({ operation }) => operation === 'put')).toHaveLength(24);
  expect(prompts).toHaveLength(6);

  const interrupt = new AbortController();
  const telling = { ...listener(interrupt.signal), onProgress: () => interrupt.abort() };
  const interrupted = await load.phase(orderOf({ type: 'sweep', concurrency: 1 }, { maxMs: 60_000 }), telling);
  expect(interrupted.endedBy === 'interrupted' || interrupted.endedBy === 'steady').toBe(true);

  const never = await load.phase(sweep, listener(AbortSignal.abort()));
  expect(never.endedBy).toBe('interrupted');
}, 30_000);

test('a process that ends in mid-phase is an error in words, and so is all that follows', async () => {
  const load = await startOther(`process.on('message', () => process.exit(7));`);
  const words = 'the measuring process ended with exit code 7';
  await expect(load.phase(sweep, listener())).rejects.toThrow(words);
  await expect(load.phase(sweep, listener())).rejects.toThrow(words);
  await load.close();
});

test('a process that does not come to open the store is left at once, and ends', async () => {
  const load = await startOther(`process.on('message', () => {});`);
  const leave = new AbortController();
  const opened = load.open(await smallSetup('memory://bench'), leave.signal);
  const reason = new Error('enough');
  leave.abort(reason);
  await expect(opened).rejects.toBe(reason);
  await load.close();
  await expect(load.phase(sweep, listener())).rejects.toThrow('the measuring process ended with exit code 0');
});

test.each([
  ['a phase', undefined, 10_000 + 30_000, 'within 40 s'],
  ['a phase that was told to stop', AbortSignal.abort(), 10_000, 'within 10 s'],
] as const)('a process that does not answer to %s is an error in words', async (_, signal, afterMs, words) => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const load = await startOther(`process.on('message', () => {});`);
  const phase = load.phase(sweep, listener(signal));
  const failed = expect(phase).rejects.toMatchObject({ code: 'TIMEOUT', message: expect.stringContaining(words) });
  await vi.advanceTimersByTimeAsync(afterMs - 1);
  await vi.advanceTimersByTimeAsync(1);
  await failed;
});

test('a process that is left before it answers ends quietly', async () => {
  const child = fork(fileURLToPath(new URL('./client.ts', import.meta.url)), {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const ended = once(child, 'exit');
  child.send({ do: 'close' });
  child.disconnect();
  expect(await text(child.stderr as Readable)).toBe('');
  expect(await ended).toEqual([0, null]);
});
