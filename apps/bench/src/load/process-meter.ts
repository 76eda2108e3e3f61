import os from 'node:os';
import { type EventLoopUtilization, monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { ProcessFacts } from '../results/records.ts';

/** How often the event loop is asked for its delay, in milliseconds. */
const RESOLUTION_MS = 10;

/** Starts to watch what this process does, all its threads included, until `stop`. */
export function startMeter(): { stop(): ProcessFacts } {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  const cpu = process.cpuUsage();
  const machine = machineTimes();
  const loop: EventLoopUtilization = performance.eventLoopUtilization();
  return {
    stop() {
      const { user, system } = process.cpuUsage(cpu);
      const { utilization } = performance.eventLoopUtilization(loop);
      delay.disable();
      // Its figures are the times between two timers, which are a resolution apart where nothing delays them.
      const beyond = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
      const isEmpty = delay.count === 0;
      const now = machineTimes();
      const all = now.allMs - machine.allMs;
      return {
        cpuSeconds: (user + system) / 1e6,
        eventLoopUtilization: utilization,
        eventLoopDelayMs: {
          p50: isEmpty ? 0 : beyond(delay.percentile(50)),
          p99: isEmpty ? 0 : beyond(delay.percentile(99)),
          max: isEmpty ? 0 : beyond(delay.max),
        },
        // In KiB.
        peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
        machineBusy: all === 0 ? 0 : 1 - (now.idleMs - machine.idleMs) / all,
      };
    },
  };
}

function machineTimes(): { readonly allMs: number; readonly idleMs: number } {
  let [allMs, idleMs] = [0, 0];
  for (const { times } of os.cpus()) {
    idleMs += times.idle;
    for (const ms of Object.values(times)) allMs += ms;
  }
  return { allMs, idleMs };
}
