import { describe, expect, test } from 'vitest';
import { cacheOptions, fill, keysOf, layout, settled, tokensOf } from '../testing/cache-parts.ts';
import { TestStore } from '../testing/test-store.ts';
import { cacheCore } from './core.ts';
import { Gathering } from './gathering.ts';
import { CacheRequest } from './request.ts';

async function gathering(isFull: boolean, withStore: boolean): Promise<Gathering> {
  const store = new TestStore();
  await store.backend.open();
  const tokens = tokensOf(1);
  fill(store, tokens);
  const core = cacheCore(cacheOptions({ backend: withStore ? store.backend : undefined }));
  const chunks = keysOf(tokens).map((key) => ({ start: 0, end: 4, hash: 'h', key, layout, isFull }));
  const result = new Gathering(core, chunks, { status: 'complete' }, 'hand-out');
  const request = new CacheRequest(60_000, {});
  void result.gather(request).finally(() => request.release());
  await settled();
  return result;
}

describe('a chunk that was found in memory and is gone', () => {
  test('is loaded where the remote may have it', async () => {
    expect(await gathering(true, true)).toMatchObject({ isDone: true, length: 1, end: { status: 'complete' } });
  });

  test('ends the prefix at once where nobody else keeps it: a short tail, or any without a remote', async () => {
    expect(await gathering(false, true)).toMatchObject({ isDone: true, length: 0, end: { status: 'miss' } });
    expect(await gathering(true, false)).toMatchObject({ isDone: true, length: 0, end: { status: 'miss' } });
  });
});
