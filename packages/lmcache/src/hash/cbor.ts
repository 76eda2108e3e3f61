/**
 * Writes the one CBOR value that the chain hashes, `[prefix, [token, …], []]`, in the deterministic encoding of RFC 8949 (every length and
 * number in its shortest form). The writers return the offset after what they wrote; nothing else is encoded, nothing is allocated.
 */

const ARRAY_OF_THREE = 0x83;
const EMPTY_ARRAY = 0x80;
const MAJOR_UINT = 0x00;
const MAJOR_BYTES = 0x40;
const MAJOR_TEXT = 0x60;
const MAJOR_ARRAY = 0x80;

/** The most bytes that the value can take, with a prefix of up to 32 bytes: three heads, the prefix, 5 bytes per token, the empty array. */
export function maxChunkCborBytes(tokenCount: number): number {
  return 1 + (2 + 32) + 5 + 5 * tokenCount + 1;
}

/** Encodes with an unsigned 64-bit prefix, given as two halves; returns the bytes written from offset 0 of `into`. */
export function writeUintChunk(
  into: Uint8Array,
  prefixHigh: number,
  prefixLow: number,
  tokens: Uint32Array,
  start: number,
  end: number,
): number {
  into[0] = ARRAY_OF_THREE;
  let at: number;
  if (prefixHigh === 0) {
    at = writeHead(into, 1, MAJOR_UINT, prefixLow);
  } else {
    into[1] = MAJOR_UINT | 27;
    at = writeUint32(into, writeUint32(into, 2, prefixHigh), prefixLow);
  }
  return writeTokens(into, at, tokens, start, end);
}

/** Encodes with a byte string of at most 32 bytes as prefix; returns the bytes written from offset 0 of `into`. */
export function writeBytesChunk(
  into: Uint8Array,
  prefix: Uint8Array,
  tokens: Uint32Array,
  start: number,
  end: number,
): number {
  into[0] = ARRAY_OF_THREE;
  const at = writeHead(into, 1, MAJOR_BYTES, prefix.length);
  into.set(prefix, at);
  return writeTokens(into, at + prefix.length, tokens, start, end);
}

/** CBOR of a text in ASCII. */
export function asciiTextCbor(text: string): Uint8Array {
  const into = Buffer.alloc(5 + text.length);
  const at = writeHead(into, 0, MAJOR_TEXT, text.length);
  return into.subarray(0, at + into.write(text, at, 'latin1'));
}

function writeTokens(into: Uint8Array, from: number, tokens: Uint32Array, start: number, end: number): number {
  let at = writeHead(into, from, MAJOR_ARRAY, end - start);
  for (let index = start; index < end; index++) at = writeHead(into, at, MAJOR_UINT, tokens[index] as number);
  into[at] = EMPTY_ARRAY;
  return at + 1;
}

/** Major type and an argument of at most 32 bits. */
function writeHead(into: Uint8Array, at: number, major: number, argument: number): number {
  if (argument < 24) {
    into[at] = major | argument;
    return at + 1;
  }
  if (argument < 0x100) {
    into[at] = major | 24;
    into[at + 1] = argument;
    return at + 2;
  }
  if (argument < 0x10000) {
    into[at] = major | 25;
    into[at + 1] = argument >>> 8;
    into[at + 2] = argument;
    return at + 3;
  }
  into[at] = major | 26;
  return writeUint32(into, at + 1, argument);
}

function writeUint32(into: Uint8Array, at: number, value: number): number {
  into[at] = value >>> 24;
  into[at + 1] = value >>> 16;
  into[at + 2] = value >>> 8;
  into[at + 3] = value;
  return at + 4;
}
