/** Layouts of other systems that keep KV cache in buckets, as vLLM 0.33.0 and SGLang 0.5.23 write them. None of their names has an `@`. */

/** What the name of another system's object says. */
export type ForeignLayout =
  /** vLLM's object tier: some blocks of one rank. */
  | {
      readonly kind: 'vllm-object-tier';
      /** With `_` in place of `/`. */
      readonly model: string;
      /** Twelve hex digits that stand for model, block sizes, parallelism, dtype and engine. */
      readonly layout: string;
      readonly rank: string;
      readonly hash: string;
    }
  /** What vLLM's object tier tries its connection with. */
  | { readonly kind: 'vllm-probe' }
  /** SGLang's HiCache: one page of one rank, in SeaweedFS; through NIXL that, or keys and values of it apart. */
  | {
      readonly kind: 'sglang-nixl' | 'sglang-seaweedfs';
      /** With `-` in place of `/`. */
      readonly model: string;
      /** Both `undefined` with MLA, whose ranks share a page. */
      readonly rank: string | undefined;
      readonly worldSize: string | undefined;
      readonly hash: string;
    }
  /** SGLang's HiCache under its unified names, which say no model. */
  | { readonly kind: 'sglang-unified'; readonly hash: string };

const VLLM = /^(?:.*\/)?([^/]+)_([0-9a-f]{12})_r(\d+)\/([0-9a-f]{3})\/([0-9a-f]{2})_g\d+\/([0-9a-f]{5,})\.bin$/;
const VLLM_PROBE = /^(?:.*\/)?__nixl_probe__\/connectivity_test$/;
const SGLANG_UNIFIED = /^([0-9a-f]{64})_ukv1-[0-9a-f]{16}_L\d+-\d+(?:_H\d+)?$/;
const SGLANG_NIXL = /^([0-9a-f]{64})_([^/]+?)(?:_(\d+)_(\d+))?(?:_[kv])?$/;
/** The page's hash is cut off, and its name is another digest, where a name would be longer than 900 characters. */
const SGLANG_RANKS = /^(?:.*\/)?([^/]+)\/tp(\d+)of(\d+)(?:\/pp\d+of\d+)?(?:\/cp\d+of\d+)?\/(.+)$/;
const SGLANG_SHARED = /^(?:.*\/)?([^/]+)\/([0-9a-f]{64})$/;

/** Recognises an object of another system by its name; `undefined` for every other. */
export function describeForeignLayout(objectKey: string): ForeignLayout | undefined {
  if (VLLM_PROBE.test(objectKey)) return { kind: 'vllm-probe' };
  const vllm = VLLM.exec(objectKey);
  if (vllm !== null) {
    const [, model = '', layout = '', rank = '', first = '', second = '', hash = ''] = vllm;
    if (hash.startsWith(first + second)) return { kind: 'vllm-object-tier', model, layout, rank, hash };
  }
  const unified = SGLANG_UNIFIED.exec(objectKey);
  if (unified !== null) return { kind: 'sglang-unified', hash: unified[1] ?? '' };
  const nixl = SGLANG_NIXL.exec(objectKey);
  if (nixl !== null) {
    const [, hash = '', model = '', rank, worldSize] = nixl;
    return { kind: 'sglang-nixl', model, rank, worldSize, hash };
  }
  const ranks = SGLANG_RANKS.exec(objectKey);
  if (ranks !== null) {
    const [, model = '', rank, worldSize, hash = ''] = ranks;
    return { kind: 'sglang-seaweedfs', model, rank, worldSize, hash };
  }
  const shared = SGLANG_SHARED.exec(objectKey);
  if (shared === null) return undefined;
  const [, model = '', hash = ''] = shared;
  return { kind: 'sglang-seaweedfs', model, rank: undefined, worldSize: undefined, hash };
}
