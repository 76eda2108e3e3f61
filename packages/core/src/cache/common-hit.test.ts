import { expect, test } from 'vitest';
import { KvferryError } from '../errors.ts';
import { commonHit } from './common-hit.ts';
import type { HitEnd, Lookup } from './kv-cache.ts';

const lookup = (hitTokens: number, end: HitEnd): Lookup => ({ hitTokens, end, chunks: undefined });
const failed: HitEnd = { status: 'failed', error: new KvferryError('UNAVAILABLE', 'down') };

test('what all ranks have is the shortest hit, with its end', () => {
  const ranks = [lookup(8, { status: 'complete' }), lookup(4, { status: 'miss' }), lookup(6, failed)];
  expect(commonHit(ranks)).toEqual(lookup(4, { status: 'miss' }));
  expect(commonHit([lookup(8, { status: 'complete' })])).toEqual(lookup(8, { status: 'complete' }));
});

test('of equally short hits an outage is told', () => {
  expect(commonHit([lookup(0, { status: 'miss' }), lookup(0, failed)])).toEqual(lookup(0, failed));
});

test('without a rank there is no answer', () => {
  expect(() => commonHit([])).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
});
