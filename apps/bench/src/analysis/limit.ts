import type { Limit } from '../results/summary.ts';
import { byConcurrency, plateauOf, type Step } from './best-step.ts';

/** What kept reading from being faster, and the figures that say so, in one sentence. */
export interface LimitFinding {
  readonly limitedBy: Limit;
  readonly reason: string;
}

/** What the run ran on, as far as it may have limited it. */
export interface LimitSetting {
  readonly cores: number;
  readonly sharesMachine: boolean;
  readonly maxRequestsInFlight: number | null;
}

/** An event loop that is busy for this share of the time has no room for another request. */
const BUSY_LOOP = 0.9;
/** The client has this share of all cores. */
const BUSY_CLIENT = 0.9;
/** The machine is busy as a whole. */
const BUSY_MACHINE = 0.95;
/** Where twice the requests brought more than this, more would bring more again. */
const STILL_GAINING = 0.1;

/**
 * Says what limited reading, by the first rule that holds. The first two are held against each step of the plateau, the best one first: all of it is as fast as
 * it gets.
 *
 * 1. event loop: busy for 90 % of the time or more;
 * 2. client CPU: the client used 90 % of all cores; or the machine was 95 % busy, and the client had most of that. Where it had less, and the store shares the
 *    machine, it is the store;
 * 3. request limit: the best step is the widest that was measured, and had gained more than 10 % over the one before (or there is no other, and it is the
 *    client's `maxRequestsInFlight`);
 * 4. store, with the network to it: what is left.
 *
 * `undefined` where there is no step.
 */
export function findLimit(steps: readonly Step[], setting: LimitSetting): LimitFinding | undefined {
  const plateau = plateauOf(steps);
  const best = plateau[0];
  if (best === undefined) return undefined;
  const all = byConcurrency(steps);
  const position = all.indexOf(best);
  const neighbours = { before: all[position - 1], next: all[position + 1] };
  return (
    firstOf(plateau, (step) => eventLoop(step, best)) ??
    firstOf(plateau, (step) => clientCpu(step, best, setting)) ??
    firstOf(plateau, (step) => ownStore(step, best, setting)) ??
    requestLimit(best, neighbours, setting) ??
    store(best, neighbours, setting)
  );
}

interface Neighbours {
  readonly before: Step | undefined;
  readonly next: Step | undefined;
}

function firstOf(steps: readonly Step[], rule: (step: Step) => LimitFinding | undefined): LimitFinding | undefined {
  for (const step of steps) {
    const finding = rule(step);
    if (finding !== undefined) return finding;
  }
  return undefined;
}

function eventLoop(step: Step, best: Step): LimitFinding | undefined {
  const { process } = step.phase;
  if (process === null || process.eventLoopUtilization < BUSY_LOOP) return undefined;
  const busy = percent(process.eventLoopUtilization);
  const reason = `${at(step, best)}, the event loop of the client's main thread was busy for ${busy} of the time.`;
  return { limitedBy: 'event loop', reason };
}

function clientCpu(step: Step, best: Step, { cores, sharesMachine }: LimitSetting): LimitFinding | undefined {
  const { coresUsed, phase } = step;
  if (phase.process === null || coresUsed === null || cores === 0) return undefined;
  const used = coresUsed.toFixed(1);
  if (coresUsed >= BUSY_CLIENT * cores) {
    return {
      limitedBy: 'client CPU',
      reason: `${at(step, best)}, the client used ${used} of the machine's ${cores} cores.`,
    };
  }
  const { machineBusy } = phase.process;
  if (machineBusy < BUSY_MACHINE || coresUsed <= (machineBusy * cores) / 2) return undefined;
  const rest = sharesMachine ? ', the store on the same machine had the rest' : '';
  const busy = `${percent(machineBusy)} busy: the client used ${used} of them${rest}`;
  return { limitedBy: 'client CPU', reason: `${at(step, best)}, the machine's ${cores} cores were ${busy}.` };
}

/** A store on this machine has of its processors what the client leaves. */
function ownStore(step: Step, best: Step, { cores, sharesMachine }: LimitSetting): LimitFinding | undefined {
  const { coresUsed, phase } = step;
  if (!sharesMachine || phase.process === null || coresUsed === null) return undefined;
  const { machineBusy } = phase.process;
  if (machineBusy < BUSY_MACHINE) return undefined;
  const rest = `${percent(machineBusy)} busy: the client used ${coresUsed.toFixed(1)} of them, the store on the same machine had the rest`;
  return { limitedBy: 'store', reason: `${at(step, best)}, the machine's ${cores} cores were ${rest}.` };
}

function requestLimit(
  best: Step,
  { before, next }: Neighbours,
  { maxRequestsInFlight }: LimitSetting,
): LimitFinding | undefined {
  if (next !== undefined) return undefined;
  const { concurrency } = best;
  const isClientLimit = maxRequestsInFlight !== null && concurrency >= maxRequestsInFlight;
  const cap = isClientLimit ? "the client's maxRequestsInFlight allows no more" : 'more were not measured';
  if (before === undefined) {
    if (!isClientLimit) return undefined;
    return { limitedBy: 'request limit', reason: `Nothing but ${requests(concurrency)} at once was measured: ${cap}.` };
  }
  const gained = gain(before, best);
  if (gained <= STILL_GAINING) return undefined;
  const rise = `From ${before.concurrency} to ${requests(concurrency)} at once the throughput still rose by ${percent(gained)}`;
  return { limitedBy: 'request limit', reason: `${rise}, and ${cap}.` };
}

function store(best: Step, { before, next }: Neighbours, { cores }: LimitSetting): LimitFinding {
  const { concurrency, coresUsed, phase } = best;
  let seen = `Nothing but ${requests(concurrency)} at once was measured`;
  if (next !== undefined) {
    seen = `More than ${requests(concurrency)} at once gained nothing to speak of (${signed(gain(best, next))} with ${next.concurrency})`;
  } else if (before !== undefined) {
    seen = `From ${before.concurrency} to ${requests(concurrency)} at once the throughput rose by ${percent(gain(before, best))} only`;
  }
  const loop = phase.process === null ? '' : `, its event loop was ${percent(phase.process.eventLoopUtilization)} busy`;
  const client = coresUsed === null ? '' : `; the client used ${coresUsed.toFixed(1)} of ${cores} cores${loop}`;
  return { limitedBy: 'store', reason: `${seen}${client}: the store, or the network to it, gave no more.` };
}

/** Names a step, and how it stands to the one that the figures are of. */
function at(step: Step, best: Step): string {
  const than = step === best ? '' : `, about as fast as ${best.concurrency}`;
  return `With ${requests(step.concurrency)} at once${than}`;
}

function gain(from: Step, to: Step): number {
  return to.bytesPerSecond.median / from.bytesPerSecond.median - 1;
}

function requests(count: number): string {
  return count === 1 ? '1 request' : `${count} requests`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function signed(share: number): string {
  return `${share < 0 ? '−' : '+'}${percent(Math.abs(share))}`;
}
