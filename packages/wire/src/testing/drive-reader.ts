import { WireError } from '../errors.ts';
import { ResponseReader } from '../response-reader.ts';
import type { WireErrorCode } from '../types.ts';

/** How a stream of bytes reads. */
export type Reading =
  | {
      readonly status: number;
      readonly headers: ReadonlyMap<string, string>;
      /** What lies in the memory lent, or else in the reader's own. */
      readonly body: string;
      readonly bodyBytes: number;
      readonly reusable: boolean;
    }
  | { readonly code: WireErrorCode; readonly requiredBytes: number | undefined };

/** What is lent for the body: `none`, or this many bytes. */
export interface Drive {
  readonly method: string;
  readonly lentBytes: number | 'none';
  /** Where the stream is cut into reads, ascending. */
  readonly cuts: readonly number[];
  readonly maxErrorBytes?: number;
}

/**
 * Hands a stream to a reader as a socket would, cut into reads, and then ends the connection.
 *
 * It watches what must hold whatever the bytes: no empty buffer, no buffer that reaches beyond the memory lent, no byte changed around it,
 * nothing thrown but a WireError. A breach is an Error.
 */
export function driveReader(stream: Uint8Array, drive: Drive): Reading {
  const { lentBytes, cuts } = drive;
  const arena = lentBytes === 'none' ? undefined : new Uint8Array(lentBytes + 2 * guardBytes).fill(guard);
  const into = arena?.subarray(guardBytes, arena.length - guardBytes);
  const reader = new ResponseReader({ maxHeadBytes: 65_536, maxErrorBytes: drive.maxErrorBytes ?? 65_536 });
  let summed = 0;
  const digest = {
    update: (bytes: Uint8Array) => {
      if (into === undefined || bytes.buffer !== into.buffer)
        throw new Error('the digest was shown memory that was not lent');
      if (bytes.byteOffset !== into.byteOffset + summed) throw new Error('the digest was shown bytes out of order');
      summed += bytes.length;
    },
    value: () => String(summed),
  };
  reader.expect(drive.method, into, digest);
  // What an earlier response may have left behind.
  Buffer.from(reader.buffer().buffer).fill('\r\n\r\n');
  let reading: Reading;
  try {
    let at = 0;
    for (let cut = 0; at < stream.length; cut++) {
      const end = Math.min(cuts[cut] ?? stream.length, stream.length);
      while (at < end) {
        const buffer = reader.buffer();
        if (buffer.length === 0) throw new Error('an empty buffer was handed out');
        if (into !== undefined && buffer.buffer === into.buffer) checkInside(buffer, into);
        const taken = Math.min(buffer.length, end - at);
        buffer.set(stream.subarray(at, at + taken));
        reader.received(taken);
        at += taken;
      }
    }
    const { done, reusable } = reader;
    if (!done) reader.ended();
    const { head } = reader;
    if (head === undefined || !reader.done) throw new Error('a response ended without being whole');
    const lent = head.status < 300 && into !== undefined;
    if (lent && summed !== reader.bodyBytes) throw new Error('the digest missed bytes');
    if (reader.digest !== (lent ? String(summed) : undefined)) throw new Error('the digest is not that of the body');
    const headers = new Map(head.headers);
    for (const [name, value] of headers)
      if (head.headers.get(name) !== value) throw new Error(`${name} is ${value} or not, by how it is asked for`);
    reading = {
      status: head.status,
      headers,
      body: Buffer.from(lent ? into.subarray(0, reader.bodyBytes) : reader.body).toString('latin1'),
      bodyBytes: reader.bodyBytes,
      reusable: done && reusable,
    };
  } catch (error) {
    if (!WireError.is(error)) throw error;
    if (!readerCodes.has(error.code)) throw new Error(`a reader does not throw ${error.code}`);
    reading = { code: error.code, requiredBytes: error.requiredBytes };
    reader.abandon();
    if (into !== undefined && reader.buffer().buffer === into.buffer)
      throw new Error('lent memory is handed out after the end');
  }
  if (arena !== undefined) checkGuards(arena);
  return reading;
}

const readerCodes: ReadonlySet<string> = new Set(['PROTOCOL', 'TRUNCATED', 'RESET', 'BODY_TOO_LARGE']);
const guardBytes = 32;
const guard = 0xa5;

function checkInside(buffer: Uint8Array, into: Uint8Array): void {
  const start = buffer.byteOffset - into.byteOffset;
  if (start < 0 || start + buffer.length > into.length) throw new Error('a buffer reaches beyond the memory lent');
}

function checkGuards(arena: Uint8Array): void {
  for (let at = 0; at < guardBytes; at++) {
    if (arena[at] !== guard || arena[arena.length - 1 - at] !== guard)
      throw new Error('a byte outside the memory lent was written');
  }
}
