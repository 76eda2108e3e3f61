import { createCipheriv } from 'node:crypto';

/** Bucket that the benchmark's server answers for. */
export const BUCKET = 'wire-bench';

/** Key of the object of this size for one request in flight. */
export function objectKey(bytes: number, index: number): string {
  return `object-${bytes}-${index}`;
}

/** Key that takes the same bytes by PUT: the server counts them and throws them away. */
export function uploadKey(bytes: number, index: number): string {
  return `upload-${bytes}-${index}`;
}

/** Key that takes the same bytes by PUT and answers 400 unless every one of them is right. */
export function checkedUploadKey(bytes: number, index: number): string {
  return `checked-${bytes}-${index}`;
}

/** Which object a key of any of the three kinds stands for. */
export function parseKey(
  key: string,
): { kind: 'object' | 'upload' | 'checked'; bytes: number; index: number } | undefined {
  const match = /^(object|upload|checked)-(\d+)-(\d+)$/.exec(key);
  if (match === null) {
    return undefined;
  }
  return { kind: match[1] as 'object' | 'upload' | 'checked', bytes: Number(match[2]), index: Number(match[3]) };
}

/**
 * Fills memory with the bytes of one object, the same in every process: blocks out of a key stream, from places that depend on object
 * and block, so that a byte which came from another object, or went to another place, shows.
 */
export function fillObject(into: Uint8Array, index: number): void {
  for (let offset = 0; offset < into.length; offset += BLOCK_BYTES) {
    into.set(blockAt(into.length, index, offset), offset);
  }
}

/** Offset of the first byte that is not the object's, or -1. */
export function firstWrongByte(got: Uint8Array, index: number): number {
  for (let offset = 0; offset < got.length; offset += BLOCK_BYTES) {
    const expected = blockAt(got.length, index, offset);
    const block = got.subarray(offset, offset + expected.length);
    if (!expected.equals(block)) {
      return offset + block.findIndex((byte, at) => byte !== expected[at]);
    }
  }
  return -1;
}

function blockAt(bytes: number, index: number, offset: number): Buffer {
  stream ??= createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(STREAM_BYTES));
  const start = (bytes * 31 + index * 65_537 + offset * 257) % (STREAM_BYTES - BLOCK_BYTES);
  return stream.subarray(start, start + Math.min(BLOCK_BYTES, bytes - offset));
}

let stream: Buffer | undefined;
const STREAM_BYTES = 4 * 1024 * 1024 + 4093;
const BLOCK_BYTES = 64 * 1024;
