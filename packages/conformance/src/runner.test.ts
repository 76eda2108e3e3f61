import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { defineBackend, forwardTo, KvferryError, memoryBackend, type RemoteBackend } from '@kvferry/core';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { CaseContext, ConformanceCase } from './case.ts';
import type { FaultProxy } from './proxy/types.ts';
import { runConformance } from './runner.ts';
import type { ConformanceSuite } from './types.ts';

/** A case that does this. */
function caseOf(run: (context: CaseContext) => Promise<void>, facts: Partial<ConformanceCase> = {}): ConformanceCase {
  const { id = 'TRY-01', since = '1.0.0', needs = [], level = 'core' } = facts;
  return { id, title: `title of ${id}`, sentence: 'It holds.', level, needs, since, run };
}

const passes = async (): Promise<void> => {};

/** Backends that share one memory and stay open, as the clients of one store do. */
function sharedStore(): { readonly store: RemoteBackend; readonly create: () => RemoteBackend } {
  const store = memoryBackend();
  return { store, create: () => defineBackend(forwardTo(store, { close: async () => {} })) };
}

const { capabilities } = memoryBackend();
const memory: ConformanceSuite = { capabilities, createTarget: () => ({ create: memoryBackend }) };

const run = (cases: readonly ConformanceCase[], suite: ConformanceSuite = memory, options = {}) =>
  runConformance(suite, { cases, runId: 'run', ...options });

describe('the report', () => {
  test('counts what passed, failed and was skipped, and says why', async () => {
    const fails = async (): Promise<void> => assert.fail('seen this');
    const report = await run([
      caseOf(passes, { id: 'TRY-01' }),
      caseOf(fails, { id: 'TRY-02' }),
      caseOf(passes, { id: 'TRY-03', needs: ['rawRead'] }),
      caseOf(fails, { id: 'TRY-04', since: '1.2.0' }),
    ]);
    expect(report).toMatchObject({
      backend: 'memory://memory',
      level: 'core',
      passed: 1,
      failed: 1,
      skipped: 1,
      provisional: 1,
    });
    const statuses = Object.fromEntries(report.cases.map(({ id, status, reason }) => [id, [status, reason]]));
    expect(statuses).toEqual({
      'TRY-01': ['passed', undefined],
      'TRY-02': ['failed', 'seen this'],
      'TRY-03': ['skipped', 'needs rawRead, which the target does not give'],
      'TRY-04': ['provisional', 'seen this'],
    });
    expect(report.cases.find(({ id }) => id === 'TRY-02')).toMatchObject({ sentence: 'It holds.' });
  });

  test('shows no secret of the target', async () => {
    const suite: ConformanceSuite = {
      capabilities,
      createTarget: () => ({ create: memoryBackend, secrets: ['hunter2'] }),
    };
    const report = await run([caseOf(async () => assert.fail('with hunter2'))], suite);
    expect(report.cases[0]?.reason).toBe('with (a secret)');
  });

  test('shows no colours of a terminal', async () => {
    const report = await run([caseOf(async () => assert.fail('\u001b[32m+ 3\u001b[39m\n\u001b[31m- 4\u001b[39m'))]);
    expect(report.cases[0]?.reason).toBe('+ 3\n- 4');
  });

  test('tells each result as it comes', async () => {
    const told: string[] = [];
    await run([caseOf(passes, { id: 'A-01' }), caseOf(passes, { id: 'B-01' })], memory, {
      onCase: ({ id }: { id: string }) => told.push(id),
    });
    expect(told).toEqual(['A-01', 'B-01']);
  });
});

