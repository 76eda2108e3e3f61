import { modelNames } from 'kvferry';
import { expect, it } from 'vitest';
import { findAccelerator } from './hardware.ts';
import { findWeights, prefillRate } from './prefill-rate.ts';

it('knows the weights of every named model', () => {
  expect(modelNames.filter((name) => findWeights(name) === undefined)).toEqual([]);
  expect(findWeights('meta-llama/Llama-3.1-8B')?.name).toBe('llama-3.1-8b');
  expect(findWeights('no-model')).toBeUndefined();
});

it('computes two operations per weight that a token passes through', () => {
  const weights = { name: 'test', activeParameters: 12e9, embeddingParameters: 2e9, source: '' };
  const accelerator = { name: 'test', words: 'Test', denseBf16Tflops: 1000, date: '', source: '' };
  const { source, tokensPerSecond } = prefillRate(accelerator, weights);
  expect(tokensPerSecond).toBeCloseTo((0.4 * 1e15) / 20e9);
  expect(source).toBe(
    "40 % (assumed) of 1,000 dense BF16 TFLOPS of one Test over 2 × 10.00 billion weights per token, without attention's quadratic part",
  );
});

it('finds accelerators whatever the case', () => {
  expect(findAccelerator('H100-SXM')?.denseBf16Tflops).toBe(989.5);
  expect(findAccelerator('h100')).toBeUndefined();
});
