import { describe, expect, test } from 'vitest';
import type { GetResult, RemoteBackend, StatResult } from './backend.ts';
import { defineBackend } from './define-backend.ts';
import type { BackendDriver } from './driver.ts';
import { KvferryError } from './errors.ts';

const miss = { status: 'miss' } as const;
const tick = () => new Promise((resolve) => setImmediate(resolve));

function driverWith(overrides: Partial<BackendDriver> = {}): BackendDriver {
  return {
    info: { scheme: 'test', namespace: 'here', details: {} },
    capabilities: { delete: true, list: true, create: true, limits: { maxValueBytes: 100, maxKeyBytes: 512 } },
    open: async () => {},
    stat: (batch) => batch.each(4, () => miss),
    get: (batch) => batch.each(4, () => miss),
    put: (batch) => batch.each(4, () => ({ status: 'stored' })),
    delete: (batch) => batch.each(4, () => ({ status: 'deleted' })),
    list: async function* () {
      yield { key: 'a', byteLength: 1 };
      yield { key: 'b', byteLength: 2 };
    },
    close: async () => {},
    ...overrides,
  };
}

async function opened(overrides: Partial<BackendDriver> = {}): Promise<RemoteBackend> {
  const backend = defineBackend(driverWith(overrides));
  await backend.open();
  return backend;
}

const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise;
  } catch (error) {
    return KvferryError.is(error) ? error.code : `not ours: ${error}`;
  }
  return 'resolved';
};

const collect = async (entries: AsyncIterable<{ key: string }>): Promise<string[]> => {
  const keys: string[] = [];
  for await (const entry of entries) keys.push(entry.key);
  return keys;
};

describe('what rejects a call', () => {
  const bytes = new Uint8Array(8);
  const wrong: [string, (backend: RemoteBackend) => Promise<unknown>][] = [
    ['stat of an empty key', (backend) => backend.stat([''])],
    ['stat of what is no array', (backend) => backend.stat('a' as never)],
    ['get without memory', (backend) => backend.get([{ key: 'a' } as never])],
    ['get of no object', (backend) => backend.get([undefined as never])],
    ['put of a string', (backend) => backend.put([{ key: 'a', parts: ['text' as never] }])],
    ['put with an unknown mode', (backend) => backend.put([], { mode: 'append' as never })],
    ['delete of ..', (backend) => backend.delete(['a/../b'])],
    ['list of a broken prefix', (backend) => collect(backend.list({ prefix: '\ud800' }))],
  ];
  test.each(wrong)('%s is INVALID_ARGUMENT, whether open or not', async (_, call) => {
    expect(await codeOf(call(defineBackend(driverWith())))).toBe('INVALID_ARGUMENT');
    expect(await codeOf(call(await opened()))).toBe('INVALID_ARGUMENT');
  });

  const calls: [string, (backend: RemoteBackend) => Promise<unknown>][] = [
    ['stat', (backend) => backend.stat([])],
    ['get', (backend) => backend.get([])],
    ['put', (backend) => backend.put([])],
    ['delete', (backend) => backend.delete([])],
    ['list', (backend) => collect(backend.list())],
  ];
  test.each(calls)('%s before open and after close is NOT_OPEN, also for an empty batch', async (_, call) => {
    const backend = defineBackend(driverWith());
    expect(await codeOf(call(backend))).toBe('NOT_OPEN');
    await backend.open();
    expect(await codeOf(call(backend))).toBe('resolved');
    await backend.close();
    expect(await codeOf(call(backend))).toBe('NOT_OPEN');
  });

  test('a capability that is not there is UNSUPPORTED, and the driver is not asked', async () => {
    const none = { delete: false, list: false, create: false, limits: { maxValueBytes: 100, maxKeyBytes: 512 } };
    const backend = await opened({
      capabilities: none,
      put: () => Promise.reject(new Error('asked')),
      delete: () => Promise.reject(new Error('asked')),
    });
    expect(await codeOf(backend.put([{ key: 'a', parts: [] }], { mode: 'create' }))).toBe('UNSUPPORTED');
    expect(await codeOf(backend.delete(['a']))).toBe('UNSUPPORTED');
    expect(await codeOf(collect(backend.list()))).toBe('UNSUPPORTED');
  });

  test('memory lent twice in one get is INVALID_ARGUMENT and names both items', async () => {
    const backend = await opened();
    const items = [
      { key: 'a', into: bytes.subarray(0, 4) },
      { key: 'b', into: new Uint8Array(4) },
      { key: 'c', into: bytes.subarray(3, 8) },
    ];
    await expect(backend.get(items)).rejects.toThrow(/items 0 and 2/);
    items[2] = { key: 'c', into: bytes.subarray(4, 8) };
    items.push({ key: 'd', into: bytes.subarray(2, 2) });
    expect(await backend.get(items)).toEqual([miss, miss, miss, miss]);
  });
});

