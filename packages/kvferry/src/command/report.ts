import { KvferryError } from '@kvferry/core';
import pc from 'picocolors';
import { formatBytes, formatCount, formatRate, formatSeconds } from '../terminal/index.ts';
import { cappedTable } from './capped-table.ts';
import { EXIT } from './exit-code.ts';
import { type CommandIo, say } from './io.ts';
import type { NamedChunk, Sequence } from './sequence.ts';

/** What became of one chunk, or what was found of it. */
export type ChunkStatus =
  /** Of `store`: sent; somebody else was first; there already, with a full chunk's size; not sent, for `reason`. */
  | 'stored'
  | 'exists'
  | 'present'
  | 'skipped'
  /** Of `lookup` and `retrieve`: there; not there; there with another size; not asked for, as it lies behind the end. */
  | 'hit'
  | 'miss'
  | 'wrong-size'
  | 'unknown'
  /** Of all: the store did not do it, or its bytes are not what their checksum says. */
  | 'failed';

export interface ChunkReport extends NamedChunk {
  readonly status: ChunkStatus;
  /** Bytes sent, found or loaded. */
  readonly bytes: number;
  /** Of a chunk that was skipped. */
  readonly reason?: string | undefined;
  /** Of one that failed. */
  readonly error?: { readonly code: string; readonly message: string } | undefined;
}

/** What a run of the command came to. */
export interface Report {
  /** Tokens of the sequence. */
  readonly tokens: number;
  /** Tokens of the chunks, from the first on, that are in the store. */
  readonly hitTokens: number;
  /** Bytes sent, found in the prefix, or loaded. */
  readonly bytes: number;
  readonly chunks: readonly ChunkReport[];
}

/** An error as a chunk's report holds it. */
export function errorOf(thrown: unknown): { readonly code: string; readonly message: string } {
  const { code, message } = KvferryError.from(thrown);
  return { code, message };
}

/**
 * Sums up what became of each chunk. The prefix are the chunks before the first whose status is none of `present`; `bytes` are those of the
 * prefix.
 */
export function reportOf(
  { tokens }: Pick<Sequence, 'tokens'>,
  chunks: readonly ChunkReport[],
  present: readonly ChunkStatus[],
): Report {
  const end = chunks.findIndex(({ status }) => !present.includes(status));
  const prefix = end === -1 ? chunks : chunks.slice(0, end);
  return { tokens: tokens.length, hitTokens: prefix.at(-1)?.end ?? 0, bytes: bytesOf(prefix), chunks };
}

/** Bytes of some chunks. */
export function bytesOf(chunks: readonly ChunkReport[]): number {
  return chunks.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** 1 where a chunk failed, 3 where the sequence had to be complete and is not, else 0. */
export function exitCodeFor({ chunks, hitTokens }: Report, requireComplete: boolean): number {
  if (chunks.some(({ status }) => status === 'failed')) return EXIT.failed;
  return requireComplete && hitTokens < (chunks.at(-1)?.end ?? 0) ? EXIT.incomplete : EXIT.done;
}

/** Prints a report: the document, or a table and a sentence. */
export function printReport(report: Report, sentence: string, json: boolean, to: CommandIo['stdout']): void {
  if (json) {
    say(to, JSON.stringify(report, null, 2));
    return;
  }
  if (report.chunks.length > 0) say(to, chunkTable(report.chunks));
  say(to, sentence);
}

/** Why the prefix ends where it does, as the end of a sentence. */
export function endText({ chunks, hitTokens }: Report): string {
  const first = chunks.find(({ start, status }) => start >= hitTokens && status !== 'hit');
  if (first === undefined) return chunks.length === 0 ? '' : '; the sequence is complete';
  const chunk = `chunk ${first.index}`;
  switch (first.status) {
    case 'failed':
      return `; ${chunk}: ${first.error?.message}`;
    case 'wrong-size':
      return `; ${chunk} is there with ${formatCount(first.bytes)} bytes, which is no full chunk`;
    default:
      return `; ${chunk} is not there`;
  }
}

/** What was moved, and how fast: `3 chunks, 96 MiB in 0.52 s (185 MiB/s)`, or `nothing`. */
export function movedText(count: number, bytes: number, seconds: number): string {
  if (count === 0) return 'nothing';
  const rate = formatRate(bytes / Math.max(seconds, 0.001));
  return `${chunkCount(count)}, ${formatBytes(bytes)} in ${formatSeconds(seconds)} (${rate})`;
}

export function chunkCount(count: number): string {
  return `${formatCount(count)} ${count === 1 ? 'chunk' : 'chunks'}`;
}

/** Equal neighbours beyond these many are told by a line. */
const SHOWN_OF_RUN = 3;

const colours: Readonly<Record<ChunkStatus, (text: string) => string>> = {
  stored: pc.green,
  exists: pc.green,
  present: pc.green,
  hit: pc.green,
  skipped: pc.dim,
  unknown: pc.dim,
  miss: pc.yellow,
  'wrong-size': pc.red,
  failed: pc.red,
};

function chunkTable(chunks: readonly ChunkReport[]): string {
  return cappedTable(['chunk', 'tokens', 'status', 'bytes', 'object'], runsOf(chunks).flatMap(rowsOfRun));
}

/** Neighbours with one status. */
function runsOf(chunks: readonly ChunkReport[]): ChunkReport[][] {
  const runs: ChunkReport[][] = [];
  for (const chunk of chunks) {
    const last = runs.at(-1);
    if (last?.[0]?.status === chunk.status) last.push(chunk);
    else runs.push([chunk]);
  }
  return runs;
}

function rowsOfRun(run: readonly ChunkReport[]): string[][] {
  if (run.length <= SHOWN_OF_RUN + 1) return run.map(rowOf);
  const shown = run.slice(0, SHOWN_OF_RUN - 1).map(rowOf);
  const hidden = run.length - SHOWN_OF_RUN;
  return [...shown, ['…', `${formatCount(hidden)} more`, '', '', ''], rowOf(run.at(-1) as ChunkReport)];
}

function rowOf({ index, start, end, status, bytes, objectKey, reason }: ChunkReport): string[] {
  return [
    String(index),
    `${start}–${end}`,
    colours[status](reason === undefined ? status : `${status} (${reason})`),
    bytes === 0 ? '' : formatBytes(bytes),
    objectKey,
  ];
}
