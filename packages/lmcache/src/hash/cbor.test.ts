import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tokensOf, vectors } from '../testing/vectors.ts';
import { asciiTextCbor, maxChunkCborBytes, writeBytesChunk, writeUintChunk } from './cbor.ts';

describe.each(vectors.sha256_cbor)('seed $seed, $case', (vector) => {
  const tokens = Uint32Array.from(tokensOf(vector.tokens));
  const folded = vector['folded_int (after LMCache PR #2999)'];
  const bytes = vector['bytes (canonical tuple, before #2999)'];

  it('encodes the seed', () => {
    expect(hex(asciiTextCbor(vector.seed))).toBe(vector.NONE_HASH_cbor);
  });

  // The vectors leave the bytes of the 1024-token case out; its digests are checked with the chunker.
  it.each(folded.chunks.filter(({ cbor }) => cbor !== null))('encodes $cbor', ({ cbor, hex: text }) => {
    const index = folded.chunks.findIndex((chunk) => chunk.hex === text);
    const prefix = BigInt(index === 0 ? folded.NONE_HASH : (folded.chunks[index - 1]?.chunk_hash ?? 0));
    const start = index * vector.chunk_size;
    expect(encodeUint(prefix, tokens.subarray(start, start + vector.chunk_size))).toBe(cbor);
  });

  it.each(bytes.filter(({ cbor }) => cbor !== null))('encodes $cbor', ({ cbor, hex: text }) => {
    const index = bytes.findIndex((chunk) => chunk.hex === text);
    const prefix = Buffer.from(index === 0 ? vector.NONE_HASH_digest : (bytes[index - 1]?.hex ?? ''), 'hex');
    const into = new Uint8Array(maxChunkCborBytes(vector.chunk_size));
    const start = index * vector.chunk_size;
    expect(hex(into.subarray(0, writeBytesChunk(into, prefix, tokens, start, start + vector.chunk_size)))).toBe(cbor);
  });
});

describe('writeUintChunk', () => {
  it('writes every number in its shortest form', () => {
    const edges = [0, 23, 24, 0xff, 0x100, 0xffff, 0x10000, 0xffffffff];
    for (const edge of edges) {
      expect(encodeUint(BigInt(edge), Uint32Array.of(edge))).toBe(
        `83${plainHead(0, BigInt(edge))}81${plainHead(0, BigInt(edge))}80`,
      );
    }
    expect(encodeUint(0x100000000n, new Uint32Array(0))).toBe('831b00000001000000008080');
  });

  it('agrees with a plain encoder for any prefix and tokens', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), anyTokens, (prefix, tokens) => {
        const list = Array.from(tokens, (token) => plainHead(0, BigInt(token))).join('');
        expect(encodeUint(prefix, tokens)).toBe(
          `83${plainHead(0, prefix)}${plainHead(4, BigInt(tokens.length))}${list}80`,
        );
      }),
      { numRuns: 1_000, seed: 1 },
    );
  });

  it('never needs more bytes than maxChunkCborBytes', () => {
    const tokens = new Uint32Array(70_000).fill(0xffffffff);
    const into = new Uint8Array(maxChunkCborBytes(tokens.length));
    expect(writeUintChunk(into, 0xffffffff, 0xffffffff, tokens, 0, tokens.length)).toBeLessThanOrEqual(into.length);
    expect(writeBytesChunk(into, new Uint8Array(32), tokens, 0, tokens.length)).toBe(into.length);
  });
});

const anyTokens = fc.uint8Array({ maxLength: 30 }).chain((widths) =>
  // Every width of the encoding is as likely as the others.
  fc
    .tuple(...Array.from(widths, (width) => fc.nat({ max: [23, 0xff, 0xffff, 0xffffffff][width % 4] ?? 0 })))
    .map((list) => Uint32Array.from(list)),
);

function encodeUint(prefix: bigint, tokens: Uint32Array): string {
  const into = new Uint8Array(maxChunkCborBytes(tokens.length));
  const high = Number(prefix >> 32n);
  const low = Number(prefix & 0xffffffffn);
  return hex(into.subarray(0, writeUintChunk(into, high, low, tokens, 0, tokens.length)));
}

/** RFC 8949, section 3, in the plainest way. */
function plainHead(major: number, argument: bigint): string {
  const head = (low: number): string => ((major << 5) | low).toString(16).padStart(2, '0');
  if (argument < 24n) return head(Number(argument));
  const digits = argument.toString(16);
  for (const [info, length] of [
    [24, 2],
    [25, 4],
    [26, 8],
  ] as const) {
    if (digits.length <= length) return head(info) + digits.padStart(length, '0');
  }
  return head(27) + digits.padStart(16, '0');
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