describe('one result per item', () => {
  test('in input order, whatever the order of answering, each reported once', async () => {
    const backend = await opened({
      stat: async (batch) => {
        for (let index = batch.items.length - 1; index >= 0; index -= 1) {
          batch.settle(index, { status: 'hit', byteLength: index });
        }
      },
    });
    const reported: number[] = [];
    const results = await backend.stat(['a', 'b', 'c'], { onSettled: (index) => reported.push(index) });
    expect(results.map((result) => (result.status === 'hit' ? result.byteLength : -1))).toEqual([0, 1, 2]);
    expect(reported).toEqual([2, 1, 0]);
  });

  test('a throw fails its own item, with the facts of the call', async () => {
    const backend = await opened({
      stat: (batch) =>
        batch.each(2, (key) => {
          if (key === 'b') throw new KvferryError('PERMISSION_DENIED', 'no');
          if (key === 'c') throw new TypeError('odd');
          return miss;
        }),
    });
    const [a, b, c] = await backend.stat(['a', 'b', 'c']);
    expect(a).toEqual(miss);
    expect(b).toMatchObject({
      error: { code: 'PERMISSION_DENIED', operation: 'stat', key: 'b', backend: 'test://here' },
    });
    expect(c).toMatchObject({ error: { code: 'UNKNOWN', key: 'c', cause: expect.any(TypeError) } });
  });

  test('what the driver leaves unanswered is failed with its rejection, else UNKNOWN', async () => {
    const silent = await opened({ stat: async (batch) => batch.settle(1, miss) });
    expect(await silent.stat(['a', 'b'])).toMatchObject([{ error: { code: 'UNKNOWN' } }, miss]);
    const broken = await opened({
      stat: async (batch) => {
        batch.settle(0, miss);
        throw new KvferryError('UNAVAILABLE', 'down');
      },
    });
    expect(await broken.stat(['a', 'b'])).toMatchObject([miss, { error: { code: 'UNAVAILABLE', key: 'b' } }]);
  });

  test('a value over the limit is TOO_LARGE, and the others are stored', async () => {
    const keys: string[] = [];
    const backend = await opened({
      put: (batch) =>
        batch.each(4, (item) => {
          keys.push(item.key);
          return { status: 'stored' };
        }),
    });
    const results = await backend.put([
      { key: 'a', parts: [new Uint8Array(50), new Uint8Array(51)] },
      { key: 'b', parts: [new Uint8Array(50), new Uint8Array(50)] },
    ]);
    expect(results).toMatchObject([{ error: { code: 'TOO_LARGE', key: 'a' } }, { status: 'stored' }]);
    expect(keys).toEqual(['b']);
  });

  test.each(['abort', 'close'] as const)(
    '%s on hearing of a refused item ends the call before the driver is asked',
    async (how) => {
      const backend = await opened({ put: () => Promise.reject(new Error('asked')) });
      const controller = new AbortController();
      const items = [101, 1].map((byteLength, index) => ({ key: `k${index}`, parts: [new Uint8Array(byteLength)] }));
      const call = backend.put(items, {
        signal: controller.signal,
        onSettled: (index) => {
          if (index > 0) return;
          if (how === 'abort') controller.abort();
          else void backend.close();
        },
      });
      if (how === 'abort') expect(await codeOf(call)).toBe('ABORTED');
      else expect(await call).toMatchObject([{ error: { code: 'TOO_LARGE' } }, { error: { code: 'ABORTED' } }]);
    },
  );

  test('a driver that answers twice within `each` is told when all its lanes are quiet', async () => {
    const lanes = Promise.withResolvers<void>();
    let quiet = false;
    const backend = await opened({
      stat: (batch) =>
        batch.each(2, async (_, index) => {
          if (index === 0) batch.settle(0, miss);
          else {
            await lanes.promise;
            quiet = true;
          }
          return miss;
        }),
    });
    const call = backend.stat(['a', 'b']);
    await tick();
    lanes.resolve();
    expect(await call).toEqual([miss, miss]);
    expect(quiet).toBe(true);
  });

  test('no more than the given number of items runs at a time', async () => {
    let running = 0;
    let most = 0;
    const backend = await opened({
      stat: (batch) =>
        batch.each(3, async () => {
          running += 1;
          most = Math.max(most, running);
          await tick();
          running -= 1;
          return miss;
        }),
    });
    await backend.stat(Array.from({ length: 20 }, (_, index) => `k${index}`));
    expect(most).toBe(3);
  });

  test('a driver that answers twice or out of range is told', async () => {
    const seen: unknown[] = [];
    const backend = await opened({
      stat: async (batch) => {
        batch.settle(0, miss);
        for (const index of [0, 1, -1]) {
          try {
            batch.settle(index, miss);
          } catch (error) {
            seen.push(error);
          }
        }
      },
    });
    await backend.stat(['a']);
    expect(seen).toHaveLength(3);
  });
});

