import { findModel } from 'kvferry';
import type { ComputeCost } from './break-even.ts';
import type { Accelerator } from './hardware.ts';

/** Weights that one token passes through. */
export interface ModelWeights {
  /** As kvferry's model table names it. */
  readonly name: string;
  /** Parameters that are active for one token, those of the embeddings included. */
  readonly activeParameters: number;
  /** Of those, the rows of the embedding and of the output head: a prefill looks the first up, and needs the second for its last token only. */
  readonly embeddingParameters: number;
  readonly layers: number;
  /** Query heads × head size; where keys and values have heads of different sizes (MLA), the mean of both. */
  readonly attentionWidth: number;
  readonly source: string;
}

/**
 * Share of its peak that an accelerator reaches while it prefills. An assumption: the middle of the 38 to 43 % that the training of Llama 3 405B reached on H100s
 * (Llama team 2024, arXiv 2407.21783, table 4), whose forward pass is the same work. A measured rate overrides it.
 */
const PREFILL_UTILIZATION = 0.4;

/** How fast a model is computed, and where that comes from. */
export interface PrefillRate {
  readonly compute: ComputeCost;
  /** Of a prompt that is short enough for attention not to count. */
  readonly tokensPerSecond: number;
  readonly source: string;
}

/**
 * What an accelerator takes to prefill `n` tokens: `(2 × N × n + 2 × layers × width × n²) / (utilization × FLOPS)`. N are the weights a token passes through without
 * embeddings, one multiplication and one addition for each; attention multiplies and adds each query with every key before it, and each weight with its value: 4 × width
 * operations per layer for each of `n² / 2` pairs (Kaplan et al. 2020, arXiv 2001.08361, table 1, whose `2 n_layer n_ctx d_attn` per token it is).
 */
export function prefillRate(accelerator: Accelerator, weights: ModelWeights): PrefillRate {
  const passed = weights.activeParameters - weights.embeddingParameters;
  const operationsPerSecond = PREFILL_UTILIZATION * accelerator.denseBf16Tflops * 1e12;
  const secondsPerToken = (2 * passed) / operationsPerSecond;
  const secondsPerTokenSquared = (2 * weights.layers * weights.attentionWidth) / operationsPerSecond;
  const source =
    `${PREFILL_UTILIZATION * 100} % (assumed) of ${accelerator.denseBf16Tflops.toLocaleString('en-US')} dense BF16 TFLOPS of one ${accelerator.words} ` +
    `over 2 × ${(passed / 1e9).toFixed(2)} billion weights per token, and less the longer a prompt is, by attention`;
  return { compute: { secondsPerToken, secondsPerTokenSquared }, tokensPerSecond: 1 / secondsPerToken, source };
}

/** Weights of a named model, or of one by its name on the Hugging Face hub; `undefined` for any other. */
export function findWeights(model: string): ModelWeights | undefined {
  const name = findModel(model)?.name;
  return WEIGHTS.find((each) => each.name === name);
}

/**
 * Models whose prefill rate can be computed. Embeddings = vocabulary × hidden size of `config.json`, twice where the output head is not tied to them; layers and
 * attention width are from there too.
 */
export const WEIGHTS: readonly ModelWeights[] = [
  {
    name: 'llama-3.1-8b',
    activeParameters: 8.03e9,
    embeddingParameters: 2 * 128_256 * 4096,
    layers: 32,
    attentionWidth: 32 * 128,
    source: 'https://huggingface.co/meta-llama/Llama-3.1-8B',
  },
  {
    name: 'llama-3.1-70b',
    activeParameters: 70.6e9,
    embeddingParameters: 2 * 128_256 * 8192,
    layers: 80,
    attentionWidth: 64 * 128,
    source: 'https://huggingface.co/meta-llama/Llama-3.1-70B',
  },
  {
    name: 'llama-3.2-1b',
    activeParameters: 1.24e9,
    embeddingParameters: 128_256 * 2048,
    layers: 16,
    attentionWidth: 32 * 64,
    source: 'https://huggingface.co/meta-llama/Llama-3.2-1B',
  },
  {
    name: 'qwen2.5-0.5b',
    activeParameters: 0.494e9,
    embeddingParameters: 151_936 * 896,
    layers: 24,
    attentionWidth: 14 * 64,
    source: 'https://huggingface.co/Qwen/Qwen2.5-0.5B',
  },
  {
    name: 'qwen2.5-7b',
    activeParameters: 7.62e9,
    embeddingParameters: 2 * 152_064 * 3584,
    layers: 28,
    attentionWidth: 28 * 128,
    source: 'https://huggingface.co/Qwen/Qwen2.5-7B',
  },
  {
    name: 'mistral-7b',
    activeParameters: 7.25e9,
    embeddingParameters: 2 * 32_768 * 4096,
    layers: 32,
    attentionWidth: 32 * 128,
    source: 'https://huggingface.co/mistralai/Mistral-7B-v0.3',
  },
  {
    name: 'deepseek-v3',
    // Of 671 billion: experts that a token is not routed to do no work.
    activeParameters: 37e9,
    embeddingParameters: 2 * 129_280 * 7168,
    layers: 61,
    // 128 heads; keys have 128 + 64 elements, values 128.
    attentionWidth: (128 * (192 + 128)) / 2,
    source: 'DeepSeek-V3 Technical Report, arXiv 2412.19437',
  },
];
