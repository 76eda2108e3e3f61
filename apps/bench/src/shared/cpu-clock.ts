/** Wall and CPU time of this process, all its threads included, summed over the stretches between `start` and `stop`. */
export class CpuClock {
  #wallMs = 0;
  #cpuMicros = 0;
  #startedMs = 0;
  #startedCpu: NodeJS.CpuUsage = { user: 0, system: 0 };

  start(): void {
    this.#startedCpu = process.cpuUsage();
    this.#startedMs = performance.now();
  }

  stop(): void {
    this.#wallMs += performance.now() - this.#startedMs;
    const used = process.cpuUsage(this.#startedCpu);
    this.#cpuMicros += used.user + used.system;
  }

  get seconds(): number {
    return this.#wallMs / 1000;
  }

  get cpuSeconds(): number {
    return this.#cpuMicros / 1e6;
  }
}

/** What moving `bytes` cost. */
export interface TransferCost {
  readonly seconds: number;
  readonly bytesPerSecond: number;
  readonly cpuSecondsPerGiB: number;
}

export function transferCost(clock: CpuClock, bytes: number): TransferCost {
  return {
    seconds: clock.seconds,
    bytesPerSecond: clock.seconds === 0 ? 0 : bytes / clock.seconds,
    cpuSecondsPerGiB: bytes === 0 ? 0 : clock.cpuSeconds / (bytes / 1024 ** 3),
  };
}

/** CPU time of this process, all its threads included, since `process.cpuUsage` gave `start`. */
export function cpuSecondsSince(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6;
}
