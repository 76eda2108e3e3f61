import { type Dtype, KvferryError, nearestName } from '@kvferry/core';
import type { EngineMetadata } from './chunk-identity.ts';

/** A model's KV cache as one rank holds it, where there is one rank. */
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

/** The names that `modelByName` takes, beside those on the Hugging Face hub. */
export const modelNames: readonly string[] = models.map((model) => model.name);

/** Finds a named model, or one by its name on the Hugging Face hub; `undefined` for any other. */
export function findModel(name: string): ModelShape | undefined {
  const wanted = name.toLowerCase();
  return models.find((model) => model.name === wanted || model.source.toLowerCase() === wanted);
}

/** Finds a model by name. Throws INVALID_ARGUMENT with the nearest name, and with all there are. */
export function modelByName(name: string): ModelShape {
  const model = findModel(name);
  if (model !== undefined) return model;
  const nearest = nearestName(name, modelNames);
  const hint = nearest === undefined ? '' : ` (did you mean ${nearest}?)`;
  throw new KvferryError('INVALID_ARGUMENT', `no model is called ${name}${hint}; there are: ${modelNames.join(', ')}`);
}

function gqa(name: string, source: string, layers: number, kvHeads: number, headSize: number): ModelShape {
  return { name, source, dtype: 'bfloat16', kvShape: { layers, kvHeads, headSize, mla: false } };
}