describe('abort', () => {
  test('rejects with ABORTED only when the driver is quiet, and drops what comes late', async () => {
    const running = Promise.withResolvers<void>();
    const backend = await opened({
      get: async (batch) => {
        batch.settle(0, miss);
        await running.promise;
        batch.settle(1, { status: 'hit', byteLength: 1, verified: 'length' });
      },
    });
    const controller = new AbortController();
    const reported: [number, GetResult][] = [];
    const items = ['a', 'b'].map((key) => ({ key, into: new Uint8Array(4) }));
    const call = backend.get(items, {
      signal: controller.signal,
      onSettled: (index, result) => reported.push([index, result]),
    });
    let settled = false;
    const code = codeOf(call).finally(() => {
      settled = true;
    });
    controller.abort(new Error('enough'));
    await tick();
    expect(settled).toBe(false);
    running.resolve();
    expect(await code).toBe('ABORTED');
    expect(reported).toEqual([[0, miss]]);
    await expect(call).rejects.toMatchObject({ operation: 'get', cause: new Error('enough') });
  });

  test('begins no further item', async () => {
    const begun: string[] = [];
    const controller = new AbortController();
    const backend = await opened({
      stat: (batch) =>
        batch.each(1, async (key): Promise<StatResult> => {
          begun.push(key);
          if (key === 'b') controller.abort();
          return miss;
        }),
    });
    expect(await codeOf(backend.stat(['a', 'b', 'c', 'd'], { signal: controller.signal }))).toBe('ABORTED');
    expect(begun).toEqual(['a', 'b']);
  });

  test('before the call, it rejects without asking the driver', async () => {
    const backend = await opened({ stat: () => Promise.reject(new Error('asked')) });
    expect(await codeOf(backend.stat(['a'], { signal: AbortSignal.abort() }))).toBe('ABORTED');
  });

  test('after the last item has settled it changes nothing', async () => {
    const controller = new AbortController();
    const backend = await opened({
      stat: async (batch) => {
        batch.settle(0, miss);
        controller.abort();
      },
    });
    expect(await backend.stat(['a'], { signal: controller.signal })).toEqual([miss]);
  });
});

