import { type Command, InvalidArgumentError } from 'commander';
import { DEFAULT_HARDWARE, hardwareNames } from '../planner/hardware.ts';
import type { PlanOptions } from '../planner/plan.ts';

/** Flags by which the hardware of the plan is named. */
export interface PlanFlags {
  readonly hardware: string;
  readonly prefillTokensPerSecond: number | undefined;
}

/** Gives a command those flags. */
export function addPlanFlags(command: Command): Command {
  return command
    .option('--hardware <name>', `what recomputing is held against: ${hardwareNames.join(', ')}`, DEFAULT_HARDWARE)
    .option(
      '--prefill-tokens-per-second <rate>',
      'its prefill rate as you measured it, in place of an estimate',
      readRate,
    );
}

export function planOptionsOf({ hardware, prefillTokensPerSecond }: PlanFlags): PlanOptions {
  return { hardware, prefillTokensPerSecond };
}

function readRate(text: string): number {
  const rate = Number(text);
  if (!(rate > 0 && Number.isFinite(rate))) throw new InvalidArgumentError('write a number of tokens per second.');
  return rate;
}
