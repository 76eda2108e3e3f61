import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assertKey, isKeyPrefix, keyProblem, MAX_KEY_BYTES, MAX_KEY_SEGMENT_BYTES } from './keys.ts';

describe('a valid key', () => {
  test.each([
    'a',
    'a/b',
    'vllm@meta-llama/Llama-3.1-8B-Instruct@1@0@-123abc@bfloat16',
    'with spaces, 100%, and ünïcödé 🚢',
    '...',
    '.hidden/a..b',
    'back\\slash',
    'x'.repeat(MAX_KEY_SEGMENT_BYTES),
    '€'.repeat(85),
    `${'x'.repeat(255)}/${'y'.repeat(254)}/z`,
  ])('%s', (key) => {
    expect(keyProblem(key)).toBeUndefined();
    expect(() => assertKey(key)).not.toThrow();
  });
});

describe('no valid key', () => {
  test.each([
    [undefined, /string, not undefined/],
    [null, /string, not null/],
    [7, /string, not number/],
    ['', /not empty/],
    ['/a', /single slashes/],
    ['a/', /single slashes/],
    ['a//b', /single slashes/],
    ['.', /"\." segment/],
    ['a/../b', /"\.\." segment/],
    ['a\nb', /control character/],
    ['a\u007f', /control character/],
    ['a\u0085', /control character/],
    ['a\ud800', /lone surrogate/],
    ['x'.repeat(MAX_KEY_SEGMENT_BYTES + 1), /at most 255 bytes; one here has 256/],
    ['€'.repeat(86), /at most 255 bytes; one here has 258/],
    [`${'x'.repeat(255)}/${'y'.repeat(255)}/z`, /at most 512 bytes here; this one has 513/],
  ])('%j', (key, problem) => {
    expect(keyProblem(key)).toMatch(problem);
    expect(() => assertKey(key)).toThrow(/^INVALID_ARGUMENT: /);
  });

  test('is cut short in the error, however long it is', () => {
    expect(() => assertKey('x'.repeat(10_000))).toThrow(/^.{1,300}$/);
  });
});

test('any text is a key exactly when it keeps all the rules', () => {
  const text = fc.array(fc.constantFrom('a', '/', '.', 'ü', '\u0000', '\ud800', 'x'.repeat(120)), { maxLength: 8 });
  fc.assert(
    fc.property(text, (pieces) => {
      const key = pieces.join('');
      const segments = key.split('/');
      const valid =
        Buffer.byteLength(key) <= MAX_KEY_BYTES &&
        key.isWellFormed() &&
        !key.includes('\u0000') &&
        segments.every((part) => part !== '' && part !== '.' && part !== '..' && Buffer.byteLength(part) <= 255);
      expect(keyProblem(key) === undefined).toBe(valid);
    }),
    { numRuns: 2000 },
  );
});

test.each(['', 'a', 'a/', 'a/b', 'a/.', 'a/..', '.', 'é', 'x'.repeat(255)])('keys can start with %j', (text) => {
  expect(isKeyPrefix(text)).toBe(true);
});

test.each(['/', 'a//', 'a/../', './', 'a/./b', 'a\n', '\uffff', 'x'.repeat(256)])('no key starts with %j', (text) => {
  expect(isKeyPrefix(text)).toBe(false);
});
