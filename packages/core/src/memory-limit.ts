import { totalmem } from 'node:os';

/** Says how much memory this process can have at most, in bytes: what its cgroup allows, or what the machine has, where that is less. */
export function memoryLimitBytes(): number {
  return smallerLimit(totalmem(), process.constrainedMemory());
}

/**
 * Picks the limit that binds. `process.constrainedMemory()` is 0 where it knows of no limit, and far above any machine's memory (1.8e19)
 * in a cgroup without one: neither binds.
 */
export function smallerLimit(machineBytes: number, constrainedBytes: number): number {
  return constrainedBytes > 0 ? Math.min(machineBytes, constrainedBytes) : machineBytes;
}
