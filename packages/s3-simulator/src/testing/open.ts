/** A simulator for one test. */

import { onTestFinished } from 'vitest';
import { startSimulator } from '../simulator.ts';
import type { Simulator, SimulatorOptions } from '../types.ts';

export const BUCKET = 'my-bucket';

/** With `BUCKET` in it; closed when the test has finished. */
export async function openSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const simulator = await startSimulator({ buckets: [BUCKET], ...options });
  onTestFinished(() => simulator.close());
  return simulator;
}

/** Bytes that are not all alike, and the same at every run. */
export function someBytes(byteLength: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(byteLength);
  let state = seed >>> 0 || 1;
  for (let i = 0; i < byteLength; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}
