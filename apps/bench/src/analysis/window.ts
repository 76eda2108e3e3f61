import type { PhaseRecord } from '../results/records.ts';
import { medianOf } from './percentiles.ts';

/** A stretch of a run, in its milliseconds. */
export interface Window {
  readonly startMs: number;
  readonly endMs: number;
}

/** Bytes that came, or went, evenly over a stretch. */
export interface Flow extends Window {
  readonly bytes: number;
}

/** Bytes per second of a window's seconds. */
export interface Throughput {
  readonly fastest: number;
  readonly median: number;
  readonly slowest: number;
}

/** The measured part of a phase: from when it was warm to its end. */
export function measuredWindow({ warmUntilMs, endMs }: PhaseRecord): Window {
  return { startMs: warmUntilMs, endMs: Math.max(warmUntilMs, endMs) };
}

/**
 * The stretch in which a closed loop was as wide as it was meant to be: from the first moment that so many requests were in flight to the last.
 * `undefined` where that never happened.
 */
export function busyWindow(requests: readonly Window[], concurrency: number): Window | undefined {
  const starts = Float64Array.from(requests, ({ startMs }) => startMs).sort();
  const ends = Float64Array.from(requests, ({ endMs }) => endMs).sort();
  let window: Window | undefined;
  let begun = 0;
  for (const [ended, endMs] of ends.entries()) {
    // A slot begins its next request in the moment that one has ended: that leaves no gap, and makes no slot twice as wide.
    while (begun < starts.length && (starts[begun] as number) < endMs) begun += 1;
    if (begun - ended < concurrency) continue;
    // What was begun last, of as many as are needed, made it full.
    const fullMs = starts[ended + concurrency - 1] as number;
    window = { startMs: window?.startMs ?? fullMs, endMs };
  }
  return window;
}

/** The bytes of a flow that fall into a window. What takes no time falls into the moment of its end. */
export function bytesWithin(flow: Flow, window: Window): number {
  const lengthMs = flow.endMs - flow.startMs;
  if (!(lengthMs > 0)) return flow.endMs >= window.startMs && flow.endMs <= window.endMs ? flow.bytes : 0;
  const sharedMs = Math.min(flow.endMs, window.endMs) - Math.max(flow.startMs, window.startMs);
  return sharedMs > 0 ? (flow.bytes * sharedMs) / lengthMs : 0;
}

/** All bytes of a window. */
export function bytesOf(flows: readonly Flow[], window: Window): number {
  return flows.reduce((sum, flow) => sum + bytesWithin(flow, window), 0);
}

/**
 * Throughput over the whole seconds of a window, the last partial one dropped; a window shorter than a second counts as one second at its own rate. `null` where
 * nothing moved.
 */
export function throughputOf(flows: readonly Flow[], window: Window): Throughput | null {
  const lengthMs = window.endMs - window.startMs;
  if (!(lengthMs > 0)) return null;
  const seconds = lengthMs < 1000 ? [(bytesOf(flows, window) * 1000) / lengthMs] : bytesOfSeconds(flows, window);
  const fastest = Math.max(...seconds);
  if (fastest === 0) return null;
  return { fastest, median: medianOf(seconds) ?? 0, slowest: Math.min(...seconds) };
}

function bytesOfSeconds(flows: readonly Flow[], { startMs, endMs }: Window): number[] {
  const seconds = new Array<number>(Math.floor((endMs - startMs) / 1000)).fill(0);
  for (const flow of flows) {
    const last = Math.min(seconds.length - 1, Math.floor((flow.endMs - startMs) / 1000));
    for (let second = Math.max(0, Math.floor((flow.startMs - startMs) / 1000)); second <= last; second += 1) {
      const fromMs = startMs + second * 1000;
      seconds[second] = (seconds[second] ?? 0) + bytesWithin(flow, { startMs: fromMs, endMs: fromMs + 1000 });
    }
  }
  return seconds;
}