describe('what runs', () => {
  const levels = (['core', 'network', 'stress'] as const).map((level) => caseOf(passes, { id: `${level}-01`, level }));

  test.for([
    ['core', ['core-01']],
    ['network', ['core-01', 'network-01']],
    ['stress', ['core-01', 'network-01', 'stress-01']],
  ] as const)('level %s: %j', async ([level, expected]) => {
    const report = await run(levels, memory, { level });
    expect(report.cases.map(({ id }) => id)).toEqual(expected);
  });

  test('a backend without a network has one line for all that need one', async () => {
    const cases = [
      caseOf(passes, { id: 'TRY-01', level: 'network', needs: ['bytes'] }),
      caseOf(passes, { id: 'TRY-02', level: 'network', needs: ['denied'] }),
      caseOf(passes, { id: 'TRY-03' }),
    ];
    const report = await run(cases, memory, { level: 'network' });
    expect(report.cases.map(({ id, status }) => [id, status])).toEqual([
      ['network', 'skipped'],
      ['TRY-03', 'passed'],
    ]);
  });

  test('only what the filter takes', async () => {
    const cases = [caseOf(passes, { id: 'A-01' }), caseOf(passes, { id: 'B-01' })];
    const report = await run(cases, memory, { filter: ({ id }: { id: string }) => id === 'B-01' });
    expect(report.cases.map(({ id }) => id)).toEqual(['B-01']);
  });

  test('the skip list, with its reasons', async () => {
    const skip = [{ id: 'TRY-01', reason: 'the store cannot', link: 'https://store.example/1' }];
    const report = await run([caseOf(async () => assert.fail())], { ...memory, skip });
    expect(report.cases).toMatchObject([
      { status: 'skipped', reason: 'left out: the store cannot (https://store.example/1)' },
    ]);
  });

  test.for([
    { id: 'TRY-99', reason: 'r', link: 'l' },
    { id: 'TRY-01', reason: '', link: 'l' },
    { id: 'TRY-01', reason: 'r', link: '' },
  ])('no skip list with %o', async (entry) => {
    await expect(run([caseOf(passes)], { ...memory, skip: [entry] })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

describe('a case', () => {
  test('that takes too long is told to end, and fails with what it waited for', async () => {
    let told = false;
    const report = await run(
      [
        caseOf(async ({ open, signal }) => {
          const backend = await open();
          const silent = new Promise<never>((_resolve, reject) => {
            signal.addEventListener('abort', () => {
              told = true;
              reject(signal.reason);
            });
          });
          backend.stat = () => silent;
          await backend.stat(['k']);
        }),
        caseOf(passes, { id: 'TRY-02' }),
      ],
      memory,
      { caseMs: 30 },
    );
    expect(told).toBe(true);
    expect(report.cases).toMatchObject([
      { status: 'failed', reason: 'took longer than 0.03 s, waiting for stat of "k"' },
      { status: 'passed' },
    ]);
  });

  test('has keys of its own under one prefix of the run', async () => {
    const keys: string[] = [];
    const collect = async ({ key, keys: many }: CaseContext): Promise<void> =>
      void keys.push(key(), key('/tail'), ...many(2));
    await run([caseOf(collect, { id: 'A-01' }), caseOf(collect, { id: 'B-01' })]);
    expect(new Set(keys).size).toBe(8);
    expect(keys.filter((key) => !/^kvferry-conformance-run\/[AB]-01\/\d(\/tail)?$/.test(key))).toEqual([]);
  });

  test('has the same bytes for the same seed, and others for another', async () => {
    await run([
      caseOf(async ({ value }) => {
        expect(value(1_001, 3)).toEqual(value(1_001, 3));
        expect(value(1_001, 3)).not.toEqual(value(1_001, 4));
        expect(value(1_001).byteLength).toBe(1_001);
        expect(new Set(value(1_000)).size).toBeGreaterThan(200);
      }),
    ]).then(({ failed }) => expect(failed).toBe(0));
  });

  test('that uses what it does not need fails', async () => {
    const report = await run([
      caseOf(async ({ proxy }) => proxy.clear(), { id: 'A-01' }),
      caseOf(async ({ rawRead, key }) => void (await rawRead(key())), { id: 'B-01' }),
      caseOf(async ({ provoke }) => void (await provoke('denied')), { id: 'C-01' }),
    ]);
    expect(report.cases.map(({ reason }) => reason)).toEqual([
      'A-01 uses bytes and does not name it among its needs',
      'B-01 uses rawRead and does not name it among its needs',
      'C-01 uses denied and does not name it among its needs',
    ]);
  });

  test('leaves nothing behind: backends closed, keys deleted', async () => {
    const { store, create } = sharedStore();
    await store.open();
    await store.put([{ key: 'not-ours', parts: [] }]);
    const made: RemoteBackend[] = [];
    const report = await run(
      [
        caseOf(async ({ open, key, value }) => {
          const backend = await open();
          made.push(backend);
          await backend.put([{ key: key(), parts: [value(10)] }]);
          assert.fail('half-way');
        }),
      ],
      { capabilities, createTarget: () => ({ create }) },
    );
    expect(made.map(({ state }) => state)).toEqual(['closed']);
    const left: string[] = [];
    for await (const { key } of store.list()) left.push(key);
    expect(left).toEqual(['not-ours']);
    expect(report.leftovers).toEqual([]);
  });

  test('whose cleaning up fails has passed all the same, and the report says so', async () => {
    const create = () =>
      defineBackend(
        forwardTo(memoryBackend(), {
          delete: async () => {
            throw new KvferryError('UNAVAILABLE', 'no delete today');
          },
        }),
      );
    const report = await run(
      [caseOf(async ({ open, key }) => void (await (await open()).put([{ key: key(), parts: [] }])))],
      { capabilities, createTarget: () => ({ create }) },
    );
    expect(report.passed).toBe(1);
    expect(report.leftovers).toEqual([expect.stringContaining('TRY-01: delete of its keys: UNAVAILABLE')]);
  });
});

describe('a run', () => {
  test('that is ended skips the rest, and cleans up', async () => {
    const quit = new AbortController();
    let closed = false;
    const suite: ConformanceSuite = {
      capabilities,
      createTarget: () => ({
        create: memoryBackend,
        close: async () => {
          closed = true;
        },
      }),
    };
    const cases = [
      caseOf(async ({ signal }) => {
        quit.abort(new Error('Ctrl-C'));
        signal.throwIfAborted();
      }),
      caseOf(passes, { id: 'TRY-02' }),
    ];
    const report = await run(cases, suite, { signal: quit.signal });
    expect(report.cases).toMatchObject([
      { status: 'failed', reason: 'Ctrl-C' },
      { status: 'skipped', reason: 'the run was ended before it' },
    ]);
    expect(closed).toBe(true);
  });

  test('has a proxy in front of the store, as good as new for each case', async () => {
    const server = createServer((_incoming, response) => void response.end('store')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      server.close();
      server.closeAllConnections();
    });
    const { port } = server.address() as AddressInfo;
    let proxyAt = 0;
    const suite: ConformanceSuite = {
      capabilities,
      upstream: `http://127.0.0.1:${port}`,
      createTarget: ({ connectTo }) => {
        proxyAt = connectTo?.port ?? 0;
        return { create: memoryBackend };
      },
    };
    const get = async (): Promise<string> => {
      const response = await fetch(`http://127.0.0.1:${proxyAt}/`);
      return `${response.status} ${await response.text()}`;
    };
    const seen: string[] = [];
    const look = async (proxy: FaultProxy): Promise<void> => {
      expect(proxy.counts.requests).toBe(0);
      seen.push(await get());
      expect(proxy.counts.requests).toBe(1);
    };
    const needs: ConformanceCase['needs'] = ['bytes', 'missingNamespace'];
    const report = await run(
      [
        caseOf(
          async ({ proxy, provoke, heal }) => {
            await look(proxy);
            await provoke('missingNamespace');
            expect(await get()).toMatch(/^404 .*<Code>NoSuchBucket<\/Code>/s);
            heal();
            seen.push(await get());
            proxy.inject({ kind: 'refuse' });
          },
          { level: 'network', needs, id: 'A-01' },
        ),
        caseOf(async ({ proxy }) => look(proxy), { level: 'network', needs, id: 'B-01' }),
      ],
      suite,
    );
    expect(report.cases.map(({ reason }) => reason)).toEqual([undefined, undefined]);
    expect(seen).toEqual(['200 store', '200 store', '200 store']);
  });

  test('goes on where the close of a backend hangs or fails, and says so', async () => {
    const closes: readonly (() => Promise<void>)[] = [
      () => new Promise(() => {}),
      () => Promise.reject(new Error('no close today')),
    ];
    for (const close of closes) {
      const create = () => defineBackend(forwardTo(memoryBackend(), { close }));
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      onTestFinished(() => void vi.useRealTimers());
      const running = run([caseOf(passes)], { capabilities, createTarget: () => ({ create }) });
      await vi.advanceTimersByTimeAsync(60_000);
      const { passed, leftovers } = await running;
      expect(passed).toBe(1);
      const problem = expect.stringMatching(/did not settle in 10 s|no close today/);
      expect(leftovers).toEqual([
        expect.stringMatching(/^close of a backend that was not opened: (did not settle in 10 s|.*no close today)$/),
        problem,
      ]);
    }
  });

  test('keeps its report where the target cannot be closed', async () => {
    const close = () => Promise.reject(new Error('the folder is in use'));
    const suite: ConformanceSuite = { capabilities, createTarget: () => ({ create: memoryBackend, close }) };
    expect(await run([caseOf(passes)], suite)).toMatchObject({
      passed: 1,
      leftovers: ['close of the target: the folder is in use'],
    });
  });

  test('goes on where no backend is to be had for cleaning up', async () => {
    const backends = [memoryBackend(), memoryBackend()];
    const create = () => backends.pop() ?? assert.fail('no backend any more');
    const stores = caseOf(async ({ open, key }) => void (await (await open()).put([{ key: key(), parts: [] }])));
    expect(await run([stores], { capabilities, createTarget: () => ({ create }) })).toMatchObject({
      passed: 1,
      leftovers: ['TRY-01: delete of its keys: no backend any more', expect.stringContaining('no backend any more')],
    });
  });

  test('that has no backend to begin with rejects, and closes the target', async () => {
    const close = vi.fn(async () => {});
    const create = () => assert.fail('no backend here');
    const suite: ConformanceSuite = { capabilities, createTarget: () => ({ create, close }) };
    await expect(run([caseOf(passes)], suite)).rejects.toThrow('no backend here');
    expect(close).toHaveBeenCalledOnce();
  });

  test('that cannot begin rejects, and leaves no proxy', async () => {
    const suite: ConformanceSuite = {
      capabilities,
      createTarget: () => {
        throw new Error('no store here');
      },
    };
    await expect(run([caseOf(passes)], suite)).rejects.toThrow('no store here');
    await expect(run([caseOf(passes)], { ...memory, upstream: 'tcp://127.0.0.1:1' })).rejects.toMatchObject({
      code: 'CONNECTION',
    });
  });
});
