import { siphash } from './siphash.ts';

/** The constants of CPython's tuple hash (Objects/tupleobject.c from 3.8 on, 64-bit), which are those of xxHash. */
const PRIME_1 = 11400714785074694791n;
const PRIME_2 = 14029467366897019727n;
const PRIME_5 = 2870177450012600261n;
const LENGTH_MASK = PRIME_5 ^ 3527539n;

/** Numeric hashes are taken modulo this prime (`sys.hash_info.modulus`). */
const INT_MODULUS = (1n << 61n) - 1n;

/** Which SipHash Python hashes text with: 2-4 up to Python 3.10, 1-3 from 3.11. */
export type PythonGeneration = 'up-to-3.10' | 'from-3.11';

/** Python's `hash(value)` for an integer of any size, on a 64-bit build: signed. */
export function pythonHashInt(value: bigint): bigint {
  // The remainder of BigInt keeps the sign of the dividend, as CPython does here.
  return withoutMinusOne(value % INT_MODULUS);
}

/** Python's `hash(tuple)` from the hashes of its elements, on a 64-bit build of CPython 3.8 or later: signed. */
export function pythonHashTuple(elementHashes: readonly bigint[]): bigint {
  let accumulator = PRIME_5;
  for (const hash of elementHashes) {
    accumulator = uint64(accumulator + uint64(hash) * PRIME_2);
    accumulator = uint64(accumulator << 31n) | (accumulator >> 33n);
    accumulator = uint64(accumulator * PRIME_1);
  }
  return finishTuple(accumulator, elementHashes.length);
}

const LOW_1 = Number(PRIME_1 & 0xffffffffn);
const HIGH_1 = Number(PRIME_1 >> 32n);
const LOW_2 = Number(PRIME_2 & 0xffffffffn);
const HIGH_2 = Number(PRIME_2 >> 32n);
const LOW_5 = Number(PRIME_5 & 0xffffffffn);
const HIGH_5 = Number(PRIME_5 >> 32n);

const LOW_1_UPPER = LOW_1 >>> 16;
const LOW_1_LOWER = LOW_1 & 0xffff;
const LOW_2_UPPER = LOW_2 >>> 16;
const LOW_2_LOWER = LOW_2 & 0xffff;

/**
 * Python's `hash(tuple(tokens[start:end]))`: the same value as `pythonHashTuple` gives, without a BigInt per token.
 *
 * The 64-bit state is two unsigned halves. A token is its own hash, as it is below the modulus.
 */
export function pythonHashTokens(tokens: Uint32Array, start: number, end: number): bigint {
  let high = HIGH_5;
  let low = LOW_5;
  for (let index = start; index < end; index++) {
    const token = tokens[index] as number;

    // state += token * PRIME_2
    let sum = low + (Math.imul(token, LOW_2) >>> 0);
    const carry = sum > 0xffffffff ? 1 : 0;
    high = (high + upperHalf(token, LOW_2_UPPER, LOW_2_LOWER) + Math.imul(token, HIGH_2) + carry) >>> 0;
    low = sum >>> 0;

    // state = rotateLeft(state, 31)
    sum = ((high << 31) | (low >>> 1)) >>> 0;
    low = ((low << 31) | (high >>> 1)) >>> 0;
    high = sum;

    // state *= PRIME_1
    high = (upperHalf(low, LOW_1_UPPER, LOW_1_LOWER) + Math.imul(low, HIGH_1) + Math.imul(high, LOW_1)) >>> 0;
    low = Math.imul(low, LOW_1) >>> 0;
  }
  return finishTuple((BigInt(high) << 32n) | BigInt(low), end - start);
}

/** Python's `hash(text)` for ASCII text under `PYTHONHASHSEED=seed` (0 to 4,294,967,295): signed. */
export function pythonHashString(text: string, seed: number, python: PythonGeneration): bigint {
  if (text === '') return 0n;
  const rounds = python === 'up-to-3.10' ? { compression: 2, finalization: 4 } : { compression: 1, finalization: 3 };
  const unsigned = siphash(rounds, hashSecret(seed), Buffer.from(text, 'latin1'));
  return withoutMinusOne(BigInt.asIntN(64, unsigned));
}

/** The SipHash key that CPython derives from a seed: zeros for 0, else 16 bytes of a linear congruential generator (Python/bootstrap_hash.c). */
function hashSecret(seed: number): { k0: bigint; k1: bigint } {
  if (seed === 0) return { k0: 0n, k1: 0n };
  const secret = new DataView(new ArrayBuffer(16));
  let state = seed;
  for (let index = 0; index < 16; index++) {
    state = (Math.imul(state, 214013) + 2531011) >>> 0;
    secret.setUint8(index, (state >>> 16) & 0xff);
  }
  return { k0: secret.getBigUint64(0, true), k1: secret.getBigUint64(8, true) };
}

/** The upper 32 bits of `value · multiplier`; the products of 32 and 16 bits are exact in a double. */
function upperHalf(value: number, multiplierUpper: number, multiplierLower: number): number {
  const lowerProduct = Math.floor((value * multiplierLower) / 0x10000);
  return Math.floor((value * multiplierUpper + lowerProduct) / 0x10000);
}

function finishTuple(accumulator: bigint, length: number): bigint {
  const hash = uint64(accumulator + (BigInt(length) ^ LENGTH_MASK));
  return hash === 0xffffffffffffffffn ? 1546275796n : BigInt.asIntN(64, hash);
}

/** CPython keeps -1 for errors, so what would hash to -1 hashes to -2. */
function withoutMinusOne(hash: bigint): bigint {
  return hash === -1n ? -2n : hash;
}

function uint64(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}
