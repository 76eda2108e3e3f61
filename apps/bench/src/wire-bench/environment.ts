import os from 'node:os';
import { packageVersion } from '../clients/package-version.ts';
import { describeMachine, type Machine } from '../shared/bench-run.ts';
import type { Plan } from './plan.ts';
import type { Cores } from './processes.ts';
import type { Dropped, RunResult } from './run.ts';

/** Under what conditions the figures came about. */
export interface Environment extends Machine {
  readonly openssl: string;
  readonly memoryBytes: number;
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
  return {
    ...describeMachine(loadBefore),
    openssl: process.versions.openssl,
    memoryBytes: os.totalmem(),
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
  const peers = ['undici', 'aws-crt', '@aws-sdk/client-s3'];
  return Object.fromEntries(peers.map((name) => [name, packageVersion(name) ?? 'not installed']));
}
