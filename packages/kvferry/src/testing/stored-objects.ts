import { kv1KeyFormat } from '@kvferry/core';
import type { Simulator } from '@kvferry/s3-simulator';
import type { FilesOf } from './command-files.ts';

const BUCKET = 'my-bucket';
const HASH = '0123456789abcdef'.repeat(4);

export const CHUNK_TOKENS = 16;

/** What a rank is given of whose namespace `layOwn` is, with the tokens of three chunks. */
export const RANK_FILES: FilesOf = {
  config: `chunk_size: ${CHUNK_TOKENS}\npre_caching_hash_algorithm: sha256_cbor`,
  model: {
    model_name: 'org/m',
    world_size: 2,
    worker_id: 1,
    kv_dtype: 'float16',
    kv_shape: { layers: 1, kv_heads: 1, head_size: 8 },
    python_hash_seed: '0',
  },
  tokens: Array.from({ length: 3 * CHUNK_TOKENS }, (_, index) => index),
};

/** Lays objects of so many bytes into the simulator's bucket. */
export async function lay(
  simulator: Simulator,
  names: readonly string[],
  bytes = 512,
  lastModified?: Date,
): Promise<void> {
  for (const name of names) {
    await simulator.putObject(BUCKET, name, new Uint8Array(bytes), { lastModified });
  }
}

/** One name, or more, of every system that is known. Those of the same line belong together. */
export const NAMES = {
  lmcache: ['org_m@2@1@49bc192c478bfc2e@half', 'org_m@2@1@a9bc192c478bfc2e@half'],
  lmcacheTagged: ['org_m@1@0@5@bfloat16@user%alice'],
  lmcacheBytes: [`org_m@1@0@${HASH}@bfloat16`],
  lmcacheWithFormat: ['vllm@org_m@2@1@-13c@bfloat16'],
  lmcacheWithoutDtype: ['some/prefix/vllm@org_m@2@1@-13c'],
  healthCheck: ['test@1@0@0@bfloat16'],
  multiProcess: [`org/m@02010201@0@${HASH}`, `org/m@02010201@0@${HASH.slice(2)}ff`],
  multiProcessSalted: [`org/m@01000100@0@${HASH}@tenant`],
  multiProcessOld: [`org_m@01000100@${HASH}`],
  draft: [`lmcache-v2/${HASH}`],
  vllm: [`/org_m_a1b2c3d4e5f6_r1/012/34_g0/${HASH}.bin`],
  vllmProbe: ['__nixl_probe__/connectivity_test'],
  sglangNixl: [`${HASH}_org-m_1_2_k`, `${HASH}_org-m_1_2_v`],
  sglangUnified: [`${HASH}_ukv1-0123456789abcdef_L0-31`],
  sglangSeaweedfs: [`org-m/tp1of8/${HASH}`],
  other: ['photo.jpg'],
} as const;

/** Lays a chunk under kvferry's own name, and the description of its namespace. Gives the namespace. */
export async function layOwn(simulator: Simulator, modelName: string): Promise<string> {
  const format = kv1KeyFormat({
    layout: { format: 'KV_2LTD', layers: 1, kvHeads: 1, headSize: 8, chunkTokens: CHUNK_TOKENS },
    // Of PYTHONHASHSEED=0.
    hash: { name: 'sha256_cbor', seed: '5625442194607170974' },
  });
  const scope = { modelName, worldSize: 2, workerId: 1, dtype: 'float16', tags: [] } as const;
  const { id, json, key } = format.namespace(scope);
  await simulator.putObject(BUCKET, key, Buffer.from(json));
  await lay(simulator, [format.key({ hash: 'ab12', start: 0, end: CHUNK_TOKENS }, scope)]);
  return id;
}
