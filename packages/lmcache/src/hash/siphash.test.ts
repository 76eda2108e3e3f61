import { describe, expect, it } from 'vitest';
import { siphash } from './siphash.ts';

const key = { k0: 0x0706050403020100n, k1: 0x0f0e0d0c0b0a0908n };

describe('siphash', () => {
  it('gives the value of the paper for SipHash-2-4 over 15 bytes', () => {
    const bytes = Uint8Array.from({ length: 15 }, (_, index) => index);
    expect(siphash({ compression: 2, finalization: 4 }, key, bytes)).toBe(0xa129ca6149be45e5n);
  });
});
