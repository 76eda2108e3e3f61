import { setTimeout as sleep } from 'node:timers/promises';
import { KvferryError } from '@kvferry/core';
import type { PhaseEnd, PhaseRecord, ProcessFacts } from '../results/records.ts';
import { FailureRule } from './failure-rule.ts';
import type { PhaseOrder } from './messages.ts';
import { startMeter } from './process-meter.ts';

/** What is under way when a phase ends may still come in for so long; then it is called off. */
const DRAIN_MS = 2000;
/** Of the bytes that a phase may move, the warm-up leaves the rest to what is measured. */
const WARM_UP_SHARE = 1 / 4;

/** One phase while it runs: how much it may still do, and how it ends. The first end counts, except that it fails. */
export class PhaseRun {
  readonly order: PhaseOrder;
  readonly startMs: number;
  /** Milliseconds since the run began. */
  readonly now: () => number;
  readonly #callOff = new AbortController();
  readonly #over = new AbortController();
  readonly #rule = new FailureRule();
  #timer: NodeJS.Timeout | undefined;
  #meter: { stop(): ProcessFacts } | undefined;
  #measuredFromMs: number | undefined;
  #end: { readonly by: PhaseEnd; readonly error: PhaseRecord['error'] } | undefined;
  #lastError: KvferryError | undefined;
  #takenBytes = 0;
  #takenPrompts = 0;
  #warmUpPrompts = 0;
  #movedBytes = 0;

  constructor(order: PhaseOrder, now: () => number) {
    this.order = order;
    this.now = now;
    this.startMs = now();
  }

  /** Fires when what is under way is to end at once. */
  get signal(): AbortSignal {
    return this.#callOff.signal;
  }

  /** Whether nothing more is to be begun. */
  get isOver(): boolean {
    return this.#end !== undefined;
  }

  get end(): PhaseEnd | undefined {
    return this.#end?.by;
  }

  /** Whether it ended before its time: of what was under way then, nothing follows. */
  get isCutShort(): boolean {
    return this.end === 'interrupted' || this.end === 'failed';
  }

  /** When the measured part began; `undefined` before. */
  get measuredFromMs(): number | undefined {
    return this.#measuredFromMs;
  }

  /** Whether another turn may be begun before measuring. */
  get isWarmingUp(): boolean {
    if (this.isOver || this.#measuredFromMs !== undefined) return false;
    const { maxBytes, maxPrompts, warmUpMs } = this.order;
    const isInTime = this.now() - this.startMs < warmUpMs;
    return isInTime && this.#takenBytes < maxBytes * WARM_UP_SHARE && this.#warmUpPrompts < maxPrompts;
  }

  get movedBytes(): number {
    return this.#movedBytes;
  }

  /** Ends the warm-up: from here on all counts. */
  measure(): void {
    if (this.isOver) return;
    this.#meter = startMeter();
    this.#measuredFromMs = this.now();
    this.#timer = setTimeout(() => this.finish('time'), this.order.maxMs);
  }

  /** Takes bytes of what may be moved; where there are not so many left, the phase is over. */
  takeBytes(bytes: number): boolean {
    if (this.isOver) return false;
    if (this.#takenBytes + bytes > this.order.maxBytes) {
      this.finish('bytes');
      return false;
    }
    this.#takenBytes += bytes;
    return true;
  }

  /** Takes one of the prompts that may be measured; where there is none left, the phase is done. Warming up takes no more than as many. */
  takePrompt(): boolean {
    if (this.isOver) return false;
    if (this.#measuredFromMs === undefined) {
      this.#warmUpPrompts += 1;
      return true;
    }
    if (this.#takenPrompts >= this.order.maxPrompts) {
      this.finish('done');
      return false;
    }
    this.#takenPrompts += 1;
    return true;
  }

  moved(bytes: number): void {
    this.#movedBytes += bytes;
  }

  /** Something was read as it should be. */
  succeeded(): void {
    this.#rule.succeeded();
  }

  /** Something could not be read, after all attempts of the backend. */
  failed(error: KvferryError): void {
    // What was called off failed by our own doing.
    if (this.signal.aborted) return;
    this.#lastError = error;
    if (this.#rule.failed()) this.fail(error);
  }

  fail(thrown: unknown): void {
    // What was called off failed by our own doing.
    if (this.signal.aborted) return;
    const { code, message } = KvferryError.from(thrown);
    const error = { code, message };
    // Whatever ended it before: what was still under way then has failed all the same.
    if (this.#end !== undefined && this.#end.by !== 'interrupted') this.#end = { by: 'failed', error };
    this.finish('failed', error);
  }

  finish(by: PhaseEnd, error: PhaseRecord['error'] = null): void {
    if (this.#end !== undefined) return;
    this.#end = { by, error };
    clearTimeout(this.#timer);
    // What was begun of all that was to be done may take the time that it has.
    const leftMs = by === 'done' ? this.order.maxMs - (this.now() - (this.#measuredFromMs ?? this.startMs)) : 0;
    this.#timer = setTimeout(() => this.#callOff.abort(), leftMs + DRAIN_MS);
    this.#over.abort();
  }

  /** Ends it now, with nothing waited for. */
  interrupt(): void {
    this.finish('interrupted');
    this.#callOff.abort();
  }

  /** Waits until this moment. Says whether the phase still goes on. */
  async until(ms: number): Promise<boolean> {
    // A timer may fire a part of a millisecond early.
    for (let leftMs = ms - this.now(); leftMs > 0 && !this.isOver; leftMs = ms - this.now()) {
      await sleep(Math.ceil(leftMs), undefined, { signal: this.#over.signal }).catch(() => {});
    }
    return !this.isOver;
  }

  #endAfterAll(): { readonly by: PhaseEnd; readonly error: PhaseRecord['error'] } {
    const end = this.#end ?? { by: 'done', error: null };
    if (end.by === 'interrupted' || end.by === 'failed' || !this.#rule.nothingCame) return end;
    const { code, message } = KvferryError.from(this.#lastError);
    return { by: 'failed', error: { code, message } };
  }

  /** What is said of it when all is quiet. */
  close(): PhaseRecord {
    clearTimeout(this.#timer);
    const endMs = this.now();
    const process = this.#meter?.stop() ?? null;
    const { by, error } = this.#endAfterAll();
    const { id, workload } = this.order;
    return {
      kind: 'phase',
      id,
      workload,
      startMs: this.startMs,
      warmUntilMs: this.#measuredFromMs ?? endMs,
      endMs,
      endedBy: by,
      error,
      process,
    };
  }
}
