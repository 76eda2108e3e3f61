/** CRCs of S3 whose value for a whole follows from those of its pieces. */
export type CombinableCrc = 'crc32c' | 'crc64nvme';

/** A piece of a value, and its CRC. */
export interface CheckedPiece {
  readonly byteLength: number;
  /** Base64 of the big-endian checksum, as S3's headers have it. */
  readonly crc: string;
}

/**
 * The CRC of pieces laid one behind the other, from theirs alone, in base64; of no pieces, that of nothing.
 *
 * A CRC is a remainder of polynomials over GF(2), so `crc(A‖B) = crc(A) · x^(8·|B|) mod P ⊕ crc(B)`; that the register starts from ones and is
 * inverted at the end cancels out. This is what zlib's `crc32_combine` rests on (zlib 1.3, crc32.c; M. Adler,
 * https://stackoverflow.com/a/23126768). A piece costs 12 µs, the first of its length 0.2 ms more.
 */
export function combineCrcs(algorithm: CombinableCrc, pieces: Iterable<CheckedPiece>): string {
  const { byteLength, polynomial } = CRCS[algorithm];
  const one = 1n << BigInt(8 * byteLength - 1);
  let combined = 0n;
  let shiftBytes = 0;
  let shift = one;
  for (const piece of pieces) {
    // All pieces but the last have the same length.
    if (piece.byteLength !== shiftBytes) {
      shiftBytes = piece.byteLength;
      shift = powerOf(one >> 8n, BigInt(shiftBytes), one, polynomial);
    }
    combined = multiply(combined, shift, one, polynomial) ^ numberOf(piece.crc);
  }
  return Buffer.from(combined.toString(16).padStart(2 * byteLength, '0'), 'hex').toString('base64');
}

/** Polynomials with their bits in reverse, as the CRCs take the bits of each byte: the highest bit stands for x⁰. */
const CRCS: Readonly<Record<CombinableCrc, { readonly byteLength: number; readonly polynomial: bigint }>> = {
  // RFC 3720, appendix B.4.
  crc32c: { byteLength: 4, polynomial: 0x82f63b78n },
  // NVM Express, NVM Command Set Specification, revision 1.0d, section 5.2.1.3.4.
  crc64nvme: { byteLength: 8, polynomial: 0x9a6c9329ac4bc9b5n },
};

/** Product of two polynomials modulo the third. */
function multiply(a: bigint, b: bigint, one: bigint, polynomial: bigint): bigint {
  let product = 0n;
  let shifted = b;
  for (let bit = one; bit !== 0n; bit >>= 1n) {
    if ((a & bit) !== 0n) product ^= shifted;
    shifted = (shifted & 1n) === 0n ? shifted >> 1n : (shifted >> 1n) ^ polynomial;
  }
  return product;
}

/** `base` to the power of `exponent`, by squaring. */
function powerOf(base: bigint, exponent: bigint, one: bigint, polynomial: bigint): bigint {
  let power = one;
  let square = base;
  for (let rest = exponent; rest !== 0n; rest >>= 1n) {
    if ((rest & 1n) !== 0n) power = multiply(power, square, one, polynomial);
    square = multiply(square, square, one, polynomial);
  }
  return power;
}

function numberOf(base64: string): bigint {
  return BigInt(`0x${Buffer.from(base64, 'base64').toString('hex')}`);
}
