import { KvferryError } from '@kvferry/core';

/** The functions that chunk hashes can come from: Python's `hash`, or SHA-256 over CBOR. */
export type HashFunction = 'python' | 'sha256_cbor';

/** What vLLM knows and kvferry does not compute, with the reason. */
const unsupported: ReadonlyMap<string, string> = new Map([
  ['sha256', "hashes Python's pickle format"],
  ['xxhash', "is xxh3_128 over Python's pickle format"],
  ['xxhash_cbor', 'is xxh3_128'],
]);

/**
 * Takes a `pre_caching_hash_algorithm` as LMCache does: vLLM's function of that name, and Python's `hash` for every other name, and for every
 * name where vLLM is not there.
 *
 * Throws UNSUPPORTED for vLLM's `sha256`, `xxhash` and `xxhash_cbor`.
 */
export function hashFunction(algorithm: string, vllm: boolean): HashFunction {
  if (!vllm) return 'python';
  if (algorithm === 'sha256_cbor' || algorithm === 'sha256_cbor_64bit') return 'sha256_cbor';
  const reason = unsupported.get(algorithm);
  if (reason === undefined) return 'python';
  throw new KvferryError(
    'UNSUPPORTED',
    `pre_caching_hash_algorithm "${algorithm}" ${reason}, which kvferry does not compute. Write: pre_caching_hash_algorithm: sha256_cbor`,
  );
}
