import type { Direction, WireFault } from './types.ts';

/** What a connection does next with bytes that came in. */
export type WireStep =
  | { readonly kind: 'pass'; readonly bytes: Uint8Array }
  /** Waits for the next turn of the event loop. */
  | { readonly kind: 'turn' }
  /** The end of the bytes that are passed on. */
  | { readonly kind: 'reset' | 'stall' | 'truncate' };

interface ActiveFault {
  readonly fault: WireFault;
  timesLeft: number;
}

/** The faults that are in force, for all connections of a proxy. */
export class WireFaults {
  #active: ActiveFault[] = [];

  get active(): readonly ActiveFault[] {
    return this.#active;
  }

  inject(fault: WireFault, times: number): void {
    this.#active.push({ fault, timesLeft: times });
  }

  clear(): void {
    this.#active = [];
  }

  /** Says whether the connection that just came is refused. */
  refusesNext(): boolean {
    const refusal = this.#active.find(({ fault, timesLeft }) => fault.kind === 'refuse' && timesLeft > 0);
    if (refusal === undefined) return false;
    refusal.timesLeft -= 1;
    return true;
  }

  /** What the faults do to one connection. */
  forConnection(): ConnectionFaults {
    return new ConnectionFaults(this);
  }
}

/** What a fault has done to one connection. */
interface Progress {
  passedBytes: number;
  struck: boolean;
}

/** Applies faults to the bytes of one connection. Faults that are injected or cleared meanwhile hold from the next step on. */
export class ConnectionFaults {
  readonly #faults: WireFaults;
  readonly #progress = new Map<ActiveFault, Progress>();

  constructor(faults: WireFaults) {
    this.#faults = faults;
  }

  /** The steps for bytes of one direction. It ends with the last byte, or with the step that ends the direction. */
  *steps(direction: Direction, bytes: Uint8Array): Generator<WireStep> {
    let rest = bytes;
    while (rest.byteLength > 0) {
      const faults = this.#inForce(direction);
      let room = rest.byteLength;
      let dripping = false;
      for (const { active, progress } of faults) {
        const { fault } = active;
        if (fault.kind === 'drip') {
          this.#strike(active, progress);
          room = Math.min(room, Math.max(1, fault.bytesPerTurn));
          dripping = true;
        } else if ('afterBytes' in fault) {
          room = Math.min(room, Math.max(0, fault.afterBytes - progress.passedBytes));
        }
      }
      let piece = rest.subarray(0, room);
      for (const { active, progress } of faults) {
        const { fault } = active;
        const at = fault.kind === 'flip' && !progress.struck ? fault.atByte - progress.passedBytes : -1;
        if (at >= 0 && at < piece.byteLength) {
          piece = piece.slice();
          piece[at] = (piece[at] ?? 0) ^ 1;
          this.#strike(active, progress);
        }
        progress.passedBytes += room;
      }
      if (room > 0) yield { kind: 'pass', bytes: piece };
      rest = rest.subarray(room);
      for (const { active, progress } of faults) {
        const { fault } = active;
        if (!('afterBytes' in fault) || progress.passedBytes < fault.afterBytes) continue;
        this.#strike(active, progress);
        yield { kind: fault.kind };
        return;
      }
      if (dripping) yield { kind: 'turn' };
    }
  }

  /** The faults of this direction that have not had their times, and those that have this connection already. */
  #inForce(direction: Direction): { readonly active: ActiveFault; readonly progress: Progress }[] {
    const inForce: { active: ActiveFault; progress: Progress }[] = [];
    for (const active of this.#faults.active) {
      const { fault } = active;
      if (fault.kind === 'refuse' || fault.direction !== direction) continue;
      let progress = this.#progress.get(active);
      if (progress === undefined) {
        progress = { passedBytes: 0, struck: false };
        this.#progress.set(active, progress);
      }
      if (active.timesLeft > 0 || progress.struck) inForce.push({ active, progress });
    }
    return inForce;
  }

  #strike(active: ActiveFault, progress: Progress): void {
    if (progress.struck) return;
    progress.struck = true;
    active.timesLeft -= 1;
  }
}
