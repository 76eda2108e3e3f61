/** SipHash over bytes with a 128-bit key; the value is unsigned, 64 bits. Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF". */
export function siphash(
  rounds: { readonly compression: number; readonly finalization: number },
  key: { readonly k0: bigint; readonly k1: bigint },
  bytes: Uint8Array,
): bigint {
  let v0 = 0x736f6d6570736575n ^ key.k0;
  let v1 = 0x646f72616e646f6dn ^ key.k1;
  let v2 = 0x6c7967656e657261n ^ key.k0;
  let v3 = 0x7465646279746573n ^ key.k1;

  const mix = (count: number): void => {
    for (let round = 0; round < count; round++) {
      v0 = uint64(v0 + v1);
      v1 = rotateLeft(v1, 13n) ^ v0;
      v0 = rotateLeft(v0, 32n);
      v2 = uint64(v2 + v3);
      v3 = rotateLeft(v3, 16n) ^ v2;
      v0 = uint64(v0 + v3);
      v3 = rotateLeft(v3, 21n) ^ v0;
      v2 = uint64(v2 + v1);
      v1 = rotateLeft(v1, 17n) ^ v2;
      v2 = rotateLeft(v2, 32n);
    }
  };

  const padded = new Uint8Array(Math.floor(bytes.length / 8) * 8 + 8);
  padded.set(bytes);
  padded[padded.length - 1] = bytes.length;
  const words = new DataView(padded.buffer);
  for (let offset = 0; offset < padded.length; offset += 8) {
    const word = words.getBigUint64(offset, true);
    v3 ^= word;
    mix(rounds.compression);
    v0 ^= word;
  }
  v2 ^= 0xffn;
  mix(rounds.finalization);
  return v0 ^ v1 ^ v2 ^ v3;
}

function uint64(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}

function rotateLeft(value: bigint, bits: bigint): bigint {
  return uint64(value << bits) | (value >> (64n - bits));
}
