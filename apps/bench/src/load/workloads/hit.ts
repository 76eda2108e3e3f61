import type { KvCache } from '@kvferry/core';
import type { PromptRow, Workload } from '../../results/records.ts';
import { type AskedPrompt, askPrompt, type HalfStoredPrompt } from '../ask-prompt.ts';
import { closedLoop, inSlots } from '../closed-loop.ts';
import { type HalfStoredPrompts, halfStoredPrompts } from '../half-stored-prompts.ts';
import { isSteady } from '../is-steady.ts';
import type { PhaseRun } from '../phase-run.ts';
import type { Stage } from '../stage.ts';

type Hit = Extract<Workload, { readonly type: 'hit' }>;
type Tell = (row: PromptRow) => void;

/** Eight prompts that are in memory take a few milliseconds, in which nothing settles. */
const LEAST_MEASURED_MS = 1000;

/** Looks prompts up and loads what is stored of them, one after another, until their time is steady. */
export async function hitPrompts(run: PhaseRun, stage: Stage, hit: Hit, tell: Tell): Promise<void> {
  const prompts = halfStoredPrompts(stage, hit);
  if (prompts === undefined) return run.finish('left-out');
  const noted = new Noted(run, tell);
  await (hit.temperature === 'cold' ? coldHits : warmHits)(run, stage, prompts, noted);
}

async function coldHits(run: PhaseRun, stage: Stage, prompts: HalfStoredPrompts, noted: Noted): Promise<void> {
  await stage.memory.touch(prompts.hitChunks, `loading ${prompts.hitChunks} chunks of a prompt`);
  await closedLoop(run, 1, async () => {
    if (!run.takePrompt() || !run.takeBytes(prompts.hitBytes)) return;
    const prompt = prompts.next();
    await noted.ask(prompt, () => askCold(run, stage, prompt, undefined));
  });
}

/** The same prompts are asked for again and again, of a cache that was asked for each of them before: as many as lie in memory side by side. */
async function warmHits(run: PhaseRun, stage: Stage, prompts: HalfStoredPrompts, noted: Noted): Promise<void> {
  const { hitBytes, hitChunks } = prompts;
  const most = Math.min(prompts.beginnings, stage.memory.timesFor(hitChunks));
  await stage.memory.touch(hitChunks, `keeping ${hitChunks} chunks of a prompt`);
  const cache = await stage.openCache('keeping');
  try {
    const known: HalfStoredPrompt[] = [];
    await inSlots(
      run,
      1,
      async () => {
        if (!run.takeBytes(hitBytes)) return;
        const prompt = prompts.next();
        const asked = await noted.ask(prompt, () => askPrompt(run, cache, prompt, undefined));
        if (asked !== undefined && asked.problem === undefined) known.push(prompt);
      },
      () => !run.isOver && known.length < most && (known.length === 0 || run.isWarmingUp),
    );
    run.measure();
    let turn = 0;
    await inSlots(
      run,
      1,
      async () => {
        if (!run.takePrompt()) return;
        const prompt = known[turn % known.length] as HalfStoredPrompt;
        await noted.ask(prompt, () => askPrompt(run, cache, prompt, undefined));
        turn += 1;
      },
      () => !run.isOver,
    );
  } finally {
    await cache.close();
  }
}

/** Asks a cache that knows nothing. Making it and closing it is no part of the prompt's time. */
export async function askCold(
  run: PhaseRun,
  stage: Stage,
  prompt: HalfStoredPrompt,
  dueMs: number | undefined,
): Promise<AskedPrompt> {
  const cache: KvCache = await stage.openCache('staging-only');
  try {
    return await askPrompt(run, cache, prompt, dueMs);
  } finally {
    await cache.close();
  }
}

/** Draws the conclusions of prompts. */
class Noted {
  readonly #run: PhaseRun;
  readonly #tell: Tell;
  readonly #durationsMs: number[] = [];

  constructor(run: PhaseRun, tell: Tell) {
    this.#run = run;
    this.#tell = tell;
  }

  /** Gives what became of a prompt; `undefined` of one that the end of the phase cut off. */
  async ask(prompt: HalfStoredPrompt, ask: () => Promise<AskedPrompt>): Promise<AskedPrompt | undefined> {
    const run = this.#run;
    const startMs = run.now();
    try {
      const asked = await ask();
      this.#note(asked);
      return asked;
    } catch (thrown) {
      if (run.signal.aborted) tellCutOff(run, prompt, startMs, this.#tell);
      else run.fail(thrown);
      return undefined;
    }
  }

  #note(asked: AskedPrompt): void {
    const run = this.#run;
    this.#tell(asked.row);
    conclude(run, asked);
    const { measuredFromMs } = run;
    if (asked.problem !== undefined || measuredFromMs === undefined) return;
    this.#durationsMs.push(asked.row.endMs - asked.row.startMs);
    if (run.now() - measuredFromMs >= LEAST_MEASURED_MS && isSteady(this.#durationsMs)) run.finish('steady');
  }
}

/**
 * Tells of a prompt that the end of the phase cut off, with ABORTED: it took that long at least, and a store that is too slow would look the better without it. Of
 * one that was interrupted or has failed, nothing follows from it.
 */
export function tellCutOff(run: PhaseRun, { tokens }: HalfStoredPrompt, dueMs: number, tell: Tell): void {
  if (run.isCutShort) return;
  const nowMs = run.now();
  tell({
    kind: 'prompt',
    phase: run.order.id,
    dueMs,
    startMs: nowMs,
    lookedUpMs: null,
    endMs: nowMs,
    tokens: tokens.length,
    hitTokens: 0,
    bytes: 0,
    error: 'ABORTED',
  });
}

/** What a prompt means for its phase: wrong bytes end it at once, failures when they are too many. */
export function conclude(run: PhaseRun, { problem }: AskedPrompt): void {
  if (problem === undefined) run.succeeded();
  else if (problem.kind === 'wrong') run.fail(problem.error);
  else run.failed(problem.error);
}
