import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { memoryBackend } from '../backends/memory.ts';
import { defineBackend } from '../define-backend.ts';
import { KvferryError } from '../errors.ts';
import { circuitBreaker } from '../layers/circuit-breaker.ts';
import { forwardTo } from '../layers/forward.ts';
import { fill, keysOf, openCache, settled, tensorsOf, tokensOf } from '../testing/cache-parts.ts';
import { CacheRequest } from './request.ts';

/** Time is the test's own: nothing here waits. */
beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

/** A remote that never answers, not even to an abort. */
const deaf = () => {
  const never = (): Promise<void> => new Promise(() => {});
  return defineBackend(forwardTo(memoryBackend(), { stat: never, get: never, put: never }));
};

describe('the time of a request', () => {
  test('lookup, retrieve and prefetch answer within answerMs whatever the remote does', async () => {
    const { cache } = await openCache({ backend: deaf(), answerMs: 500 });
    const tokens = tokensOf(3);
    const end = {
      status: 'failed',
      error: { code: 'TIMEOUT', retry: 'later', key: keysOf(tokens)[0], operation: 'stat' },
    };
    const lookup = cache.lookup(tokens);
    const exact = cache.lookup(tokens, { exact: true });
    const retrieve = cache.retrieve(tokens);
    const prefetch = cache.prefetch(tokens);
    await settled();
    vi.advanceTimersByTime(500);
    expect(await lookup).toMatchObject({ hitTokens: 0, end });
    expect(await exact).toMatchObject({ hitTokens: 0, end });
    expect(await retrieve).toMatchObject({ hitTokens: 0, end: { status: 'failed', error: { code: 'TIMEOUT' } } });
    expect(await prefetch.loaded).toMatchObject({
      hitTokens: 0,
      end: { status: 'failed', error: { code: 'TIMEOUT' } },
    });
    expect(vi.getTimerCount()).toBe(0);
  });

  test('what has arrived in order by then counts, and the rest is aborted', async () => {
    const { cache, store } = await openCache({ answerMs: 500 });
    const tokens = tokensOf(6);
    const keys = fill(store, tokens);
    store.hold('get', [keys[3] as string]);
    const retrieving = cache.retrieve(tokens);
    await settled();
    vi.advanceTimersByTime(500);
    using retrieved = await retrieving;
    expect(retrieved).toMatchObject({
      hitTokens: 12,
      end: { status: 'failed', error: { code: 'TIMEOUT', key: keys[3], operation: 'get' } },
    });
    expect(retrieved.end.status === 'failed' && retrieved.end.error.message).toContain('blocking_timeout_secs');
    await settled();
    expect(store.aborted).toEqual([keys[3]]);
  });

  test('a lookup counts what it has answers for by then', async () => {
    const { cache, store } = await openCache({ answerMs: 500 });
    const tokens = tokensOf(6);
    const keys = fill(store, tokens);
    store.hold('stat', [keys[4] as string]);
    for (const exact of [false, true]) {
      const lookup = cache.lookup(tokens, { exact });
      await settled();
      vi.advanceTimersByTime(500);
      expect(await lookup).toMatchObject({
        hitTokens: 16,
        end: { status: 'failed', error: { code: 'TIMEOUT', key: keys[4] } },
      });
    }
  });

  test('retrieveInto counts what has arrived in order by then', async () => {
    const { cache, store } = await openCache({ answerMs: 500 });
    const tokens = tokensOf(6);
    const keys = fill(store, tokens);
    store.hold('get', [keys[3] as string]);
    const into = tokens.slice(0, 6).map(() => new Uint8Array(4096));
    const filling = cache.retrieveInto(tokens, into);
    await settled();
    vi.advanceTimersByTime(500);
    expect(await filling).toMatchObject({
      hitTokens: 12,
      end: { status: 'failed', error: { code: 'TIMEOUT', key: keys[3] } },
    });
  });

  test('a store that has no answer to its questions fails within answerMs', async () => {
    const { cache } = await openCache({ backend: deaf(), answerMs: 500 });
    const tokens = tokensOf(2);
    const storing = cache.store(tokens, tensorsOf(tokens));
    await settled();
    vi.advanceTimersByTime(500);
    const stored = await storing;
    expect(stored.map(({ result }) => result.status === 'failed' && result.error.code)).toEqual(['TIMEOUT', 'TIMEOUT']);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('a store sends what it has answers for', async () => {
    const { cache, store } = await openCache({ answerMs: 500 });
    const tokens = tokensOf(3);
    store.hold('stat', [keysOf(tokens)[1] as string]);
    const storing = cache.store(tokens, tensorsOf(tokens));
    await settled();
    vi.advanceTimersByTime(500);
    const stored = await storing;
    expect(stored.map(({ result }) => result.status)).toEqual(['stored', 'failed', 'stored']);
    expect(stored[1]?.result).toMatchObject({ error: { code: 'TIMEOUT', operation: 'stat' } });
  });

  test('a store has as long as its bytes take at 8 MiB/s beyond that, and lets stand what was stored', async () => {
    const { cache, store } = await openCache({ answerMs: 500, budget: 3000 });
    // 2,048 chunks of 4 KiB: one second.
    const tokens = tokensOf(2048);
    const keys = keysOf(tokens);
    store.hold('put', [keys[7] as string]);
    const storing = cache.store(tokens, tensorsOf(tokens));
    let isDone = false;
    storing.finally(() => {
      isDone = true;
    });
    await settled();
    vi.advanceTimersByTime(1499);
    await settled();
    expect(isDone).toBe(false);
    vi.advanceTimersByTime(1);
    const stored = await storing;
    expect(stored[7]?.result).toMatchObject({
      status: 'failed',
      error: { code: 'TIMEOUT', key: keys[7], operation: 'put' },
    });
    expect(stored[8]?.result).toEqual({ status: 'stored' });
    expect(vi.getTimerCount()).toBe(0);
  });

  test('the cache works again as soon as the remote does', async () => {
    const { cache, store } = await openCache({ answerMs: 500, local: 'staging-only' });
    const tokens = tokensOf(6);
    fill(store, tokens);
    const release = store.hold('stat');
    const first = cache.lookup(tokens);
    await settled();
    vi.advanceTimersByTime(500);
    expect((await first).end.status).toBe('failed');
    release();
    using retrieved = await cache.retrieve(tokens);
    expect(retrieved.hitTokens).toBe(24);
  });

  test('a breaker below hears that the remote was late', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(6);
    const keys = fill(store, tokens);
    const broken = await openCache({ backend: circuitBreaker({ failures: 2 })(store.backend), answerMs: 500 });
    await broken.cache.lookup(tokens);
    store.hold('get');
    const retrieving = broken.cache.retrieve(tokens);
    await settled();
    vi.advanceTimersByTime(500);
    (await retrieving)[Symbol.dispose]();
    await settled();
    store.forgetCalls();
    const refused = await broken.cache.retrieve(tokens);
    expect(refused.end).toMatchObject({ status: 'failed', error: { code: 'UNAVAILABLE', key: keys[0] } });
    expect(store.gets).toEqual([]);
    await cache.close();
  });

  test('leaves neither timer nor listener behind', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(2);
    fill(store, tokens);
    const { signal } = new AbortController();
    const add = vi.spyOn(signal, 'addEventListener');
    const remove = vi.spyOn(signal, 'removeEventListener');
    await cache.lookup(tokens, { signal });
    (await cache.retrieve(tokens, { signal }))[Symbol.dispose]();
    await cache.retrieveInto(tokens, [new Uint8Array(4096)], { signal });
    await cache.store(tokens, tensorsOf(tokens), { signal });
    await cache.retrieve(tokensOf(2, 9), { signal });
    expect(vi.getTimerCount()).toBe(0);
    expect(add).toHaveBeenCalledTimes(5);
    expect(remove.mock.calls.length).toBeGreaterThanOrEqual(5);
  });
});

