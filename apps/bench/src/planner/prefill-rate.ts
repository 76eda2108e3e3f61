import { findModel } from 'kvferry';
import type { Accelerator } from './hardware.ts';

/** Weights that one token passes through. */
export interface ModelWeights {
  /** As kvferry's model table names it. */
  readonly name: string;
  /** Parameters that are active for one token, those of the embeddings included. */
  readonly activeParameters: number;
  /** Of those, the rows of the embedding and of the output head: a prefill looks the first up, and needs the second for its last token only. */
  readonly embeddingParameters: number;
  readonly source: string;
}

/**
 * Share of its peak that an accelerator reaches while it prefills. An assumption: the middle of the 38 to 43 % that the training of Llama 3 405B reached on H100s
 * (Llama team 2024, arXiv 2407.21783, table 4), whose forward pass is the same work. A measured rate overrides it.
 */
const PREFILL_UTILIZATION = 0.4;

/** A prefill rate, and where it comes from. */
export interface PrefillRate {
  readonly tokensPerSecond: number;
  readonly source: string;
}

/**
 * Tokens per second that an accelerator prefills: `utilization × FLOPS / (2 × N)`, where N are the weights a token passes through without embeddings: one
 * multiplication and one addition for each (Kaplan et al. 2020, arXiv 2001.08361, table 1; Hoffmann et al. 2022, arXiv 2203.15556, appendix F). Attention's part,
 * which grows with the square of the prompt, is left out: real prefills are slower, so the plan favours recomputing.
 */
export function prefillRate(accelerator: Accelerator, weights: ModelWeights): PrefillRate {
  const passed = weights.activeParameters - weights.embeddingParameters;
  const tokensPerSecond = (PREFILL_UTILIZATION * accelerator.denseBf16Tflops * 1e12) / (2 * passed);
  const source =
    `${PREFILL_UTILIZATION * 100} % (assumed) of ${accelerator.denseBf16Tflops.toLocaleString('en-US')} dense BF16 TFLOPS of one ${accelerator.words} ` +
    `over 2 × ${(passed / 1e9).toFixed(2)} billion weights per token, without attention's quadratic part`;
  return { tokensPerSecond, source };
}

/** Weights of a named model, or of one by its name on the Hugging Face hub; `undefined` for any other. */
export function findWeights(model: string): ModelWeights | undefined {
  const name = findModel(model)?.name;
  return WEIGHTS.find((each) => each.name === name);
}

/** Models whose prefill rate can be computed. Embeddings = vocabulary × hidden size of `config.json`, twice where the output head is not tied to them. */
export const WEIGHTS: readonly ModelWeights[] = [
  weights('llama-3.1-8b', 8.03e9, 2 * 128_256 * 4096, 'https://huggingface.co/meta-llama/Llama-3.1-8B'),
  weights('llama-3.1-70b', 70.6e9, 2 * 128_256 * 8192, 'https://huggingface.co/meta-llama/Llama-3.1-70B'),
  weights('llama-3.2-1b', 1.24e9, 128_256 * 2048, 'https://huggingface.co/meta-llama/Llama-3.2-1B'),
  weights('qwen2.5-0.5b', 0.494e9, 151_936 * 896, 'https://huggingface.co/Qwen/Qwen2.5-0.5B'),
  weights('qwen2.5-7b', 7.62e9, 2 * 152_064 * 3584, 'https://huggingface.co/Qwen/Qwen2.5-7B'),
  weights('mistral-7b', 7.25e9, 2 * 32_768 * 4096, 'https://huggingface.co/mistralai/Mistral-7B-v0.3'),
  // Of 671 billion: experts that a token is not routed to do no work.
  weights('deepseek-v3', 37e9, 2 * 129_280 * 7168, 'DeepSeek-V3 Technical Report, arXiv 2412.19437'),
];

function weights(name: string, activeParameters: number, embeddingParameters: number, source: string): ModelWeights {
  return { name, activeParameters, embeddingParameters, source };
}
