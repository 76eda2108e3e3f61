import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cases } from '@kvferry/conformance';
import { type Simulator, startSimulator } from '@kvferry/s3-simulator';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Ended, startCommand } from '../testing/start-command.ts';

const cli = fileURLToPath(new URL('./cli.ts', import.meta.url));
const bucket = 'my-bucket';
const foreignKey = 'meta-llama_Llama-3.1-8B@1@0@49bc192c478bfc2e@bfloat16';

interface Document {
  readonly backend: string;
  readonly target: string;
  readonly level: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly cases: readonly { readonly id: string; readonly status: string; readonly reason?: string }[];
}

let simulator: Simulator;
let folder: string;
beforeAll(async () => {
  simulator = await startSimulator({ buckets: [bucket] });
  await simulator.putObject(bucket, foreignKey, Buffer.from('not ours'));
  folder = await mkdtemp(join(tmpdir(), 'kvferry-conformance-test-'));
});
afterAll(async () => {
  await simulator.close();
  await rm(folder, { recursive: true });
});

function start(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return startCommand(cli, args, simulator.credentials, { cwd: folder, env });
}

const run = (args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ended> => start(args, env).ended;

/** Writes a plug-in for `test://` over one store in memory, with `methods` in place of the backend's own. */
async function pluginFile(name: string, methods: string): Promise<void> {
  const text = `
    import { defineBackend, forwardTo, memoryBackend } from '${import.meta.resolve('@kvferry/core')}';
    const store = memoryBackend();
    export const backendPlugin = {
      scheme: 'test',
      open: () => {
        const methods = { open: () => store.open(), close: async () => {}, ${methods} };
        return defineBackend(forwardTo(store, methods));
      },
    };`;
  await writeFile(join(folder, name), text);
}

describe('with --json, standard output is one document', () => {
  test('of the memory backend, at level core by default', async () => {
    const { code, out } = await run(['--backend', 'memory', '--json']);
    const document = JSON.parse(out) as Document;
    const fields = ['backend', 'target', 'level', 'passed', 'failed', 'skipped', 'cases'];
    expect(Object.keys(document)).toEqual(fields);
    expect(document).toMatchObject({ backend: 'memory', target: 'memory', level: 'core', failed: 0 });
    expect(document.passed + document.skipped).toBe(document.cases.length);
    expect(document.cases.map(({ id }) => id).toSorted()).toEqual(
      cases
        .filter(({ level }) => level === 'core')
        .map(({ id }) => id)
        .toSorted(),
    );
    for (const one of document.cases) {
      const base = { id: expect.any(String), title: expect.any(String), seconds: expect.any(Number) };
      const reason = one.status === 'skipped' ? { reason: expect.any(String) } : {};
      expect(one).toEqual({ ...base, ...reason, status: expect.stringMatching(/^(passed|skipped)$/) });
    }
    expect(code).toBe(0);
  });

  test('of an error, when it could not run', async () => {
    const { code, out } = await run(['--config', 'nowhere.yaml', '--json']);
    expect(JSON.parse(out)).toMatchObject({ error: { code: 'CONFIG_INVALID' } });
    expect(code).toBe(2);
  });
});

describe.each(['SIGINT', 'SIGHUP'] as const)('%s', (signal) => {
  /** Interrupts a run as soon as it has stored a value. */
  async function interrupted(args: readonly string[]): Promise<Ended> {
    simulator.clearRequests();
    const hasStored = (): boolean =>
      simulator.requests.some(({ method, url }) => method === 'PUT' && url.includes('/CAP-'));
    const { child, ended } = start(args);
    while (!hasStored()) await new Promise((resolve) => setImmediate(resolve));
    child.kill(signal);
    return await ended;
  }

  test('leaves no object in a named bucket, beside the one of another', async () => {
    const { code, out, err } = await interrupted(['--target', simulator.url, '--bucket', bucket, '--json']);
    expect(err).toMatch(/Nothing is left under kvferry-conformance-/);
    expect(simulator.listKeys(bucket)).toEqual([foreignKey]);
    expect(simulator.requests.map(({ url }) => decodeURIComponent(url)).filter(isOutside)).toEqual([]);
    expect(out).toBe('');
    expect(code).toBe(130);
  });

  test('deletes the bucket that the run had made', async () => {
    const { code, err } = await interrupted(['--target', simulator.url]);
    const [, own = 'none'] = /Deleted the bucket (kvferry-conformance-[0-9a-f]{12})\./.exec(err) ?? [];
    expect(() => simulator.listKeys(own)).toThrow('bucket does not exist');
    expect(code).toBe(130);
  });
});

test('a reader that leaves early, as `head` does, costs nothing but the output', async () => {
  const { child, ended } = start(['--backend', 'memory']);
  child.stdout?.destroy();
  const { code, err } = await ended;
  expect(err).not.toContain('EPIPE');
  expect(code).toBe(0);
});

describe('a plug-in', () => {
  test('that keeps the contract passes, by file and URL', async () => {
    await pluginFile('sound.mjs', '');
    const { code, out } = await run(['--backend', './sound.mjs', '--target', 'test://store', '--json']);
    expect(JSON.parse(out)).toMatchObject({ backend: 'test', target: 'test://store', level: 'core', failed: 0 });
    expect(code).toBe(0);
  });

  test('that a configuration names passes, under the prefix that it wants', async () => {
    await pluginFile('configured.mjs', '');
    const lines = [
      'remote_url: "test://store"',
      'extra_config:',
      '  kvferry: { backends: [./configured.mjs], key_prefix: kv/prod }',
    ];
    await writeFile(join(folder, 'lmcache.yaml'), lines.join('\n'));
    const { code, err } = await run(['--config', 'lmcache.yaml', '--live', '--json']);
    expect(err).toContain('begin with kv/prod/kvferry-conformance-');
    expect(code).toBe(0);
  });

  test('that breaks it ends with 1, and is told which sentence does not hold', async () => {
    await pluginFile('broken.mjs', "delete: (batch) => batch.each(1, () => ({ status: 'deleted' }))");
    const { code, out, err } = await run(['--backend', './broken.mjs', '--target', 'test://store']);
    expect(out).toMatch(/FAILED +DEL-02 .*\n +The contract: Makes each key absent\.\n +Seen: \S/);
    expect(out).toMatch(/of \d+ cases passed, \d+ failed; \d+ skipped/);
    expect(err).toMatch(/may still be in memory, under kvferry-conformance-.*: \d+ keys are still listed/);
    expect(code).toBe(1);
  });
});

describe('what cannot run says why, with exit code 2', () => {
  test('a MinIO that is not to be had names the ways to have one', async () => {
    const nowhere = join(folder, 'nowhere');
    const { code, err } = await run(['--target', 'minio'], {
      HOME: nowhere,
      PATH: nowhere,
      XDG_CACHE_HOME: nowhere,
      KVFERRY_MINIO_BINARY: '',
      DOCKER_HOST: `unix://${nowhere}/docker.sock`,
    });
    expect(err).toMatch(/--target minio: No minio on this machine\. .*Docker engine.*KVFERRY_MINIO_BINARY is not set/);
    expect(code).toBe(2);
  });

  test('a bucket that is not there', async () => {
    const { code, err } = await run(['--target', simulator.url, '--bucket', 'another-bucket']);
    expect(err).toMatch(/NAMESPACE_NOT_FOUND/);
    expect(err).not.toContain('may still be');
    expect(err).not.toMatch(/\n {4}at /);
    expect(code).toBe(2);
  });
});

test('the help shows examples', async () => {
  const { code, out } = await run(['--help']);
  expect(out).toContain('npm run conformance -- --config lmcache.yaml --live');
  expect(code).toBe(0);
});

/** Whether a request is about more than the keys of one run. A bulk delete names them in its body. */
function isOutside(url: string): boolean {
  return !url.includes('kvferry-conformance-') && !url.includes('?delete');
}
