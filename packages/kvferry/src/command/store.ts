import { type BufferLease, bufferPool, KvferryError, type StoredChunk } from '@kvferry/core';
import { Command } from 'commander';
import pc from 'picocolors';
import { formatCount, Progress } from '../terminal/index.ts';
import type { CommandIo } from './io.ts';
import { type KvSource, openKvSource } from './kv-stream.ts';
import {
  bytesOf,
  type ChunkReport,
  chunkCount,
  errorOf,
  exitCodeFor,
  movedText,
  printReport,
  type Report,
  reportOf,
} from './report.ts';
import { type NamedChunk, PAGE_BYTES, type Sequence, withSequence } from './sequence.ts';
import { type SequenceFlags, type Subcommand, withSequenceFlags } from './subcommand.ts';

interface StoreFlags extends SequenceFlags {
  readonly kv: string;
}

export function storeCommand(): Subcommand {
  const command = withSequenceFlags(
    new Command('store').description(
      'Stores the KV cache of a token sequence, chunk by chunk; what is there already stays.',
    ),
  )
    .requiredOption('--kv <file>', 'the raw bytes of its chunks, one after another; - for a pipe')
    .addHelpText(
      'after',
      `
A chunk is [planes, layers, tokens, heads x head size], row-major and little-endian; tokens behind the last full chunk have none.

Exit code: 0 everything is there now, 1 something failed, 2 a flag, a file or the configuration cannot be meant, 130 after
Ctrl-C.

Examples:
  kvferry store --config lmcache.yaml --model model.json --tokens tokens.json --kv kv.bin
  make-kv | kvferry store --config lmcache.yaml --model llama-3.1-8b --tokens tokens.json --kv -`,
    );
  return { command, run: (flags, io) => store(flags as StoreFlags, io) };
}

async function store(flags: StoreFlags, io: CommandIo): Promise<number> {
  if (flags.kv === '-' && flags.tokens === '-') {
    throw new KvferryError('INVALID_ARGUMENT', 'only one of --kv and --tokens can be standard input');
  }
  const { report, seconds } = await withSequence(flags, io, async (sequence) => {
    const { chunks, chunkBytes } = sequence;
    const source = await openKvSource(flags.kv, { chunks: chunks.length, chunkBytes }, io);
    const started = performance.now();
    try {
      const reports = await storeFrom(source, sequence, io.signal);
      const report = { ...reportOf(sequence, reports, ['stored', 'exists', 'present']), bytes: bytesOf(reports) };
      return { report, seconds: (performance.now() - started) / 1000 };
    } finally {
      await source.close();
    }
  });
  printReport(report, sentenceOf(report, seconds), flags.json === true, io.stdout);
  return exitCodeFor(report, false);
}

/** Reads a window of chunks after another, and stores it. Gives up after one of which nothing arrived. */
async function storeFrom(source: KvSource, sequence: Sequence, signal: AbortSignal): Promise<ChunkReport[]> {
  const { tokens, chunks, layout, chunkBytes, cache } = sequence;
  const windowChunks = Math.min(sequence.windowChunks, chunks.length);
  const progress = new Progress('{value}/{total} chunks, {eta_formatted} left');
  const leases = await leaseEach(windowChunks, chunkBytes);
  const reports: ChunkReport[] = [];
  try {
    for (let from = 0; from < chunks.length; from += windowChunks) {
      const part = chunks.slice(from, from + windowChunks);
      const tensors = leases.slice(0, part.length).map(({ bytes }) => ({ layout, bytes }));
      for (const { bytes } of tensors) await source.fill(bytes);
      const before = new Array<undefined>(from).fill(undefined);
      const results = await cache.store(tokens.subarray(0, part.at(-1)?.end), [...before, ...tensors], { signal });
      const stored = part.map((chunk, index) => reportStored(chunk, results[index], chunkBytes));
      reports.push(...stored);
      progress.update('store', reports.length, chunks.length);
      if (stored.every(({ status }) => status === 'failed')) break;
    }
    if (reports.length === chunks.length) await source.expectEnd();
  } finally {
    progress.stop();
    for (const lease of leases) lease[Symbol.dispose]();
  }
  const rest = chunks.slice(reports.length);
  return [
    ...reports,
    ...rest.map((chunk): ChunkReport => ({ ...chunk, status: 'skipped', bytes: 0, reason: 'given up' })),
  ];
}

/** Memory that the store's connections read from as it is, whichever thread they live in. */
async function leaseEach(count: number, byteLength: number): Promise<BufferLease[]> {
  if (count === 0) return [];
  const pool = bufferPool({ maxBytes: count * Math.ceil(byteLength / PAGE_BYTES) * PAGE_BYTES });
  return Promise.all(Array.from({ length: count }, () => pool.lease(byteLength)));
}

function reportStored(chunk: NamedChunk, stored: StoredChunk | undefined, chunkBytes: number): ChunkReport {
  const result = stored?.result ?? { status: 'skipped', reason: 'present' };
  switch (result.status) {
    case 'stored':
      return { ...chunk, status: 'stored', bytes: chunkBytes };
    case 'exists':
      return { ...chunk, status: 'exists', bytes: 0 };
    case 'failed':
      return { ...chunk, status: 'failed', bytes: 0, error: errorOf(result.error) };
    case 'skipped':
      if (result.reason === 'present') return { ...chunk, status: 'present', bytes: 0 };
      return { ...chunk, status: 'skipped', bytes: 0, reason: result.reason };
  }
}

function sentenceOf(report: Report, seconds: number): string {
  const { chunks, bytes, tokens } = report;
  const count = (...of: readonly string[]): number => chunks.filter(({ status }) => of.includes(status)).length;
  const there = count('exists', 'present');
  const failed = chunks.filter(({ status }) => status === 'failed');
  if (chunks.length === 0) return `Nothing to store: ${formatCount(tokens)} tokens are less than a chunk.`;
  return [
    pc.bold(`Stored ${movedText(count('stored'), bytes, seconds)}.`),
    there === 0 ? '' : ` ${chunkCount(there)} ${there === 1 ? 'was' : 'were'} there.`,
    chunks.some(({ reason }) => reason === 'other-rank') ? ' Another rank stores these.' : '',
    failed.length === 0 ? '' : ` ${pc.red(`${chunkCount(failed.length)} failed: ${failed[0]?.error?.message}`)}`,
  ].join('');
}
