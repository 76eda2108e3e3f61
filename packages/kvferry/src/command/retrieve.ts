import type { Chunk, HitEnd, KvCache } from '@kvferry/core';
import { Command } from 'commander';
import pc from 'picocolors';
import { formatCount, Progress } from '../terminal/index.ts';
import type { CommandIo } from './io.ts';
import { type KvSink, openKvSink } from './kv-stream.ts';
import {
  type ChunkReport,
  endText,
  errorOf,
  exitCodeFor,
  movedText,
  printReport,
  type Report,
  reportOf,
} from './report.ts';
import { type Sequence, withSequence } from './sequence.ts';
import { type SequenceFlags, type Subcommand, withSequenceFlags } from './subcommand.ts';

interface RetrieveFlags extends SequenceFlags {
  readonly out: string | undefined;
  readonly requireComplete: true | undefined;
}

export function retrieveCommand(): Subcommand {
  const command = withSequenceFlags(
    new Command('retrieve').description('Loads the chunks of a token sequence from the store, from the first on.'),
  )
    .option('--out <file>', 'where their raw bytes go, one chunk after another; - for a pipe (default: nowhere)')
    .option('--require-complete', 'exit with 3 unless every chunk was loaded')
    .addHelpText(
      'after',
      `
Every byte is verified. It ends before the first chunk that is missing, has a wrong size, or is not what its checksum says. With
--out - the report goes to standard error.

Exit code: 0 however much was there, 1 the store failed or a chunk is corrupt, 2 a flag, a file or the configuration cannot be
meant, 3 not complete (with --require-complete), 130 after Ctrl-C.

Examples:
  kvferry retrieve --config lmcache.yaml --model model.json --tokens tokens.json --out kv.bin
  kvferry retrieve --config lmcache.yaml --model llama-3.1-8b --tokens tokens.json --out - | sha256sum`,
    );
  return { command, run: (flags, io) => retrieve(flags as RetrieveFlags, io) };
}

async function retrieve(flags: RetrieveFlags, io: CommandIo): Promise<number> {
  const { report, seconds } = await withSequence(flags, io, async (sequence) => {
    const sink = await openKvSink(flags.out, io);
    const started = performance.now();
    try {
      const { loaded, end } = await loadInto(sequence, sink, io.signal);
      return { report: reportRetrieve(sequence, loaded, end), seconds: (performance.now() - started) / 1000 };
    } finally {
      await sink.close();
    }
  });
  printReport(report, sentenceOf(report, seconds), flags.json === true, flags.out === '-' ? io.stderr : io.stdout);
  return exitCodeFor(report, flags.requireComplete === true);
}

/** What is loaded, and through what. */
export interface LoadPlan extends Pick<Sequence, 'tokens' | 'windowChunks'> {
  readonly chunks: readonly Chunk[];
  readonly cache: Pick<KvCache, 'retrieve'>;
}

/** Loads a window of chunks after another, and gives each on in order. Ends where the prefix does. */
export async function loadInto(
  { tokens, chunks, windowChunks, cache }: LoadPlan,
  sink: KvSink,
  signal: AbortSignal,
): Promise<{ readonly loaded: number; readonly end: HitEnd }> {
  const progress = new Progress('{value}/{total} chunks, {eta_formatted} left');
  const total = chunks.length;
  let loaded = 0;
  let end: HitEnd = { status: 'complete' };
  try {
    while (loaded < total) {
      const last = chunks[Math.min(loaded + windowChunks, total) - 1];
      const skipTokens = chunks[loaded]?.start;
      const prefix = await cache.retrieve(tokens.subarray(0, last?.end), { signal, skipTokens });
      const before = loaded;
      try {
        for (const { bytes } of prefix.chunks) {
          await sink.write(bytes);
          loaded += 1;
          progress.update('load', loaded, total);
        }
      } finally {
        prefix[Symbol.dispose]();
      }
      end = prefix.end;
      // Over a slow line a window takes longer than one answer may: what did not arrive in time is asked for again, as long as something arrives.
      const isSlow = end.status === 'failed' && end.error.code === 'TIMEOUT';
      if (loaded === before || !(end.status === 'complete' || isSlow)) break;
    }
  } finally {
    progress.stop();
  }
  return { loaded, end };
}

function reportRetrieve(sequence: Sequence, loaded: number, end: HitEnd): Report {
  const { chunks, chunkBytes } = sequence;
  const reports = chunks.map((chunk): ChunkReport => {
    if (chunk.index < loaded) return { ...chunk, status: 'hit', bytes: chunkBytes };
    if (chunk.index > loaded) return { ...chunk, status: 'unknown', bytes: 0 };
    if (end.status === 'failed') return { ...chunk, status: 'failed', bytes: 0, error: errorOf(end.error) };
    return { ...chunk, status: 'miss', bytes: 0 };
  });
  return reportOf(sequence, reports, ['hit']);
}

function sentenceOf(report: Report, seconds: number): string {
  const { tokens, hitTokens, bytes, chunks } = report;
  const count = chunks.filter(({ status }) => status === 'hit').length;
  const text = `${formatCount(hitTokens)} of ${formatCount(tokens)} tokens loaded: ${movedText(count, bytes, seconds)}`;
  return `${pc.bold(text)}${endText(report)}.`;
}