describe('a request', () => {
  test('ends once: by its deadline, its caller or the cache, whichever comes first', async () => {
    const controller = new AbortController();
    const request = new CacheRequest(100, { signal: controller.signal });
    vi.advanceTimersByTime(100);
    await request.ended;
    controller.abort();
    request.end('closed');
    expect(request.ending).toBe('deadline');
    expect(request.signal.reason).toMatchObject({ code: 'TIMEOUT' });
  });

  test('has parts with less time, which end with it and for its reason', () => {
    const request = new CacheRequest(100, {});
    const part = request.part(50);
    const rest = request.part(200);
    vi.advanceTimersByTime(50);
    expect([part.ending, request.ending]).toEqual(['deadline', undefined]);
    request.end('closed');
    expect(rest.errorOf('stat', 'k', 'test://store')).toMatchObject({
      code: 'ABORTED',
      reason: 'the cache was closed',
      key: 'k',
    });
    expect(vi.getTimerCount()).toBe(0);
  });

  test('of a caller who has left already has ended', () => {
    const request = new CacheRequest(100, { signal: AbortSignal.abort('left') });
    expect(request.hasCallerLeft()).toBe(true);
    expect(request.rejection()).toMatchObject({ code: 'ABORTED', cause: 'left' });
    expect(vi.getTimerCount()).toBe(0);
  });

  test('is ABORTED whatever its caller gives as the reason, an error of ours too', () => {
    const reason = new KvferryError('UNAVAILABLE', 'another rank failed');
    const request = new CacheRequest(100, { signal: AbortSignal.abort(reason) });
    expect(request.rejection()).toMatchObject({ code: 'ABORTED', retry: 'never', cause: reason });
    expect(request.part(50).errorOf('stat', 'k', 'test://store')).toMatchObject({ code: 'ABORTED', key: 'k' });
  });
});
