import type { Target } from '../messages.ts';
import type { Cell, Verify } from '../plan.ts';

/** A client under measurement, loaded in a process of its own. */
export interface BenchClient {
  open(options: SessionOptions): Promise<Session>;
}

export interface SessionOptions {
  readonly target: Target;
  readonly cell: Cell;
  readonly verify: Verify;
  /** For a PUT, which kind of key the bodies go to. */
  readonly upload: 'counted' | 'checked';
  /**
   * One per request in flight, each of the object's size and touched before, as memory that is fresh costs as much in page faults as the whole
   * transfer. A GET leaves the object in it, a PUT sends it. Empty for HEAD.
   */
  readonly buffers: readonly Uint8Array[];
}

/** Connections for one cell. */
export interface Session {
  /** Does `perSlot` operations one after another in each slot, the slots side by side. Rejects when one did not succeed. */
  run(perSlot: number): Promise<void>;
  close(): Promise<void>;
}

/** Runs one operation after another in each of `slots`, all slots at once. */
export async function inSlots(slots: number, perSlot: number, operate: (slot: number) => Promise<void>): Promise<void> {
  await Promise.all(
    Array.from({ length: slots }, async (_, slot) => {
      for (let done = 0; done < perSlot; done += 1) {
        await operate(slot);
      }
    }),
  );
}
