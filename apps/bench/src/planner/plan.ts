import { KvferryError, nearestName } from '@kvferry/core';
import type { ModelFacts } from '../results/records.ts';
import type { PlanSummary } from '../results/summary.ts';
import { type BreakEven, breakEven, computeSeconds, type LoadCost, loadSeconds, MOST_TOKENS } from './break-even.ts';
import { costOfHit } from './costs.ts';
import { ACCELERATORS, findAccelerator, hardwareNames } from './hardware.ts';
import { findWeights, type PrefillRate, prefillRate, WEIGHTS } from './prefill-rate.ts';
import { type PriceList, pricesFor, S3_EXPRESS, S3_STANDARD } from './prices.ts';

/** What recomputing is held against. */
export interface PlanOptions {
  /** A name of {@link hardwareNames}; with a rate of one's own, any words for it. */
  readonly hardware: string;
  /** Measured, in place of the rate that follows from the hardware's datasheet. */
  readonly prefillTokensPerSecond?: number | undefined;
}

/** What was run, as far as a plan needs it. */
export interface PlannedStore {
  readonly backend: string;
  readonly target: string;
  readonly model: ModelFacts;
  /** `undefined` where nothing could be read. */
  readonly cost: LoadCost | undefined;
}

/** Lengths of prefix for the curve: 256 · 2^k tokens, up to the longest. */
const CURVE_TOKENS: readonly number[] = Array.from(
  { length: Math.log2(MOST_TOKENS / 256) + 1 },
  (_, power) => 256 * 2 ** power,
);
/** Lengths of prefix that are priced: a long conversation, and a document. */
const PRICED_TOKENS: readonly number[] = [8192, 32_768];

/** Checks, before anything is run, that there can be a plan. Throws INVALID_ARGUMENT with the way out. */
export function checkPlanOptions(model: string, options: PlanOptions): void {
  const problem = planProblem(model, options);
  if (problem !== undefined) throw new KvferryError('INVALID_ARGUMENT', problem);
}

/** What the store is worth to an engine of this model on this hardware. Where `checkPlanOptions` would have thrown, the reason says it. */
export function planFor(store: PlannedStore, options: PlanOptions): PlanSummary {
  const { cost, model } = store;
  const problem = hasSize(model) ? planProblem(model.name, options) : 'the model of the run is not known';
  const rate = problem === undefined ? rateOf(model.name, options) : undefined;
  const outcome = outcomeOf(store, options.hardware, rate, problem);
  return {
    hardware: options.hardware,
    prefillTokensPerSecond: rate?.tokensPerSecond ?? 0,
    prefillSource: rate?.source ?? 'unknown',
    ...outcome,
    byHardware: ratesByHardware(model.name).map(({ hardware, rate: its }) => ({
      hardware,
      prefillTokensPerSecond: its.tokensPerSecond,
      ...outcomeFields(cost === undefined ? undefined : breakEvenOf(cost, model, its)),
    })),
    curve:
      cost === undefined || rate === undefined
        ? []
        : CURVE_TOKENS.map((tokens) => ({
            tokens,
            loadSeconds: loadSeconds(cost, model.bytesPerToken, tokens),
            computeSeconds: computeSeconds(rate.compute, tokens),
          })),
    costs: hasSize(model) ? priceLists(store).flatMap((prices) => hitsAt(prices, model)) : [],
  };
}

/** Of a file without its head nothing is known. */
function hasSize({ bytesPerToken, chunkTokens }: ModelFacts): boolean {
  return bytesPerToken > 0 && chunkTokens > 0;
}

function planProblem(model: string, { hardware, prefillTokensPerSecond: rate }: PlanOptions): string | undefined {
  if (rate !== undefined) {
    return Number.isFinite(rate) && rate > 0
      ? undefined
      : `a prefill rate is a number of tokens per second, not ${rate}`;
  }
  if (findAccelerator(hardware) === undefined) {
    const nearest = nearestName(hardware.toLowerCase(), hardwareNames);
    const hint = nearest === undefined ? '' : ` (did you mean ${nearest}?)`;
    const all = hardwareNames.join(', ');
    return `no hardware is called ${hardware}${hint}; there are: ${all}; for any other, give --prefill-tokens-per-second`;
  }
  if (findWeights(model) !== undefined) return undefined;
  const all = WEIGHTS.map(({ name }) => name).join(', ');
  return `how fast ${model} is computed is known for ${all} only: give --prefill-tokens-per-second`;
}

