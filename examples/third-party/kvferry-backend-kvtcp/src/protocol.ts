import { crc32 } from 'node:zlib';

/** The frames of PROTOCOL.md. */

export const operations = { ping: 0, stat: 1, get: 2, put: 3, create: 4, delete: 5, list: 6 } as const;
export type OperationName = keyof typeof operations;

const statuses = [
  'ok',
  'miss',
  'exists',
  'tooLong',
  'denied',
  'noNamespace',
  'slowDown',
  'unavailable',
  'damaged',
] as const;
export type Status = (typeof statuses)[number];

/** Bytes of the head of a request, and of an answer. */
export const HEAD_BYTES = 16;
/** The largest value. */
export const MAX_VALUE_BYTES: number = 2 ** 30;
const VERSION = 1;

/** The checksum of pieces that follow on each other. */
export function checksum(pieces: readonly Uint8Array[]): number {
  let crc = 0;
  // Node 22 begins anew behind some pieces without a byte.
  for (const piece of pieces) if (piece.byteLength > 0) crc = crc32(piece, crc);
  return crc;
}

/** The head of a request, and its name. */
export function requestHead(operation: OperationName, name: string, size: number, bodyCrc: number): Buffer {
  const nameBytes = Buffer.byteLength(name);
  const bytes = Buffer.alloc(HEAD_BYTES + nameBytes);
  bytes.writeUInt8(operations[operation], 0);
  bytes.writeUInt8(VERSION, 1);
  bytes.writeUInt16BE(nameBytes, 2);
  bytes.writeUInt32BE(size, 4);
  bytes.writeUInt32BE(bodyCrc, 8);
  bytes.write(name, HEAD_BYTES);
  bytes.writeUInt32BE(checksum([bytes.subarray(0, 12), bytes.subarray(HEAD_BYTES)]), 12);
  return bytes;
}

export interface RequestHead {
  readonly operation: number;
  readonly nameBytes: number;
  readonly size: number;
  readonly bodyCrc: number;
}

export function readRequestHead(head: Buffer): RequestHead {
  return {
    operation: head.readUInt8(0),
    nameBytes: head.readUInt16BE(2),
    size: head.readUInt32BE(4),
    bodyCrc: head.readUInt32BE(8),
  };
}

export function requestIsWhole(head: Buffer, name: Buffer): boolean {
  return head.readUInt8(1) === VERSION && checksum([head.subarray(0, 12), name]) === head.readUInt32BE(12);
}

export function answerHead(status: Status, size: number, bodyCrc: number): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt8(statuses.indexOf(status), 0);
  head.writeUInt8(VERSION, 1);
  head.writeUInt32BE(size, 4);
  head.writeUInt32BE(bodyCrc, 8);
  head.writeUInt32BE(checksum([head.subarray(0, 12)]), 12);
  return head;
}

export interface AnswerHead {
  readonly status: Status;
  readonly size: number;
  readonly bodyCrc: number;
}

/** `undefined` for what is no head of an answer, or was damaged on its way. */
export function readAnswerHead(head: Buffer): AnswerHead | undefined {
  const status = statuses[head.readUInt8(0)];
  if (status === undefined || head.readUInt8(1) !== VERSION) return undefined;
  if (checksum([head.subarray(0, 12)]) !== head.readUInt32BE(12)) return undefined;
  return { status, size: head.readUInt32BE(4), bodyCrc: head.readUInt32BE(8) };
}

export interface ListEntry {
  readonly key: string;
  readonly byteLength: number;
}

export function listBody(entries: readonly ListEntry[]): Buffer {
  return Buffer.concat(
    entries.map(({ key, byteLength }) => {
      const entry = Buffer.alloc(6 + Buffer.byteLength(key));
      entry.writeUInt16BE(entry.byteLength - 6, 0);
      entry.writeUInt32BE(byteLength, 2);
      entry.write(key, 6);
      return entry;
    }),
  );
}

export function* readListBody(body: Buffer): Generator<ListEntry> {
  for (let offset = 0; offset < body.byteLength; ) {
    const keyBytes = body.readUInt16BE(offset);
    const byteLength = body.readUInt32BE(offset + 2);
    yield { key: body.toString('utf8', offset + 6, offset + 6 + keyBytes), byteLength };
    offset += 6 + keyBytes;
  }
}
