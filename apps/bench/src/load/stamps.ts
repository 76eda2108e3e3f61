/**
 * Marks bytes as those of one chunk, at the beginning and at the end, so that every read can be held against the chunk that it asked for. That costs
 * nothing that could be measured, whatever the chunk's length; each byte is the checksum's to look after.
 */
export function stamp(bytes: Uint8Array, hash: string): void {
  const mark = markOf(bytes, hash);
  bytes.set(mark, 0);
  bytes.set(mark, bytes.byteLength - mark.byteLength);
}

/** Whether the bytes carry the marks of this chunk. */
export function isStamped(bytes: Uint8Array, hash: string): boolean {
  const mark = markOf(bytes, hash);
  const end = bytes.subarray(bytes.byteLength - mark.byteLength);
  return mark.equals(bytes.subarray(0, mark.byteLength)) && mark.equals(end);
}

/** Takes marks away, so that what was there before a read is not taken for what was read. */
export function unstamp(bytes: Uint8Array): void {
  bytes.fill(0, 0, LONGEST_MARK);
  bytes.fill(0, Math.max(0, bytes.byteLength - LONGEST_MARK));
}

/** A hash of 256 bits in hexadecimal digits. */
const LONGEST_MARK = 64;

function markOf(bytes: Uint8Array, hash: string): Buffer {
  return Buffer.from(hash.slice(0, Math.min(LONGEST_MARK, bytes.byteLength >>> 1)), 'latin1');
}
