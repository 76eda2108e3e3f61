import { KvferryError } from '@kvferry/core';
import { Command } from 'commander';
import pc from 'picocolors';
import { bareBackendFor } from '../backend-for.ts';
import { type InspectReport, inspectStore } from '../inspect/inspect-store.ts';
import { probeStore } from '../inspect/probe-store.ts';
import { keyPrefixOf } from '../key-prefix.ts';
import { formatBytes, formatCount, Progress } from '../terminal/index.ts';
import { sayFindings } from './configuration.ts';
import { EXIT } from './exit-code.ts';
import { inspectTable } from './inspect-table.ts';
import { type CommandIo, say } from './io.ts';
import { type OptionalSequence, optionalSequence } from './optional-sequence.ts';
import {
  type OptionalSequenceFlags,
  positiveNumber,
  type Subcommand,
  withOptionalSequenceFlags,
} from './subcommand.ts';

interface InspectFlags extends OptionalSequenceFlags {
  readonly maxKeys: number;
  readonly prefix: string;
}

/** `kvferry inspect`: what lies in the store of a configuration. */
export function inspectCommand(): Subcommand {
  const command = withOptionalSequenceFlags(
    new Command('inspect').description('Says what lies in the store: whose chunks, how many, how large, how old.'),
  )
    .option('--max-keys <n>', 'names to look at, at most', positiveNumber, 100_000)
    .option('--prefix <text>', 'only names that start with this text', '')
    .addHelpText(
      'after',
      `
It only reads. Chunks are told by their names: those of LMCache by release, model, world size, rank and dtype, those of kvferry by
what their namespaces say; what vLLM's object tier and SGLang's HiCache leave is named too. Times are UTC.

Where the store does not list, it asks for the names that the engine of --model gives the tokens of --tokens.

With --json: { backend, prefix, source, complete, objects, bytes, invalidNames, groups: [{ system, releases, keyPrefix, model,
worldSize, rank, dtype, cacheSalt, namespace, description, hashes, objects, bytes, oldest, newest, sizes: [{ bytes, objects }], example }] }; what
is not known of a group is null.

Exit code: 0 done, also where it ended at --max-keys, 1 the store failed, 2 a flag, a file or the configuration cannot be meant,
130 after Ctrl-C.

Examples:
  kvferry inspect --config lmcache.yaml
  kvferry inspect --config lmcache.yaml --prefix kv1/ --json`,
    );
  return { command, run: (flags, io) => inspect(flags as InspectFlags, io) };
}

async function inspect(flags: InspectFlags, io: CommandIo): Promise<number> {
  const given = await optionalSequence(flags, io);
  const { loaded } = given;
  sayFindings(loaded, io);
  const backend = await bareBackendFor(loaded, { endpoint: flags.endpoint });
  try {
    await backend.open({ signal: io.signal });
    const report = await look(backend, given, flags, io);
    say(io.stdout, flags.json === true ? JSON.stringify(report, null, 2) : textOf(report, flags.maxKeys));
    return EXIT.done;
  } finally {
    await backend.close();
  }
}

async function look(
  backend: Awaited<ReturnType<typeof bareBackendFor>>,
  { loaded, sequence }: OptionalSequence,
  { maxKeys, prefix }: InspectFlags,
  { signal, stderr }: CommandIo,
): Promise<InspectReport> {
  const { config } = loaded;
  const keyPrefix = keyPrefixOf(config);
  const progress = new Progress('{value} names');
  let seen = 0;
  const onObject = (): void => {
    seen += 1;
    if (seen % 1000 === 0) progress.update('list', seen, maxKeys);
  };
  try {
    return await inspectStore(backend, { prefix, keyPrefix, maxKeys, signal, onObject });
  } catch (thrown) {
    if (!KvferryError.is(thrown) || !['PERMISSION_DENIED', 'UNSUPPORTED'].includes(thrown.code)) throw thrown;
    const { engine, tokens } = sequence ?? {};
    if (engine === undefined || tokens === undefined) {
      const way =
        'Without it, give --model and --tokens: the names that this engine gives these tokens can be asked for';
      throw new KvferryError(thrown.code, `${thrown.reason}. ${way}`, { operation: 'list', cause: thrown });
    }
    say(stderr, pc.yellow(`The store does not list (${thrown.reason}). Asking for the names of these tokens instead.`));
    return await probeStore(backend, { config, engine, tokens }, { keyPrefix, maxKeys, signal });
  } finally {
    progress.stop();
  }
}

function textOf(report: InspectReport, maxKeys: number): string {
  const { backend, bytes, complete, groups, invalidNames, objects, prefix, source } = report;
  const count = `${formatCount(objects)} ${objects === 1 ? 'object' : 'objects'}, ${formatBytes(bytes)}`;
  const where = `${prefix === '' ? '' : ` under ${prefix}`} in ${backend}`;
  const lines = groups.length === 0 ? [] : [inspectTable(report)];
  lines.push(pc.bold(`${count}${where}.`));
  if (!complete) lines.push(pc.yellow(`It ended at --max-keys ${formatCount(maxKeys)}: there is more.`));
  if (source === 'probe')
    lines.push('Only names that could be computed were asked for: of these tokens, under usual settings.');
  if (invalidNames > 0) {
    const named = invalidNames === 1 ? '1 of them has a name' : `${formatCount(invalidNames)} of them have names`;
    lines.push(`${named} that no backend of kvferry takes.`);
  }
  return lines.join('\n');
}
