import { describe, expect, it } from 'vitest';
import { hardwareNames } from './hardware.ts';
import { checkPlanOptions, type PlannedStore, planFor } from './plan.ts';

const model = {
  name: 'llama-3.1-8b',
  source: 'meta-llama/Llama-3.1-8B',
  dtype: 'bfloat16',
  bytesPerToken: 131_072,
  chunkTokens: 256,
  chunkBytes: 33_554_432,
};
const cost = { lookupSeconds: 0.02, firstByteSeconds: 0.03, bytesPerSecond: 2 * 131_072_000 };
const store: PlannedStore = { backend: 's3', target: 'embedded', model, cost };

describe('checkPlanOptions', () => {
  it.each([
    ['llama-3.1-8b', { hardware: 'b200' }],
    ['meta-llama/Llama-3.1-8B', { hardware: 'MI300X' }],
    ['my-model', { hardware: 'my-own', prefillTokensPerSecond: 900 }],
  ])('lets %s with %o pass', (name, options) => {
    expect(() => checkPlanOptions(name, options)).not.toThrow();
  });

  it.each([
    [
      'llama-3.1-8b',
      { hardware: 'h100-sx' },
      'no hardware is called h100-sx (did you mean h100-sxm?); there are: h100',
    ],
    ['llama-3.1-8b', { hardware: 'tpu' }, 'for any other, give --prefill-tokens-per-second'],
    ['my-model', { hardware: 'h100-sxm' }, 'how fast my-model is computed is known for llama-3.1-8b, '],
    ['llama-3.1-8b', { hardware: 'b200', prefillTokensPerSecond: 0 }, 'a number of tokens per second, not 0'],
    ['llama-3.1-8b', { hardware: 'b200', prefillTokensPerSecond: Number.NaN }, 'tokens per second, not NaN'],
  ])('refuses %s with %o', (name, options, message) => {
    expect(() => checkPlanOptions(name, options)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringContaining(message) }),
    );
  });
});

describe('planFor', () => {
  it('holds a given rate against the store', () => {
    const plan = planFor(store, { hardware: 'h100-sxm', prefillTokensPerSecond: 1000 });
    expect(plan).toMatchObject({
      prefillTokensPerSecond: 1000,
      prefillSource: 'as given with --prefill-tokens-per-second',
      // 50 ms, and 0.5 ms are gained with each token.
      breakEvenTokens: 256,
      reason:
        'At 0.262 GB/s the store loads 2,000 tokens/s, h100-sxm computes 1,000 tokens/s; the 50.0 ms for the lookup and the first byte are made up for at 256 tokens.',
    });
    expect(plan.curve.map(({ tokens }) => tokens)).toEqual([
      256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072,
    ]);
    expect(plan.curve[2]).toEqual({ tokens: 1024, loadSeconds: 0.05 + 0.512, computeSeconds: 1.024 });
  });

  it('says how fast a store would have to be where loading never wins', () => {
    expect(planFor(store, { hardware: 'my-own', prefillTokensPerSecond: 10_000 })).toMatchObject({
      breakEvenTokens: null,
      reason:
        'At 0.262 GB/s the store loads 2,000 tokens/s, my-own computes 10,000 tokens/s: computing stays ahead up to 131,072 tokens; above 1.32 GB/s loading would win.',
    });
  });

  it('tells it for every hardware it knows', () => {
    const fast = { ...store, cost: { ...cost, bytesPerSecond: 5e9 } };
    const plan = planFor(fast, { hardware: 'h100-sxm' });
    expect(plan.byHardware.map(({ hardware }) => hardware)).toEqual(hardwareNames);
    expect(plan.byHardware[0]).toMatchObject({ breakEvenTokens: plan.breakEvenTokens });
    // It computes a short prompt faster than this store loads it, and a long one, by attention, more slowly.
    expect(plan.byHardware.find(({ hardware }) => hardware === 'b200')).toMatchObject({
      breakEvenTokens: 40_960,
      neededBytesPerSecond: null,
    });
    const slow = planFor({ ...store, cost: { ...cost, bytesPerSecond: 1e8 } }, { hardware: 'h100-sxm' });
    expect(slow.byHardware.find(({ hardware }) => hardware === 'b200')).toMatchObject({
      breakEvenTokens: null,
      neededBytesPerSecond: expect.closeTo(2.459e9, -7),
    });
  });

  it('has no plan where nothing could be read, and none for a model it does not know', () => {
    expect(planFor({ ...store, cost: undefined }, { hardware: 'b200' })).toMatchObject({
      breakEvenTokens: null,
      reason: 'There is no plan: nothing could be read from the store.',
      curve: [],
    });
    const unknown = { ...store, model: { ...model, name: 'my-model' } };
    expect(planFor(unknown, { hardware: 'b200' })).toMatchObject({
      prefillTokensPerSecond: 0,
      byHardware: [],
      curve: [],
    });
  });

  it('has no plan for a file that does not tell its model, whatever the rate', () => {
    const headless = {
      ...store,
      model: { ...model, name: 'unknown', bytesPerToken: 0, chunkTokens: 0, chunkBytes: 0 },
    };
    expect(planFor(headless, { hardware: 'my-own', prefillTokensPerSecond: 1000 })).toMatchObject({
      breakEvenTokens: null,
      reason: 'There is no plan: the model of the run is not known.',
      curve: [],
      costs: [],
    });
  });

  it('prices a hit on both kinds of S3, and on the store itself where it is another', () => {
    const services = (planned: PlannedStore): Set<string> =>
      new Set(planFor(planned, { hardware: 'b200' }).costs.map(({ service }) => service));
    expect([...services(store)]).toEqual(['S3 Standard', 'S3 Express One Zone']);
    expect([...services({ ...store, target: 'https://s3.us-east-1.amazonaws.com' })]).toHaveLength(2);
    expect([...services({ ...store, target: 'https://a.r2.cloudflarestorage.com' })]).toContain('Cloudflare R2');
  });
});