describe('life', () => {
  test('calls to open share one opening; a failed one may be tried again', async () => {
    let opens = 0;
    const backend = defineBackend(
      driverWith({
        open: async () => {
          opens += 1;
          if (opens === 1) throw new KvferryError('CONNECTION', 'not yet');
        },
      }),
    );
    expect(await Promise.all([codeOf(backend.open()), codeOf(backend.open())])).toEqual(['CONNECTION', 'CONNECTION']);
    expect(backend.state).toBe('new');
    await Promise.all([backend.open(), backend.open()]);
    expect([opens, backend.state]).toEqual([2, 'open']);
  });

  test('an opening that throws before it gives a promise is a failed one too', async () => {
    let opens = 0;
    const backend = defineBackend(
      driverWith({
        open: () => {
          opens += 1;
          if (opens === 1) throw new KvferryError('CONNECTION', 'not yet');
          return Promise.resolve();
        },
      }),
    );
    expect(await codeOf(backend.open())).toBe('CONNECTION');
    expect(backend.state).toBe('new');
    await backend.open();
    expect([opens, backend.state]).toEqual([2, 'open']);
  });

  test('who aborts open leaves the others waiting; the last to leave ends it', async () => {
    let signal: AbortSignal | undefined;
    const started = Promise.withResolvers<void>();
    const backend = defineBackend(
      driverWith({
        open: (given) => {
          signal = given;
          return started.promise;
        },
      }),
    );
    const controllers = [new AbortController(), new AbortController()];
    const codes = controllers.map((controller) => codeOf(backend.open({ signal: controller.signal })));
    controllers[0]?.abort();
    expect(await codes[0]).toBe('ABORTED');
    expect(signal?.aborted).toBe(false);
    controllers[1]?.abort();
    expect(signal?.aborted).toBe(true);
    started.reject(new Error('ended'));
    expect(await codes[1]).toBe('ABORTED');
    expect(backend.state).toBe('new');
  });

  test('close ends calls in flight, their items ABORTED, and waits until they are quiet', async () => {
    const running = Promise.withResolvers<void>();
    const order: string[] = [];
    const backend = await opened({
      stat: async (batch) => {
        batch.settle(0, miss);
        await new Promise((resolve) => batch.signal.addEventListener('abort', resolve));
        await running.promise;
        order.push('quiet');
      },
      close: async () => {
        order.push('closed');
      },
    });
    const call = backend.stat(['a', 'b']);
    const closed = backend.close();
    expect(backend.state).toBe('closing');
    await tick();
    running.resolve();
    expect(await call).toMatchObject([miss, { error: { code: 'ABORTED', key: 'b' } }]);
    await closed;
    await backend.close();
    expect(order).toEqual(['quiet', 'closed']);
    expect(await codeOf(backend.open())).toBe('NOT_OPEN');
  });

  test('close while opening ends the opening', async () => {
    const backend = defineBackend(
      driverWith({
        open: (signal) =>
          new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true })),
      }),
    );
    const opening = codeOf(backend.open());
    await backend.close();
    expect(await opening).toBe('NOT_OPEN');
    expect(backend.state).toBe('closed');
  });

  test('close while opening is NOT_OPEN for who opens, also where the driver opens all the same', async () => {
    const started = Promise.withResolvers<void>();
    const backend = defineBackend(driverWith({ open: () => started.promise }));
    const opening = codeOf(backend.open());
    const closed = backend.close();
    started.resolve();
    expect(await opening).toBe('NOT_OPEN');
    await closed;
  });

  test('who opens after all others have left gets an opening of its own', async () => {
    let opens = 0;
    const backend = defineBackend(
      driverWith({
        open: (signal) => {
          opens += 1;
          if (opens > 1) return Promise.resolve();
          return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
        },
      }),
    );
    const controller = new AbortController();
    const first = codeOf(backend.open({ signal: controller.signal }));
    controller.abort();
    await backend.open();
    expect(await first).toBe('ABORTED');
    expect([opens, backend.state]).toEqual([2, 'open']);
  });

  test('an opening that succeeds although all have left it is the answer to who comes then', async () => {
    let opens = 0;
    const started = Promise.withResolvers<void>();
    const backend = defineBackend(
      driverWith({
        open: () => {
          opens += 1;
          return started.promise;
        },
      }),
    );
    const controller = new AbortController();
    const first = codeOf(backend.open({ signal: controller.signal }));
    controller.abort();
    const second = codeOf(backend.open());
    started.resolve();
    expect(await Promise.all([first, second])).toEqual(['resolved', 'resolved']);
    expect([opens, backend.state]).toEqual([1, 'open']);
  });

  test('who aborts while an opening that was left is still ending is ABORTED, and nothing is opened', async () => {
    let opens = 0;
    const ended = Promise.withResolvers<void>();
    const backend = defineBackend(
      driverWith({
        open: () => {
          opens += 1;
          return ended.promise;
        },
      }),
    );
    const controllers = [new AbortController(), new AbortController()];
    const codes = controllers.map((controller) => {
      const code = codeOf(backend.open({ signal: controller.signal }));
      controller.abort();
      return code;
    });
    ended.reject(new Error('ended'));
    expect(await Promise.all(codes)).toEqual(['ABORTED', 'ABORTED']);
    expect([opens, backend.state]).toEqual([1, 'new']);
  });
});

