import { formatCount } from 'kvferry/terminal';
import type { CostSummary, PeerSummary, Percentiles, PhaseSummary, Summary } from '../results/summary.ts';
import { NONE } from './rate-columns.ts';
import { dollarsText, millisecondsText, percentText, type RateUnit, rateUnit, threeDigits } from './units.ts';
import { workloadText } from './words.ts';

/** Cells of the tables that a terminal and a report have in common. */

/** Median and 99th percentile in milliseconds. */
export function pairText(of: Percentiles | null, unit: '' | ' ms'): string {
  return of === null ? NONE : `${millisecondsText(of.p50)} / ${millisecondsText(of.p99)}${unit}`;
}

/** Of each phase that has prompts: what was done, how many, what share was found, how long a lookup and a whole prompt took. */
export function promptRows(phases: readonly PhaseSummary[], unit: '' | ' ms'): string[][] {
  return phases
    .filter(({ prompts }) => prompts > 0)
    .map(({ workload, prompts, hitShare, lookupMs, promptMs }) => [
      workloadText(workload),
      formatCount(prompts),
      orNone(hitShare, percentText),
      pairText(lookupMs, unit),
      pairText(promptMs, unit),
    ]);
}

/** Of each service and length: where, how many tokens, what a thousand hits cost, and one kept a month. */
export function costRows(costs: readonly CostSummary[]): string[][] {
  return costs.map((cost) => [
    `${cost.service}, ${cost.region}`,
    formatCount(cost.tokens),
    dollarsText(cost.requestDollars * 1000),
    dollarsText(cost.transferDollars * 1000),
    dollarsText(cost.hitDollars * 1000),
    dollarsText(cost.storageDollarsPerMonth),
  ]);
}

/** Codes and how often, the most frequent first. */
export function errorRows(errors: Summary['errors']): string[][] {
  return Object.entries(errors)
    .sort(([, a], [, b]) => b - a)
    .map(([code, count]) => [code, formatCount(count)]);
}

/** The comparison of clients: those that were measured, all rates in one unit, and those that were left out. */
export interface PeerCells {
  readonly unit: RateUnit;
  readonly measured: readonly {
    readonly client: string;
    readonly version: string;
    readonly cost: string;
    readonly ratio: string;
    readonly rate: string;
  }[];
  readonly leftOut: readonly PeerSummary[];
}

export function peerCells(peers: readonly PeerSummary[]): PeerCells {
  const unit = rateUnit(Math.max(0, ...peers.map(({ bytesPerSecond }) => bytesPerSecond ?? 0)));
  const measured = peers
    .filter(({ reason }) => reason === null)
    .map(({ client, version, cpuSecondsPerGiB, cpuRatio, bytesPerSecond }) => ({
      client,
      version: version ?? '',
      cost: orNone(cpuSecondsPerGiB, threeDigits),
      ratio: orNone(cpuRatio, threeDigits),
      rate: orNone(bytesPerSecond, unit.text),
    }));
  return { unit, measured, leftOut: peers.filter(({ reason }) => reason !== null) };
}

function orNone(value: number | null, text: (value: number) => string): string {
  return value === null ? NONE : text(value);
}
