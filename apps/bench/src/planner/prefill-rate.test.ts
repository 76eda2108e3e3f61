import { modelNames } from 'kvferry';
import { expect, it } from 'vitest';
import { findAccelerator } from './hardware.ts';
import { findWeights, prefillRate } from './prefill-rate.ts';

it('knows the weights of every named model', () => {
  expect(modelNames.filter((name) => findWeights(name) === undefined)).toEqual([]);
  expect(findWeights('meta-llama/Llama-3.1-8B')?.name).toBe('llama-3.1-8b');
  expect(findWeights('no-model')).toBeUndefined();
});

it('computes two operations per weight that a token passes through, and attention over all tokens before', () => {
  const weights = {
    name: 'test',
    activeParameters: 12e9,
    embeddingParameters: 2e9,
    layers: 10,
    attentionWidth: 1000,
    source: '',
  };
  const accelerator = { name: 'test', words: 'Test', denseBf16Tflops: 1000, date: '', source: '' };
  const { compute, source, tokensPerSecond } = prefillRate(accelerator, weights);
  expect(tokensPerSecond).toBeCloseTo((0.4 * 1e15) / 20e9);
  expect(compute.secondsPerToken).toBeCloseTo(5e-5);
  // Of 1000 tokens: half a million pairs, each four operations per element and layer.
  expect(compute.secondsPerTokenSquared * 1e6).toBeCloseTo((5e5 * 4 * 1000 * 10) / (0.4 * 1e15));
  expect(source).toBe(
    '40 % (assumed) of 1,000 dense BF16 TFLOPS of one Test over 2 × 10.00 billion weights per token, and less the longer a prompt is, by attention',
  );
});

it('finds accelerators whatever the case', () => {
  expect(findAccelerator('H100-SXM')?.denseBf16Tflops).toBe(989.5);
  expect(findAccelerator('h100')).toBeUndefined();
});
