import os from 'node:os';
import pc from 'picocolors';

/** Gives what says on standard error how far a benchmark is, with the seconds since now. */
export function startProgress(): (text: string) => void {
  const startMs = performance.now();
  return (text) => {
    const seconds = ((performance.now() - startMs) / 1000).toFixed(0).padStart(3);
    process.stderr.write(`${pc.dim(`${seconds} s`)}  ${text}\n`);
  };
}

/** What to tell of a machine that had other work. Neighbours empty the caches and share the memory's bandwidth, which costs the leanest clients most: ratios shrink too. */
export function busyNotes([lastMinute = 0]: readonly number[]): string[] {
  if (lastMinute < 0.7) return [];
  return [`The machine was busy before the run began (load ${lastMinute.toFixed(1)}): run it again when it is idle.`];
}

/** What a benchmark ran on. */
export interface Machine {
  readonly date: string;
  readonly node: string;
  readonly platform: string;
  readonly processor: string;
  readonly cores: number;
  /** What it had to do before the run began: averages over 1, 5 and 15 minutes. */
  readonly loadBefore: readonly number[];
}

export function describeMachine(loadBefore: readonly number[]): Machine {
  const processors = os.cpus();
  return {
    date: new Date().toISOString(),
    node: process.version,
    platform: `${os.platform()} ${os.release()} ${os.arch()}`,
    processor: processors[0]?.model ?? 'unknown',
    cores: processors.length,
    loadBefore,
  };
}
