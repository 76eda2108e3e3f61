import { expect, test } from 'vitest';
import { parseTokens } from './tokens.ts';

test.each([
  ['[1, 2, 4294967295]', [1, 2, 4_294_967_295]],
  ['[]', []],
  // As vLLM answers.
  ['{"count": 2, "max_model_len": 4096, "tokens": [9906, 0], "token_strs": null}', [9906, 0]],
])('%s are tokens', (content, tokens) => {
  expect([...parseTokens('t.json', content)]).toEqual(tokens);
});

test.each([
  ['[1, 2', /--tokens: file t\.json is not JSON/],
  ['"abc"', /no tokens are in it.*array of token ids/],
  ['{"prompt": "a"}', /no tokens are in it/],
  ['null', /no tokens are in it/],
  ['[1, -1]', /token 1 is -1/],
  ['[1.5]', /token 0 is 1\.5/],
  ['[4294967296]', /token 0 is 4294967296/],
  ['["a"]', /token 0 is "a"/],
  ['[[1]]', /token 0 is \[1\]/],
])('%s are not', (content, message) => {
  expect(() => parseTokens('t.json', content)).toThrow(message);
  expect(() => parseTokens('t.json', content)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
});

test('standard input is called by its name', () => {
  expect(() => parseTokens('-', 'x')).toThrow(/--tokens: standard input is not JSON/);
});
