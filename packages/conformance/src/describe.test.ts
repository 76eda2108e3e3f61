import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { memoryBackend } from '@kvferry/core';
import { describe, expect, test, vi } from 'vitest';
import { cases } from './cases/index.ts';
import { describeBackend, type TestFramework } from './describe.ts';
import type { ConformanceSuite } from './types.ts';

/** A framework that keeps what is registered, to be run by hand. */
function recorder() {
  const tests = new Map<string, () => Promise<string | undefined>>();
  const hooks: { before: () => Promise<void>; after: () => Promise<void> } = {
    before: async () => {},
    after: async () => {},
  };
  const names: string[] = [];
  const framework: TestFramework = {
    describe: (name, body) => {
      names.push(name);
      body();
    },
    beforeAll: (run) => {
      hooks.before = run;
    },
    afterAll: (run) => {
      hooks.after = run;
    },
    test: (name, run) => void tests.set(name, run),
  };
  return { framework, tests, hooks, names };
}

const { capabilities } = memoryBackend();
const memory: ConformanceSuite = { capabilities, createTarget: () => ({ create: memoryBackend }) };
const coreCases = cases.filter(({ level }) => level === 'core');

describe('a suite as tests', () => {
  test('is one test per case of the level', () => {
    const { framework, tests, names } = recorder();
    describeBackend(framework, 'foo', memory);
    expect(names).toEqual(['foo (conformance, level core)']);
    expect([...tests.keys()]).toEqual(coreCases.map(({ id, title }) => `${id} ${title}`));
  });

  test('has one line for the network of a backend without one', () => {
    const { framework, tests } = recorder();
    describeBackend(framework, 'foo', { ...memory, level: 'network' });
    expect([...tests.keys()].filter((name) => name.startsWith('network: '))).toHaveLength(1);
  });

  test('takes its level from the environment first, and says which there are', () => {
    vi.stubEnv('KVFERRY_CONFORMANCE_LEVEL', 'core');
    const { framework, names } = recorder();
    describeBackend(framework, 'foo', { ...memory, level: 'network' });
    expect(names).toEqual(['foo (conformance, level core)']);
    vi.stubEnv('KVFERRY_CONFORMANCE_LEVEL', 'everything');
    expect(() => describeBackend(framework, 'foo', memory)).toThrow('core, network, stress');
    vi.unstubAllEnvs();
  });

  test('fails with the sentence and what was seen, and skips with the reason', async () => {
    const { framework, tests, hooks } = recorder();
    const skip = [{ id: 'STAT-02', reason: 'because', link: 'https://foo.example' }];
    // A store that forgets: what was put by one backend is looked for in another.
    const create = () => {
      const backend = memoryBackend();
      backend.stat = async (keys) => keys.map(() => ({ status: 'miss' }));
      return backend;
    };
    describeBackend(framework, 'foo', { ...memory, skip, createTarget: () => ({ create }) });
    const run = (id: string) => [...tests].find(([name]) => name.startsWith(id))?.[1]();
    await hooks.before();
    try {
      await expect(run('STAT-01')).rejects.toThrow(/^STAT-01 .*\nThe contract: Says for each key.*\nSeen: /);
      expect(await run('STAT-02')).toBe('left out: because (https://foo.example)');
      expect(await run('STAT-05')?.catch(() => 'failed')).toBe('failed');
    } finally {
      await hooks.after();
    }
  });

  test('says at its end what it could not clean up', async () => {
    const { framework, hooks } = recorder();
    const close = () => Promise.reject(new Error('the folder is in use'));
    describeBackend(framework, 'foo', { ...memory, createTarget: () => ({ create: memoryBackend, close }) });
    const said = vi.spyOn(console, 'error').mockImplementation(() => {});
    await hooks.before();
    await hooks.after();
    expect(said.mock.calls).toEqual([['Not cleaned up behind close of the target: the folder is in use']]);
    said.mockRestore();
  });

  test('does not register a skip list that names no case', () => {
    const skip = [{ id: 'NO-99', reason: 'r', link: 'l' }];
    expect(() => describeBackend(recorder().framework, 'foo', { ...memory, skip })).toThrow('NO-99');
  });
});

test('node:test runs it: one test per case, skips with their reason', async () => {
  const module = `
    import { memoryBackend, naiveSerde } from '@kvferry/core';
    import { describeRemoteBackend, describeSerde } from '@kvferry/conformance/node-test';
    describeRemoteBackend('memory', {
      capabilities: memoryBackend().capabilities,
      level: 'network',
      createTarget: () => ({ create: memoryBackend }),
    });
    describeSerde('naive', naiveSerde);`;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--test-reporter=tap', '--input-type=module-typescript', '--eval', module],
    // As a child of a node:test run it would speak another protocol.
    { cwd: import.meta.dirname, env: { ...process.env, NODE_TEST_CONTEXT: undefined } },
  );
  expect(stdout).toContain('# fail 0');
  expect(stdout).toContain('ok 1 - CAP-01');
  expect(stdout).toMatch(/# SKIP not applicable: the suite names no upstream/);
  expect(stdout).toContain('SERDE-01');
});
