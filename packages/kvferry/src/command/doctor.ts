import { Command } from 'commander';
import pc from 'picocolors';
import type { Check } from '../doctor/check.ts';
import type { EngineField, NamedEngine } from '../doctor/engine.ts';
import { type DoctorReport, examine } from '../doctor/examine.ts';
import { findModel } from '../models.ts';
import { formatCount, printable } from '../terminal/index.ts';
import { EXIT } from './exit-code.ts';
import { inspectTable } from './inspect-table.ts';
import { type CommandIo, say } from './io.ts';
import { optionalSequence } from './optional-sequence.ts';
import {
  givenEngineFlag,
  type OptionalSequenceFlags,
  positiveNumber,
  type Subcommand,
  withOptionalSequenceFlags,
} from './subcommand.ts';

interface DoctorFlags extends OptionalSequenceFlags {
  readonly write: true | undefined;
  readonly maxKeys: number;
}

/** `kvferry doctor`: whether a configuration, its store and what lies there fit together, and which line to change. */
export function doctorCommand(): Subcommand {
  const command = withOptionalSequenceFlags(
    new Command('doctor').description(
      'Says whether a configuration, its store and what lies there fit together, and which line to change.',
    ),
  )
    .option('--write', 'try PUT and DELETE too, on a key of its own that is removed')
    .option('--max-keys <n>', 'names to look at in the store, at most', positiveNumber, 10_000)
    .addHelpText(
      'after',
      `
It needs neither model nor tokens. With --model it compares world size, rank, dtype and chunk length too; with --tokens, that the
engine has stored, it finds out under which seed, hash, release or chunk size they are there. Each request has its limit.

With --json: { config, backend, status, checks: [{ check, status, found, fix }], contents }. A status is ok, warning, problem or
(of a check) unknown; fix is null where there is no line to change; contents is what inspect prints, or null.

Exit code: 0 no problem (warnings are none), 1 a problem, 2 a flag, a file or the configuration cannot be meant, 130 after Ctrl-C.

Examples:
  kvferry doctor --config lmcache.yaml
  kvferry doctor --config lmcache.yaml --model llama-3.1-8b --tokens tokens.json --write`,
    );
  return { command, run: (flags, io) => doctor(flags as DoctorFlags, io) };
}

async function doctor(flags: DoctorFlags, io: CommandIo): Promise<number> {
  const { loaded, sequence } = await optionalSequence(flags, io);
  const { endpoint, maxKeys } = flags;
  const report = await examine(
    {
      loaded,
      endpoint,
      engine: sequence === undefined ? undefined : named(sequence.engine, flags),
      tokens: sequence?.tokens,
      write: flags.write === true ? 'try' : 'never',
      maxKeys,
      env: io.env,
    },
    { signal: io.signal },
  );
  say(io.stdout, flags.json === true ? JSON.stringify(report, null, 2) : textOf(report));
  return report.status === 'problem' ? EXIT.failed : EXIT.done;
}

const FLAGS: Readonly<Record<EngineField, string>> = {
  model_name: '--model-name',
  world_size: '--world-size',
  worker_id: '--rank',
  kv_dtype: '--kv-dtype',
};

/** An engine that a model file describes is changed there; any other by flags. */
function named(metadata: NamedEngine['metadata'], flags: DoctorFlags): NamedEngine {
  const { model = '' } = flags;
  // A config.json is not taken without --model-name, a model.json with no flag beside it.
  const isFile = findModel(model) === undefined && givenEngineFlag(flags) === undefined;
  return {
    metadata,
    line: (field, value) => (isFile ? `${model}: "${field}": ${JSON.stringify(value)}` : `${FLAGS[field]} ${value}`),
  };
}

function textOf(report: DoctorReport): string {
  const { checks, contents } = report;
  const width = Math.max(...checks.map(({ check }) => check.length));
  const lines = checks.flatMap((check) => linesOf(check, width));
  const table = contents === null || contents.objects === 0 ? [] : ['', inspectTable(contents)];
  return [...lines, ...table, '', sentenceOf(report)].join('\n');
}

function linesOf({ check, fix, found, status }: Check, width: number): string[] {
  const line = `${MARKS[status]}  ${check.padEnd(width)}  ${printable(found)}`;
  if (fix === null) return [line];
  return [line, `${' '.repeat(MARK_WIDTH + width + 2)}  ${pc.bold('change:')} ${printable(fix)}`];
}

const MARK_WIDTH = 'not known'.length;
const MARKS: Readonly<Record<Check['status'], string>> = {
  ok: pc.green('ok'.padEnd(MARK_WIDTH)),
  warning: pc.yellow('warning'.padEnd(MARK_WIDTH)),
  problem: pc.red('problem'.padEnd(MARK_WIDTH)),
  unknown: pc.dim('not known'),
};

function sentenceOf({ checks }: DoctorReport): string {
  const count = (of: Check['status'], word: string): string | undefined => {
    const found = checks.filter(({ status }) => status === of).length;
    return found === 0 ? undefined : `${formatCount(found)} ${word}${found === 1 ? '' : 's'}`;
  };
  const parts = [count('problem', 'problem'), count('warning', 'warning')].filter((part) => part !== undefined);
  return parts.length === 0 ? pc.bold('No problem found.') : pc.bold(`${parts.join(', ')}.`);
}