function rateOf(model: string, { hardware, prefillTokensPerSecond }: PlanOptions): PrefillRate | undefined {
  if (prefillTokensPerSecond !== undefined) {
    const compute = { secondsPerToken: 1 / prefillTokensPerSecond, secondsPerTokenSquared: 0 };
    return { compute, tokensPerSecond: prefillTokensPerSecond, source: 'as given with --prefill-tokens-per-second' };
  }
  const accelerator = findAccelerator(hardware);
  const weights = findWeights(model);
  return accelerator === undefined || weights === undefined ? undefined : prefillRate(accelerator, weights);
}

function outcomeOf(
  { cost, model }: PlannedStore,
  hardware: string,
  rate: PrefillRate | undefined,
  problem: string | undefined,
): Pick<PlanSummary, 'breakEvenTokens' | 'neededBytesPerSecond' | 'reason'> {
  if (rate === undefined) return { ...outcomeFields(undefined), reason: `There is no plan: ${problem ?? 'no rate'}.` };
  if (cost === undefined) {
    return { ...outcomeFields(undefined), reason: 'There is no plan: nothing could be read from the store.' };
  }
  const { bytesPerToken } = model;
  const outcome = breakEvenOf(cost, model, rate);
  const loading = `At ${gigabytes(cost.bytesPerSecond)} the store loads ${count(cost.bytesPerSecond / bytesPerToken)} tokens/s`;
  const slower = rate.compute.secondsPerTokenSquared === 0 ? '' : ', and a long prompt more slowly';
  const computing = `${hardware} computes ${count(rate.tokensPerSecond)} tokens/s${slower}`;
  if (outcome.status === 'computing-wins') {
    const needed = Number.isFinite(outcome.bytesPerSecond)
      ? `above ${gigabytes(outcome.bytesPerSecond)} loading would win`
      : 'asking alone takes longer than that';
    const ahead = `computing stays ahead up to ${count(MOST_TOKENS)} tokens`;
    return { ...outcomeFields(outcome), reason: `${loading}, ${computing}: ${ahead}; ${needed}.` };
  }
  const fixedMs = ((cost.lookupSeconds + cost.firstByteSeconds) * 1000).toFixed(1);
  const reason = `${loading}, ${computing}; the ${fixedMs} ms for the lookup and the first byte are made up for at ${count(outcome.tokens)} tokens.`;
  return { ...outcomeFields(outcome), reason };
}

function breakEvenOf(cost: LoadCost, { bytesPerToken, chunkTokens }: ModelFacts, { compute }: PrefillRate): BreakEven {
  return breakEven(cost, { bytesPerToken, chunkTokens, compute });
}

function outcomeFields(outcome: BreakEven | undefined): Pick<PlanSummary, 'breakEvenTokens' | 'neededBytesPerSecond'> {
  if (outcome?.status === 'loading-wins') return { breakEvenTokens: outcome.tokens, neededBytesPerSecond: null };
  const needed = outcome?.bytesPerSecond;
  // What no store could do has no figure, in JSON neither.
  return {
    breakEvenTokens: null,
    neededBytesPerSecond: needed === undefined || !Number.isFinite(needed) ? null : needed,
  };
}

function ratesByHardware(model: string): { hardware: string; rate: PrefillRate }[] {
  const weights = findWeights(model);
  if (weights === undefined) return [];
  return ACCELERATORS.map((accelerator) => ({
    hardware: accelerator.name,
    rate: prefillRate(accelerator, weights),
  }));
}

/** Both of S3's, whatever was measured; and that of the store itself, where it is another's. */
function priceLists({ backend, target }: PlannedStore): PriceList[] {
  const own = pricesFor(backend, target);
  return [...new Set([S3_STANDARD, S3_EXPRESS, ...(own === null ? [] : [own])])];
}

function hitsAt(prices: PriceList, model: ModelFacts): PlanSummary['costs'] {
  return PRICED_TOKENS.map((tokens) => costOfHit(prices, model, tokens));
}

function gigabytes(bytesPerSecond: number): string {
  return `${(bytesPerSecond / 1e9).toPrecision(3)} GB/s`;
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
