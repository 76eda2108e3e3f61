import type { ChunkPresence, Lookup } from '@kvferry/core';
import { Command } from 'commander';
import pc from 'picocolors';
import { formatCount } from '../terminal/index.ts';
import type { CommandIo } from './io.ts';
import {
  type ChunkReport,
  chunkCount,
  endText,
  errorOf,
  exitCodeFor,
  printReport,
  type Report,
  reportOf,
} from './report.ts';
import { type NamedChunk, type Sequence, withSequence } from './sequence.ts';
import { type SequenceFlags, type Subcommand, withSequenceFlags } from './subcommand.ts';

interface LookupFlags extends SequenceFlags {
  readonly exact: true | undefined;
  readonly requireComplete: true | undefined;
}

export function lookupCommand(): Subcommand {
  const command = withSequenceFlags(
    new Command('lookup').description('Says which chunks of a token sequence are in the store, from the first on.'),
  )
    .option('--exact', 'ask for every chunk, and name holes and chunks of a wrong size')
    .option('--require-complete', 'exit with 3 unless every chunk is there')
    .addHelpText(
      'after',
      `
Without --exact the prefix is searched for, in at most three round trips; chunks behind its end are unknown.

Exit code: 0 whatever was found, 1 the store failed, 2 a flag, a file or the configuration cannot be meant, 3 not complete
(with --require-complete).

Examples:
  kvferry lookup --config lmcache.yaml --model model.json --tokens tokens.json --exact
  curl -s http://vllm:8000/tokenize -d '{"prompt": "…"}' -H 'content-type: application/json' |
    kvferry lookup --config lmcache.yaml --model llama-3.1-8b --tokens - --json`,
    );
  return { command, run: (flags, io) => lookup(flags as LookupFlags, io) };
}

async function lookup(flags: LookupFlags, io: CommandIo): Promise<number> {
  const report = await withSequence(flags, io, async (sequence) => {
    const found = await sequence.cache.lookup(sequence.tokens, { exact: flags.exact, signal: io.signal });
    return reportLookup(sequence, found);
  });
  printReport(report, sentenceOf(report), flags.json === true, io.stdout);
  return exitCodeFor(report, flags.requireComplete === true);
}

/** What a search, or a question for each chunk, found of a sequence. */
function reportLookup(sequence: Sequence, found: Lookup): Report {
  const { chunks, chunkBytes } = sequence;
  const reports = chunks.map((chunk) => {
    const presence = found.chunks?.[chunk.index];
    return presence === undefined ? fromEnd(chunk, found, chunkBytes) : fromPresence(chunk, presence, chunkBytes);
  });
  return reportOf(sequence, reports, ['hit']);
}

/** Of a prefix only its end was answered for; what lies before it is there, what lies behind was not asked for. */
function fromEnd(chunk: NamedChunk, { hitTokens, end }: Lookup, chunkBytes: number): ChunkReport {
  if (chunk.end <= hitTokens) return { ...chunk, status: 'hit', bytes: chunkBytes };
  if (chunk.start > hitTokens) return { ...chunk, status: 'unknown', bytes: 0 };
  if (end.status === 'failed') return { ...chunk, status: 'failed', bytes: 0, error: errorOf(end.error) };
  return { ...chunk, status: end.status === 'miss' ? 'miss' : 'unknown', bytes: 0 };
}

function fromPresence(chunk: NamedChunk, { found }: ChunkPresence, chunkBytes: number): ChunkReport {
  switch (found.status) {
    case 'hit':
      return { ...chunk, status: 'hit', bytes: chunkBytes };
    case 'wrong-size':
      return { ...chunk, status: 'wrong-size', bytes: found.byteLength };
    case 'miss':
      return { ...chunk, status: 'miss', bytes: 0 };
    case 'failed':
      return { ...chunk, status: 'failed', bytes: 0, error: errorOf(found.error) };
  }
}

function sentenceOf(report: Report): string {
  const { tokens, hitTokens, chunks } = report;
  const hits = chunks.filter(({ status, end }) => status === 'hit' && end <= hitTokens).length;
  const found = `${formatCount(hitTokens)} of ${formatCount(tokens)} tokens found: ${formatCount(hits)} of ${chunkCount(chunks.length)}`;
  return `${pc.bold(found)}${endText(report)}.`;
}
