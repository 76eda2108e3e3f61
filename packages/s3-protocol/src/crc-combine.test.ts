import checksums from 'aws-crt/dist/native/checksums.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CombinableCrc, combineCrcs } from './crc-combine.ts';

/** By aws-crt, which knows nothing of combining. */
const CRC_OF: Readonly<Record<CombinableCrc, (bytes: Buffer) => string>> = {
  crc32c: (bytes) => {
    const crc = Buffer.alloc(4);
    crc.writeUInt32BE(checksums.crc32c(bytes, 0));
    return crc.toString('base64');
  },
  crc64nvme: (bytes) => {
    const { buffer, byteOffset, byteLength } = checksums.crc64nvme(bytes);
    return Buffer.from(buffer, byteOffset, byteLength).toString('base64');
  },
};

describe.each(['crc32c', 'crc64nvme'] as const)('%s', (algorithm) => {
  const crcOf = CRC_OF[algorithm];
  const pieceOf = (bytes: Buffer) => ({ byteLength: bytes.byteLength, crc: crcOf(bytes) });

  it('of no pieces is that of nothing', () => {
    expect(combineCrcs(algorithm, [])).toBe(crcOf(Buffer.alloc(0)));
  });

  it('of one piece is its own', () => {
    const piece = pieceOf(Buffer.from('123456789'));
    expect(combineCrcs(algorithm, [piece])).toBe(piece.crc);
  });

  it('of any pieces is that of the whole', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 12 }), (pieces) => {
        const buffers = pieces.map((bytes) => Buffer.from(bytes));
        expect(combineCrcs(algorithm, buffers.map(pieceOf))).toBe(crcOf(Buffer.concat(buffers)));
      }),
    );
  });

  it('depends on the order of the pieces', () => {
    const pieces = ['one', 'two'].map((text) => pieceOf(Buffer.from(text)));
    expect(combineCrcs(algorithm, pieces.toReversed())).not.toBe(combineCrcs(algorithm, pieces));
  });

  it('of pieces of several MiB is that of the whole', () => {
    const whole = Buffer.alloc(7 * 1024 ** 2 + 3, 'kv');
    const cuts = [0, 5 * 1024 ** 2, 7 * 1024 ** 2, whole.byteLength];
    const pieces = cuts.slice(1).map((end, index) => pieceOf(whole.subarray(cuts[index], end)));
    expect(combineCrcs(algorithm, pieces)).toBe(crcOf(whole));
  });
});

it('reckons with lengths beyond 32 bits', () => {
  // Zeros behind a value shift it, and zeros cut in two shift it as far as zeros in one piece.
  const zeros = (byteLength: number) => ({ byteLength, crc: 'AAAAAA==' });
  const value = { byteLength: 9, crc: '4waSgw==' };
  const TIB = 1024 ** 4;
  expect(combineCrcs('crc32c', [value, zeros(3 * TIB), zeros(2 * TIB)])).toBe(
    combineCrcs('crc32c', [value, zeros(5 * TIB)]),
  );
  expect(combineCrcs('crc32c', [value, zeros(5 * TIB)])).not.toBe(combineCrcs('crc32c', [value, zeros(5 * TIB + 1)]));
});
