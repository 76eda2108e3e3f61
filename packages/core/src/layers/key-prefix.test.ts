import { expect, test } from 'vitest';
import { memoryBackend } from '../backends/memory.ts';
import { defineBackend } from '../define-backend.ts';
import { KvferryError } from '../errors.ts';
import { errorOf } from '../testing/values.ts';
import { forwardTo } from './forward.ts';
import { keyPrefix } from './key-prefix.ts';
import { withLayers } from './with-layers.ts';

const value = Buffer.from('value');

test('keys lie under the prefix inside, and do not show it outside', async () => {
  const inner = memoryBackend();
  const outer = withLayers(inner, keyPrefix({ prefix: 'kv/prod' }));
  await outer.open();
  await inner.put([{ key: 'kv/other', parts: [value] }]);
  expect(await outer.put([{ key: 'a/b', parts: [value] }])).toEqual([{ status: 'stored' }]);
  expect(await inner.stat(['kv/prod/a/b'])).toMatchObject([{ status: 'hit', byteLength: 5 }]);
  expect(await outer.stat(['a/b', 'other'])).toMatchObject([{ status: 'hit' }, { status: 'miss' }]);
  const into = new Uint8Array(5);
  expect(await outer.get([{ key: 'a/b', into }])).toMatchObject([{ status: 'hit', byteLength: 5 }]);
  expect(Buffer.from(into).toString()).toBe('value');
  expect(await Array.fromAsync(outer.list({ prefix: 'a' }))).toEqual([
    { key: 'a/b', byteLength: 5, modifiedMs: expect.any(Number) },
  ]);
  expect(await outer.delete(['a/b'])).toEqual([{ status: 'deleted' }]);
  expect(await Array.fromAsync(inner.list())).toMatchObject([{ key: 'kv/other', byteLength: 5 }]);
  expect(outer.info.namespace).toBe(`${inner.info.namespace}/kv/prod`);
  await outer.close();
});

test('the longest key is shorter by the prefix', async () => {
  const outer = withLayers(memoryBackend(), keyPrefix({ prefix: 'p'.repeat(100) }));
  expect(outer.capabilities.limits.maxKeyBytes).toBe(512 - 101);
  await outer.open();
  const longest = `${'x'.repeat(205)}/${'y'.repeat(205)}`;
  expect(await outer.put([{ key: longest, parts: [value] }])).toEqual([{ status: 'stored' }]);
  await expect(outer.stat([`${longest}z`])).rejects.toThrow(/INVALID_ARGUMENT.*at most 411 bytes/);
  await outer.close();
});

test('a failure names the key that the caller knows, and keeps its facts', async () => {
  const cause = new Error('socket');
  const facts = { retry: 'exhausted', httpStatus: 503, requestId: 'r1', retryAfterMs: 5, cause } as const;
  const inner = defineBackend(
    forwardTo(memoryBackend(), {
      stat: (batch) =>
        batch.each(1, (key) => {
          if (key === 'p/a') return { status: 'miss' };
          throw new KvferryError('UNAVAILABLE', 'busy', facts);
        }),
    }),
  );
  const outer = withLayers(inner, keyPrefix({ prefix: 'p' }));
  await outer.open();
  const error = errorOf((await outer.stat(['a', 'b']))[1]);
  expect(error).toMatchObject({ code: 'UNAVAILABLE', key: 'b', operation: 'stat', ...facts });
  expect(error?.message).toBe('UNAVAILABLE in stat "b": busy');
});

test('a prefix that is no key is refused', () => {
  expect(() => keyPrefix({ prefix: 'ends/with/' })).toThrow(/CONFIG_INVALID: keyPrefix: prefix/);
  const long = Array.from({ length: 4 }, () => 'p'.repeat(126)).join('/');
  expect(() => keyPrefix({ prefix: long })(memoryBackend())).not.toThrow();
  expect(() => keyPrefix({ prefix: `${long}pppp` })(memoryBackend())).toThrow(/leaves no room/);
});
