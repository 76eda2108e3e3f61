import { type Dtype, KvferryError } from '@kvferry/core';
import type { ModelShape } from '../models.ts';
import { isDtype } from './model-file.ts';

type Keys = Readonly<Record<string, unknown>>;

/**
 * Reads the KV shape out of the `config.json` of a Hugging Face model: layers, KV heads and head size, or of MLA the latent and its rotary part. `modelName` is what
 * the engine calls it, `kvDtype` the element type that it uses in place of the model's.
 *
 * Throws INVALID_ARGUMENT for what the file does not say, UNSUPPORTED for a model of which some layers keep something else than keys and values.
 */
export function parseHubConfig(
  file: string,
  config: Keys,
  { modelName, kvDtype }: { readonly modelName: string | undefined; readonly kvDtype: Dtype | undefined },
): ModelShape {
  if (modelName === undefined) {
    throw new KvferryError(
      'INVALID_ARGUMENT',
      `--model-name is needed with ${file}: what the engine was given as its model, such as meta-llama/Llama-3.1-8B`,
    );
  }
  // Models of text and images keep the text's part apart.
  const inner = config.text_config;
  const text = typeof inner === 'object' && inner !== null ? { ...config, ...(inner as Keys) } : config;
  refuseOtherCaches(file, text);
  const number = (name: string): number | undefined => {
    const value = text[name];
    return Number.isSafeInteger(value) && (value as number) > 0 ? (value as number) : undefined;
  };
  const needed = (value: number | undefined, name: string): number => {
    if (value !== undefined) return value;
    throw new KvferryError('INVALID_ARGUMENT', `--model: ${file}: ${name} is missing. Write a model.json instead`);
  };
  const layers = needed(number('num_hidden_layers'), 'num_hidden_layers');
  const latent = number('kv_lora_rank');
  const attentionHeads = number('num_attention_heads');
  const kvShape =
    latent === undefined
      ? {
          layers,
          kvHeads: needed(number('num_key_value_heads') ?? attentionHeads, 'num_key_value_heads'),
          headSize: needed(number('head_dim') ?? quotient(number('hidden_size'), attentionHeads), 'head_dim'),
          mla: false,
        }
      : { layers, kvHeads: 1, headSize: latent + (number('qk_rope_head_dim') ?? 0), mla: true };
  return {
    name: modelName,
    source: modelName,
    dtype: kvDtype ?? dtypeOf(file, text.dtype ?? text.torch_dtype),
    kvShape,
  };
}

function dtypeOf(file: string, name: unknown): Dtype {
  if (typeof name === 'string' && isDtype(name)) return name;
  throw new KvferryError(
    'INVALID_ARGUMENT',
    `--model: ${file}: dtype ${JSON.stringify(name ?? null)} is no element type. Add: --kv-dtype bfloat16`,
  );
}

/** Layers that attend; of these every one keeps keys and values, also where it looks at a window only. */
const attention: ReadonlySet<unknown> = new Set(['full_attention', 'sliding_attention', 'chunked_attention']);
const stateKeys = ['mamba_d_state', 'ssm_state_size', 'linear_num_key_heads'];

function refuseOtherCaches(file: string, config: Keys): void {
  const types = Array.isArray(config.layer_types) ? config.layer_types : [];
  const other = types.find((type) => !attention.has(type)) ?? stateKeys.find((name) => name in config);
  if (other === undefined) return;
  throw new KvferryError(
    'UNSUPPORTED',
    `${file}: some layers of this model keep something else than keys and values (${other}), and such chunks have no layout in a shared bucket; KV_2LTD and KV_MLA_FMT have`,
  );
}

function quotient(dividend: number | undefined, divisor: number | undefined): number | undefined {
  return dividend === undefined || divisor === undefined ? undefined : Math.floor(dividend / divisor);
}
