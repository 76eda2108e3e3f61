import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { type ModelFlags, readEngine } from './model.ts';

const none = { modelName: undefined, worldSize: undefined, rank: undefined, kvDtype: undefined };
const io = { stdin: Readable.from([]), signal: new AbortController().signal };

async function read(content: unknown, flags: Partial<ModelFlags> = {}, environmentSeed: string | null = '7') {
  const file = join(await temporaryFolder(), 'model.json');
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
  return readEngine({ ...none, ...flags, model: file }, environmentSeed, io);
}

const model = {
  model_name: 'org/m',
  world_size: 2,
  worker_id: 1,
  kv_dtype: 'float16',
  kv_shape: { layers: 4, kv_heads: 2, head_size: 64, mla: false },
  python_hash_seed: '0',
  vllm: false,
  tags: { user: 'alice', tenant: 1 },
};

describe('a model.json', () => {
  test('says everything itself', async () => {
    expect(await read(model)).toEqual({
      modelName: 'org/m',
      worldSize: 2,
      workerId: 1,
      kvDtype: 'float16',
      kvShape: { layers: 4, kvHeads: 2, headSize: 64, mla: false },
      pythonHashSeed: '0',
      vllm: false,
      tags: [
        ['user', 'alice'],
        ['tenant', '1'],
      ],
      pipelineStages: 1,
      decodeContextRanks: 1,
    });
  });

  test('with a seed of null has none, whatever the environment says; without one it is the environment’s', async () => {
    const { python_hash_seed: _, ...seedless } = model;
    expect((await read({ ...model, python_hash_seed: null })).pythonHashSeed).toBeNull();
    expect((await read({ ...model, python_hash_seed: 5 })).pythonHashSeed).toBe('5');
    expect((await read(seedless)).pythonHashSeed).toBe('7');
    expect((await read(seedless, {}, null)).pythonHashSeed).toBeNull();
  });

  test('needs no more than name, type and shape', async () => {
    const { model_name, kv_dtype } = model;
    const least = { model_name, kv_dtype, kv_shape: { layers: 4, kv_heads: 2, head_size: 64 } };
    expect(await read(least)).toMatchObject({
      worldSize: 1,
      workerId: 0,
      vllm: true,
      tags: [],
      kvShape: { mla: false },
    });
  });

  test('keeps the order of tags as a list of pairs', async () => {
    const tags = [
      ['user', 'a'],
      ['10', 'b'],
    ];
    expect((await read({ ...model, tags })).tags).toEqual(tags);
  });

  test.each<[string, unknown, RegExp]>([
    ['a list', [], /model\.json holds no model/],
    ['no JSON', '{', /--model: file .*model\.json is not JSON/],
    ['no name', { ...model, model_name: undefined }, /model_name is missing/],
    ['a misspelt key', { ...model, world_sise: 2 }, /world_sise is unknown; did you mean world_size\?/],
    [
      'a misspelt key of the shape',
      { ...model, kv_shape: { ...model.kv_shape, heads: 1 } },
      /kv_shape\.heads is unknown/,
    ],
    ['a dtype of another name', { ...model, kv_dtype: 'bfloat61' }, /kv_dtype "bfloat61".*did you mean bfloat16/],
    ['no layers', { ...model, kv_shape: { ...model.kv_shape, layers: 0 } }, /kv_shape\.layers is a whole number/],
    ['a seed of another type', { ...model, python_hash_seed: true }, /python_hash_seed is text/],
    ['vllm as text', { ...model, vllm: 'no' }, /vllm is true or false/],
    ['tags that are no text', { ...model, tags: { user: null } }, /tags is a map/],
    [
      'tags whose order is lost',
      { ...model, tags: { user: 'a', 10: 'b' } },
      /tags has names that are numbers.*write a list/,
    ],
  ])('with %s is INVALID_ARGUMENT, named', async (_, content, message) => {
    await expect(read(content)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(message),
    });
  });

  test('takes no flags beside it', async () => {
    await expect(read(model, { rank: 1 })).rejects.toThrow(/--rank goes with a name.*says it itself/);
  });
});

