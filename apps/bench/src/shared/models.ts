import { layoutBytes } from '@kvferry/core';
import { kvLayout } from '@kvferry/lmcache';
import type { ModelShape } from 'kvferry';

/** The model of the main job unless another is asked for. */
export const DEFAULT_MODEL = 'llama-3.1-8b';

/** Bytes of one chunk of this model. */
export function chunkBytes(model: ModelShape, chunkTokens: number): number {
  return layoutBytes(kvLayout({ ...model.kvShape, dtype: model.dtype }, chunkTokens));
}
