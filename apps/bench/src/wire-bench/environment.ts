import { readFileSync } from 'node:fs';
import os from 'node:os';
import type { Plan } from './plan.ts';
import type { Cores } from './processes.ts';
import type { Dropped, RunResult } from './run.ts';

/** Under what conditions the figures came about. */
export interface Environment {
  readonly date: string;
  readonly node: string;
  readonly openssl: string;
  readonly platform: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: number;
  /** What the machine had to do before the run began: averages over 1, 5 and 15 minutes. */
  readonly loadBefore: readonly number[];
  readonly server: string;
  readonly coreBinding: string;
  readonly libraries: Readonly<Record<string, string>>;
  /** Windows behind each figure; fewer than planned where the machine was too busy. */
  readonly rounds: number;
  readonly windowMs: number;
  readonly leftOut: readonly Dropped[];
  readonly failed: readonly Dropped[];
}

export function describeEnvironment(
  plan: Plan,
  cores: Cores,
  loadBefore: readonly number[],
  result: RunResult,
): Environment {
  const processors = os.cpus();
  return {
    date: new Date().toISOString(),
    node: process.version,
    openssl: process.versions.openssl,
    platform: `${os.platform()} ${os.release()} ${os.arch()}`,
    processor: processors[0]?.model ?? 'unknown',
    cores: processors.length,
    memoryBytes: os.totalmem(),
    loadBefore,
    server:
      "the benchmark's own, in a process of its own: prepared bytes, signatures not checked, uploads received and counted",
    coreBinding: cores.description,
    libraries: peerVersions(),
    rounds: Math.min(...result.measurements.map(({ samples }) => samples.length)),
    windowMs: plan.windowMs,
    leftOut: result.leftOut,
    failed: result.failed,
  };
}

function peerVersions(): Record<string, string> {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  const peers = ['undici', 'aws-crt', '@aws-sdk/client-s3'];
  return Object.fromEntries(peers.map((name) => [name, manifest.dependencies[name] ?? 'unknown']));
}
