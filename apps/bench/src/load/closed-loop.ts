import { setImmediate as nextTurn } from 'node:timers/promises';
import type { PhaseRun } from './phase-run.ts';

/** One turn of a slot. It takes of what the phase may do, and does nothing where that is over. */
type Turn = (slot: number) => Promise<void>;

/** A store in this process's memory answers without the event loop, which has to turn for clocks and messages all the same. */
const BREATH_MS = 10;

/**
 * Keeps slots busy, each with one turn after another, first to warm up: once each at least, and as long as the warm-up lasts. Then all wait for the slowest, so
 * that what is measured begins and ends with whole turns, and all that was spent on them is theirs.
 */
export async function closedLoop(run: PhaseRun, slots: number, turn: Turn): Promise<void> {
  if (run.order.warmUpMs > 0) await inSlots(run, slots, turn, () => run.isWarmingUp);
  run.measure();
  await inSlots(run, slots, turn, () => !run.isOver);
}

/** Takes turns in all slots, once each at least, until no more may be begun. What a turn throws ends the phase. */
export async function inSlots(run: PhaseRun, slots: number, turn: Turn, mayBegin: () => boolean): Promise<void> {
  const work = async (slot: number): Promise<void> => {
    // Each for itself: the loop turns when all of them have paused.
    let breathedMs = run.now();
    try {
      do {
        await turn(slot);
        if (run.now() - breathedMs < BREATH_MS) continue;
        breathedMs = run.now();
        await nextTurn();
      } while (mayBegin());
    } catch (thrown) {
      run.fail(thrown);
    }
  };
  await Promise.all(Array.from({ length: slots }, (_, slot) => work(slot)));
}