describe('a config.json of the hub', () => {
  const llama = {
    architectures: ['LlamaForCausalLM'],
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    hidden_size: 4096,
    torch_dtype: 'bfloat16',
  };
  const modelName = 'meta-llama/Llama-3.1-8B';

  test.each<[string, object, Partial<ModelFlags>, object]>([
    [
      'grouped heads',
      llama,
      {},
      { kvShape: { layers: 32, kvHeads: 8, headSize: 128, mla: false }, kvDtype: 'bfloat16' },
    ],
    ['one KV head for each', { ...llama, num_key_value_heads: undefined }, {}, { kvShape: { kvHeads: 32 } }],
    ['a head size of its own', { ...llama, head_dim: 64 }, {}, { kvShape: { headSize: 64 } }],
    ['the newer name of the type', { ...llama, torch_dtype: undefined, dtype: 'float16' }, {}, { kvDtype: 'float16' }],
    ['another type for the cache', llama, { kvDtype: 'uint8' }, { kvDtype: 'uint8' }],
    ['no type', { ...llama, torch_dtype: undefined }, { kvDtype: 'float16' }, { kvDtype: 'float16' }],
    ['ranks', llama, { worldSize: 4, rank: 3 }, { worldSize: 4, workerId: 3, kvShape: { kvHeads: 2 } }],
    ['more ranks than heads', llama, { worldSize: 16 }, { kvShape: { kvHeads: 1 } }],
    ['text and images', { architectures: [], text_config: llama }, {}, { kvShape: { layers: 32 } }],
    [
      'a latent',
      { ...llama, num_hidden_layers: 61, kv_lora_rank: 512, qk_rope_head_dim: 64 },
      { worldSize: 8 },
      { kvShape: { layers: 61, kvHeads: 1, headSize: 576, mla: true } },
    ],
  ])('with %s', async (_, content, flags, engine) => {
    expect(await read(content, { modelName, ...flags })).toMatchObject({
      modelName,
      pythonHashSeed: '7',
      vllm: true,
      ...engine,
    });
  });

  test.each<[string, object, Partial<ModelFlags>, string, RegExp]>([
    ['no name', llama, { modelName: undefined }, 'INVALID_ARGUMENT', /--model-name is needed/],
    [
      'no layers',
      { ...llama, num_hidden_layers: undefined, text_config: {} },
      {},
      'INVALID_ARGUMENT',
      /num_hidden_layers is missing/,
    ],
    ['an odd type', { ...llama, torch_dtype: 'auto' }, {}, 'INVALID_ARGUMENT', /dtype "auto".*--kv-dtype/],
    ['heads that do not divide', llama, { worldSize: 3 }, 'INVALID_ARGUMENT', /8 KV heads.*3 ranks/],
    ['a rank outside its world', llama, { worldSize: 2, rank: 2 }, 'INVALID_ARGUMENT', /--rank is from 0 to 1/],
    ['an unknown --kv-dtype', llama, { kvDtype: 'fp8' }, 'INVALID_ARGUMENT', /--kv-dtype: fp8 is none of/],
    [
      'layers of another kind',
      { ...llama, layer_types: ['full_attention', 'linear_attention'] },
      {},
      'UNSUPPORTED',
      /linear_attention/,
    ],
    ['a state', { ...llama, mamba_d_state: 128 }, {}, 'UNSUPPORTED', /mamba_d_state/],
  ])('with %s it is refused', async (_, content, flags, code, message) => {
    await expect(read(content, { modelName, ...flags })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  test('may be named by its folder', async () => {
    const folder = join(await temporaryFolder(), 'Llama-3.1-8B');
    await mkdir(folder);
    await writeFile(join(folder, 'config.json'), JSON.stringify(llama));
    const engine = await readEngine({ ...none, model: folder, modelName }, null, io);
    expect(engine).toMatchObject({ modelName, kvShape: { layers: 32 } });
  });
});

describe('a name', () => {
  const named = (flags: Partial<ModelFlags>) => readEngine({ ...none, model: 'llama-3.1-8b', ...flags }, '0', io);

  test.each([
    [
      {},
      { modelName: 'meta-llama/Llama-3.1-8B', worldSize: 1, workerId: 0, kvShape: { kvHeads: 8 }, pythonHashSeed: '0' },
    ],
    [{ model: 'META-llama/Llama-3.1-8B' }, { modelName: 'meta-llama/Llama-3.1-8B' }],
    [
      { modelName: '/models/l', worldSize: 8, rank: 7 },
      { modelName: '/models/l', workerId: 7, kvShape: { kvHeads: 1 } },
    ],
    [{ model: 'deepseek-v3', worldSize: 8 }, { kvShape: { layers: 61, kvHeads: 1, headSize: 576, mla: true } }],
  ])('%o', async (flags, engine) => {
    expect(await named(flags)).toMatchObject(engine);
  });

  test.each([
    ['llama-3.1-8', /no model is called llama-3\.1-8 \(did you mean llama-3\.1-8b\?\); there are: .*deepseek-v3/],
    ['gpt-9', /no model is called gpt-9; there are:/],
    ['./gpt-9', /--model: there is no file \.\/gpt-9/],
    ['gpt.json', /--model: there is no file gpt\.json/],
  ])('%s is neither', async (model, message) => {
    await expect(named({ model })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(message),
    });
  });
});
