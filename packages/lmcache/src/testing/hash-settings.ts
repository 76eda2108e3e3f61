import type { HashSettings } from '../types.ts';

/** What to recommend, and what most tests of hashes begin with. */
export const sha256: HashSettings = {
  algorithm: 'sha256_cbor',
  vllm: true,
  pythonHashSeed: '0',
  python: 'from-3.11',
  era: 'current',
};
