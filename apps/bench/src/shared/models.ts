import { type ChunkLayout, type Dtype, KvferryError, layoutBytes } from '@kvferry/core';
import { kvLayout } from '@kvferry/lmcache';
import type { EngineMetadata } from 'kvferry';

/** A model's KV cache as one rank holds it. */
export interface ModelShape {
  readonly name: string;
  /** Name on the Hugging Face hub, whose `config.json` the figures are from. */
  readonly source: string;
  readonly dtype: Dtype;
  readonly kvShape: EngineMetadata['kvShape'];
}

/**
 * Named models. Bytes per token = planes · layers · KV heads · head size · bytes per element (2 planes, keys and values; MLA has one
 * plane, of the latent and its rotary part: 512 + 64).
 */
const models: readonly ModelShape[] = [
  gqa('llama-3.1-8b', 'meta-llama/Llama-3.1-8B', 32, 8, 128),
  gqa('llama-3.1-70b', 'meta-llama/Llama-3.1-70B', 80, 8, 128),
  gqa('llama-3.2-1b', 'meta-llama/Llama-3.2-1B', 16, 8, 64),
  gqa('qwen2.5-0.5b', 'Qwen/Qwen2.5-0.5B', 24, 2, 64),
  gqa('qwen2.5-7b', 'Qwen/Qwen2.5-7B', 28, 4, 128),
  gqa('mistral-7b', 'mistralai/Mistral-7B-v0.3', 32, 8, 128),
  {
    name: 'deepseek-v3',
    source: 'deepseek-ai/DeepSeek-V3',
    dtype: 'bfloat16',
    kvShape: { layers: 61, kvHeads: 1, headSize: 576, mla: true },
  },
];

/** The model of the main job unless another is asked for. */
export const DEFAULT_MODEL = 'llama-3.1-8b';

export const modelNames: readonly string[] = models.map((model) => model.name);

/** Finds a model by name. Throws INVALID_ARGUMENT with the names there are. */
export function modelByName(name: string): ModelShape {
  const model = models.find((candidate) => candidate.name === name.toLowerCase());
  if (model !== undefined) return model;
  throw new KvferryError('INVALID_ARGUMENT', `no model is called ${name}; there are: ${modelNames.join(', ')}`);
}

/** Bytes of one chunk of this model. */
export function chunkBytes(model: ModelShape, chunkTokens: number): number {
  return layoutBytes(modelLayout(model, chunkTokens));
}

function modelLayout(model: ModelShape, tokens: number): ChunkLayout {
  return kvLayout({ ...model.kvShape, dtype: model.dtype }, tokens);
}

function gqa(name: string, source: string, layers: number, kvHeads: number, headSize: number): ModelShape {
  return { name, source, dtype: 'bfloat16', kvShape: { layers, kvHeads, headSize, mla: false } };
}
