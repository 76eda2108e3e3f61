import type { PromptRow, Workload } from '../../results/records.ts';
import { Random } from '../../shared/random.ts';
import type { HalfStoredPrompt } from '../ask-prompt.ts';
import { inSlots } from '../closed-loop.ts';
import { type HalfStoredPrompts, halfStoredPrompts } from '../half-stored-prompts.ts';
import type { PhaseRun } from '../phase-run.ts';
import type { Stage } from '../stage.ts';
import { askCold, conclude, tellCutOff } from './hit.ts';

type OpenLoop = Extract<Workload, { readonly type: 'open-loop' }>;

/** Prompts that are loaded at once, where there is memory for so many. */
const MOST_AT_ONCE = 16;
/** The same arrivals in every run. */
const SEED = 20_260_101;

interface Arrival {
  readonly dueMs: number;
  readonly prompt: HalfStoredPrompt;
}

/**
 * Lets prompts arrive as a Poisson process does, whether the ones before are done or not, and loads them as soon as there is memory for them; what they wait for
 * it is part of their time, which counts from when they were due. It is never steady: that prompts pile up shows only in time. Those that could not be begun before
 * the end has come have a row all the same, with ABORTED, or a store that is too slow would look the better for it.
 */
export async function promptsArrive(
  run: PhaseRun,
  stage: Stage,
  workload: OpenLoop,
  tell: (row: PromptRow) => void,
): Promise<void> {
  const found = halfStoredPrompts(stage, workload);
  if (found === undefined) return run.finish('left-out');
  const prompts: HalfStoredPrompts = found;
  const seats = Math.min(MOST_AT_ONCE, stage.memory.timesFor(prompts.hitChunks));
  await stage.memory.touch(seats * prompts.hitChunks, `loading ${prompts.hitChunks} chunks of ${seats} prompts`);
  const ask = async ({ dueMs, prompt }: Arrival): Promise<void> => {
    try {
      const asked = await askCold(run, stage, prompt, dueMs);
      tell(asked.row);
      conclude(run, asked);
    } catch (thrown) {
      if (run.signal.aborted) leave({ dueMs, prompt });
      else run.fail(thrown);
    }
  };
  if (run.order.warmUpMs > 0) {
    const turn = async (): Promise<void> => {
      // Not even the first of each where bytes are few: they are for the prompts that arrive.
      if (!run.isWarmingUp || !run.takeBytes(prompts.hitBytes)) return;
      await ask({ dueMs: run.now(), prompt: prompts.next() });
    };
    await inSlots(run, seats, turn, () => run.isWarmingUp);
  }
  run.measure();

  const waiting: Arrival[] = [];
  const asking = new Set<Promise<void>>();
  await arrive();
  while (asking.size > 0) await Promise.race(asking);
  for (const arrival of waiting) leave(arrival);

  async function arrive(): Promise<void> {
    const random = new Random(SEED);
    for (let dueMs = run.now(); ; ) {
      dueMs += (-Math.log(1 - random.fraction()) / workload.promptsPerSecond) * 1000;
      if (!(await run.until(dueMs)) || !run.takePrompt() || !run.takeBytes(prompts.hitBytes)) return;
      waiting.push({ dueMs, prompt: prompts.next() });
      begin();
    }
  }

  /** Begins what waits, as far as there is memory. That the phase is over keeps nobody from it, unless it has failed. */
  function begin(): void {
    while (asking.size < seats && !run.signal.aborted && run.end !== 'failed') {
      const arrival = waiting.shift();
      if (arrival === undefined) return;
      const asked: Promise<void> = ask(arrival).finally(() => {
        asking.delete(asked);
        begin();
      });
      asking.add(asked);
    }
  }

  function leave({ dueMs, prompt }: Arrival): void {
    tellCutOff(run, prompt, dueMs, tell);
  }
}