describe('list', () => {
  function endless(): { driver: Partial<BackendDriver>; left: () => boolean } {
    let left = false;
    const list = async function* () {
      try {
        for (let index = 0; ; index += 1) yield { key: `k${index}`, byteLength: index };
      } finally {
        left = true;
      }
    };
    return { driver: { list }, left: () => left };
  }

  test('gives the entries of the driver, and can be iterated again', async () => {
    const entries = (await opened()).list();
    expect(await collect(entries)).toEqual(['a', 'b']);
    expect(await collect(entries)).toEqual(['a', 'b']);
  });

  test('leaving the loop ends the listing of the driver', async () => {
    const { driver, left } = endless();
    const backend = await opened(driver);
    for await (const entry of backend.list()) if (entry.key === 'k3') break;
    expect(left()).toBe(true);
  });

  test('close ends a listing whose consumer rests', async () => {
    const { driver, left } = endless();
    const backend = await opened(driver);
    const entries = backend.list()[Symbol.asyncIterator]();
    await entries.next();
    await backend.close();
    expect(left()).toBe(true);
    expect(await codeOf(entries.next())).toBe('ABORTED');
    expect(await entries.next()).toEqual({ done: true, value: undefined });
  });

  test('one that is left before its first entry takes no other call with it', async () => {
    const order: string[] = [];
    const backend = await opened({
      stat: async (batch) => {
        await new Promise((resolve) => batch.signal.addEventListener('abort', resolve));
        order.push('quiet');
      },
      close: async () => {
        order.push('closed');
      },
    });
    const call = backend.stat(['a']);
    const entries = backend.list()[Symbol.asyncIterator]();
    await entries.return?.();
    expect(await entries.next()).toEqual({ done: true, value: undefined });
    await backend.close();
    expect(order).toEqual(['quiet', 'closed']);
    expect(await call).toMatchObject([{ error: { code: 'ABORTED' } }]);
  });

  test("the caller's abort ends it", async () => {
    const { driver, left } = endless();
    const controller = new AbortController();
    const backend = await opened(driver);
    const entries = backend.list({ signal: controller.signal })[Symbol.asyncIterator]();
    await entries.next();
    controller.abort();
    expect(await codeOf(entries.next())).toBe('ABORTED');
    expect(left()).toBe(true);
  });

  test('an error of the driver comes with the facts of the call', async () => {
    const backend = await opened({
      // biome-ignore lint/correctness/useYield: fails before the first entry
      list: async function* () {
        throw new KvferryError('PERMISSION_DENIED', 'no');
      },
    });
    await expect(collect(backend.list())).rejects.toMatchObject({ code: 'PERMISSION_DENIED', operation: 'list' });
  });
});
