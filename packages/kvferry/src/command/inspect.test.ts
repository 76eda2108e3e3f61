import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileBackend } from '@kvferry/core';
import { type Simulator, startSimulator } from '@kvferry/s3-simulator';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { InspectReport } from '../inspect/inspect-store.ts';
import { commandFiles, type FilesOf } from '../testing/command-files.ts';
import { runCommand, startCommand } from '../testing/run-command.ts';
import { lay, layOwn, NAMES, RANK_FILES } from '../testing/stored-objects.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';

const bucket = 'my-bucket';
let simulator: Simulator;
beforeEach(async () => {
  simulator = await startSimulator({ buckets: [bucket] });
});
afterEach(() => simulator.close());

async function config(
  changes: Partial<FilesOf> = {},
): Promise<{ readonly config: string[]; readonly flags: string[] }> {
  const { flags } = await commandFiles(simulator, { ...RANK_FILES, ...changes });
  return { config: flags.slice(0, 2), flags: [...flags] };
}

async function json(args: readonly string[]) {
  const { code, out, err } = await runCommand(['inspect', ...args, '--json'], {});
  return {
    code,
    err,
    report: JSON.parse(out.toString()) as InspectReport & { error?: { code: string; message: string } },
  };
}

const SHOWN = ['system', 'releases', 'model', 'worldSize', 'rank', 'dtype', 'cacheSalt', 'namespace', 'objects'];

/** What a group is and how many it has, without what is not known. */
function groupsOf({ groups }: InspectReport): Record<string, unknown>[] {
  return groups.map((group) =>
    Object.fromEntries(Object.entries(group).filter(([name, value]) => SHOWN.includes(name) && value !== null)),
  );
}

test('names every system, each rank and dtype of a model apart', async () => {
  await lay(simulator, Object.values(NAMES).flat());
  const { report, code } = await json((await config()).config);
  expect(code).toBe(0);
  const names = Object.values(NAMES).flat();
  expect(report).toMatchObject({
    backend: 's3://my-bucket',
    prefix: '',
    source: 'list',
    complete: true,
    objects: names.length,
    bytes: names.length * 512,
    invalidNames: 1,
  });
  const model = 'org_m';
  expect(groupsOf(report)).toEqual(
    expect.arrayContaining([
      { system: 'lmcache', releases: '0.3.13 and later', model, worldSize: 2, rank: 1, dtype: 'half', objects: 2 },
      { system: 'lmcache', releases: '0.3.13 and later', model, worldSize: 1, rank: 0, dtype: 'bfloat16', objects: 1 },
      { system: 'lmcache', releases: '0.3.13 to 0.4.5', model, worldSize: 1, rank: 0, dtype: 'bfloat16', objects: 1 },
      {
        system: 'lmcache',
        releases: '0.3.9.post1 to 0.3.12',
        model,
        worldSize: 2,
        rank: 1,
        dtype: 'bfloat16',
        objects: 1,
      },
      { system: 'lmcache', releases: '0.3.4 to 0.3.9', model, worldSize: 2, rank: 1, objects: 1 },
      { system: 'lmcache-health-check', objects: 1 },
      {
        system: 'lmcache-multi-process',
        releases: '0.4.7 and later',
        model: 'org/m',
        worldSize: 2,
        rank: 1,
        objects: 2,
      },
      {
        system: 'lmcache-multi-process',
        releases: '0.4.7 and later',
        model: 'org/m',
        worldSize: 1,
        rank: 0,
        cacheSalt: 'tenant',
        objects: 1,
      },
      { system: 'lmcache-multi-process', releases: '0.4.5 to 0.4.6', model, worldSize: 1, rank: 0, objects: 1 },
      { system: 'lmcache-v2', objects: 1 },
      { system: 'vllm-object-tier', model, rank: 1, objects: 1 },
      { system: 'vllm-probe', objects: 1 },
      { system: 'sglang-nixl', model: 'org-m', worldSize: 2, rank: 1, objects: 2 },
      { system: 'sglang-unified', objects: 1 },
      { system: 'sglang-seaweedfs', model: 'org-m', worldSize: 8, rank: 1, objects: 1 },
      { system: 'other', objects: 1 },
    ]),
  );
  expect(report.groups).toHaveLength(16);
});

test('says of a group its length, its age, how its hashes look, and one of its names', async () => {
  await lay(simulator, ['m@1@0@-5@half'], 100, new Date('2026-03-01T00:00:00Z'));
  await lay(simulator, ['m@1@0@6@half', 'm@1@0@7@half'], 300, new Date('2026-02-01T00:00:00Z'));
  await lay(simulator, ['n@1@0@8bcdef0123456789@half']);
  await lay(simulator, ['o@1@0@7bcdef0123456789@half']);
  await lay(simulator, ['p@1@0@-1@half', 'p@1@0@ffffffffffffffff@half']);
  const { report } = await json((await config()).config);
  const of = (name: string) => report.groups.find(({ model }) => model === name);
  expect(of('m')).toMatchObject({
    objects: 3,
    bytes: 700,
    hashes: 'python',
    oldest: '2026-02-01T00:00:00.000Z',
    newest: '2026-03-01T00:00:00.000Z',
    sizes: [
      { bytes: 300, objects: 2 },
      { bytes: 100, objects: 1 },
    ],
    example: 'm@1@0@-5@half',
  });
  expect(['n', 'o', 'p'].map((name) => of(name)?.hashes)).toEqual(['digest', null, 'mixed']);
});

test("says of kvferry's own chunks what their namespace stands for, where it says so itself", async () => {
  const id = await layOwn(simulator, 'org/m');
  const liar = '0123456789abcdef';
  await lay(simulator, [`kv1/ab/${liar}/ab12`]);
  await simulator.putObject(bucket, `kv1/_ns/${liar}.json`, Buffer.from('{"model":"somebody else"}'));
  const { report } = await json((await config()).config);
  expect(groupsOf(report)).toEqual(
    expect.arrayContaining([
      { system: 'kvferry', namespace: id, model: 'org/m', worldSize: 2, rank: 1, dtype: 'float16', objects: 1 },
      { system: 'kvferry', namespace: liar, objects: 1 },
      { system: 'kvferry-namespaces', objects: 2 },
    ]),
  );
  const described = report.groups.find(({ namespace }) => namespace === id)?.description;
  expect(described).toMatchObject({ chunk_size: 16, hash: 'sha256_cbor', layers: 1 });
});

describe('it ends at --max-keys', () => {
  test.each([
    ['among names that are keys', (index: number) => `m@1@0@${index}@half`],
    ['among names that are none', (index: number) => `/x${index}`],
  ])('%s', async (_, name) => {
    await lay(
      simulator,
      Array.from({ length: 12 }, (_, index) => name(index)),
    );
    const { flags: args } = await config();
    const { report, code } = await json([...args, '--max-keys', '5']);
    expect({ code, objects: report.objects, complete: report.complete }).toEqual({
      code: 0,
      objects: 5,
      complete: false,
    });
    expect((await json([...args, '--max-keys', '12'])).report).toMatchObject({ objects: 12, complete: true });
    const { out } = await runCommand(['inspect', ...args, '--max-keys', '5']);
    expect(out.toString()).toContain('It ended at --max-keys 5: there is more.');
  });

  test('and asks the store for no page more', async () => {
    await Promise.all(
      Array.from({ length: 2100 }, (_, index) => simulator.putObject(bucket, `/x${index}`, new Uint8Array(0))),
    );
    const { config: args } = await config();
    simulator.clearRequests();
    await json([...args, '--max-keys', '1000']);
    // The second page shows that there is more.
    expect(simulator.requests.filter(({ url }) => url.includes('list-type'))).toHaveLength(2);
  });
});

test('looks under --prefix alone, and tells prefixes from what lies under them', async () => {
  await lay(simulator, ['tenant/a/m@1@0@5@half', 'tenant/b/m@1@0@5@half', 'm@1@0@5@half', 'tenant/a/photo.jpg']);
  await lay(simulator, [`tenant/c/kv1/ab/0123456789abcdef/ab12`]);
  const { config: args } = await config({ kvferry: ['key_prefix: tenant/a'] });
  expect((await json([...args, '--prefix', 'tenant/b'])).report).toMatchObject({ prefix: 'tenant/b', objects: 1 });
  const { report } = await json(args);
  const seen = report.groups.map(({ keyPrefix, model, system }) => [keyPrefix, system, model]);
  expect(seen).toHaveLength(5);
  expect(seen).toEqual(
    expect.arrayContaining([
      ['tenant/a', 'lmcache', 'm'],
      ['tenant/a', 'other', null],
      ['tenant/b', 'lmcache', 'm'],
      [null, 'lmcache', 'm'],
      ['tenant/c', 'kvferry', null],
    ]),
  );
});

test('a person gets a table, and nothing in it moves the cursor', async () => {
  await lay(simulator, [...NAMES.lmcache, 'evil\u001b[2J@1@0@5@half'], 512, new Date('2026-03-01T12:34:56Z'));
  const { out, code } = await runCommand(['inspect', ...(await config()).config]);
  expect(code).toBe(0);
  const text = out.toString();
  expect(text).toMatch(
    /LMCache 0\.3\.13 and later +org_m +2 +1 +half +2 +1\.00 KiB +2026-03-01 12:34 +2026-03-01 12:34\n/,
  );
  expect(text).toContain('3 objects, 1.50 KiB in s3://my-bucket.');
  expect(text).toContain('evil?[2J');
  expect(text).not.toContain('\u001b[2J');
});

describe('a store that does not list', () => {
  const denied = () =>
    simulator.addFault({
      match: { method: 'GET', query: /list-type/ },
      times: Number.POSITIVE_INFINITY,
      effect: { kind: 'status', status: 403, code: 'AccessDenied' },
    });

  test('is a failure that says what would be needed', async () => {
    denied();
    const { code, report } = await json((await config()).config);
    expect(code).toBe(1);
    expect(report.error?.code).toBe('PERMISSION_DENIED');
    expect(report.error?.message).toMatch(/s3:ListBucket on my-bucket.*--model and --tokens/s);
  });

  test('is asked for the names of the tokens given, of every rank, also under other settings', async () => {
    const { flags } = await config();
    const kv = join(await temporaryFolder(), 'kv');
    await writeFile(kv, new Uint8Array(3 * 512));
    const stored = await runCommand(['store', ...flags, '--kv', kv]);
    expect(stored.code).toBe(0);
    denied();
    const other = await config({
      config: `chunk_size: 256\npre_caching_hash_algorithm: builtin`,
      model: { ...RANK_FILES.model, worker_id: 0, python_hash_seed: null },
    });
    const { code, report, err } = await json(other.flags);
    expect(code).toBe(0);
    expect(err).toContain('does not list');
    // Rank 0 has stored nothing.
    expect(report).toMatchObject({ source: 'probe', objects: 0 });
    const { report: own } = await json(
      (await config({ config: 'chunk_size: 32\npre_caching_hash_algorithm: sha256_cbor' })).flags,
    );
    expect(own).toMatchObject({ source: 'probe', objects: 3, bytes: 3 * 512 });
    expect(groupsOf(own)).toEqual([
      {
        system: 'lmcache',
        releases: '0.3.13 and later',
        model: 'org_m',
        worldSize: 2,
        rank: 1,
        dtype: 'half',
        objects: 3,
      },
    ]);
  });
});

test('works for any backend that lists', async () => {
  const folder = await temporaryFolder();
  const store = fileBackend({ path: join(folder, 'kv') });
  await store.open();
  await store.put([{ key: 'm@1@0@5@half', parts: [new Uint8Array(7)] }]);
  await store.close();
  await writeFile(join(folder, 'lmcache.yaml'), `remote_url: "file://${join(folder, 'kv')}"\n`);
  const { report } = await json(['--config', join(folder, 'lmcache.yaml')]);
  expect(report).toMatchObject({ objects: 1, bytes: 7, groups: [{ system: 'lmcache', oldest: expect.any(String) }] });
  await rm(join(folder, 'kv'), { recursive: true });
});

test('a flag without its companion is refused', async () => {
  const { config: args } = await config();
  expect(await runCommand(['inspect', ...args, '--tokens', '-'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('--tokens needs --model'),
  });
  expect(await runCommand(['inspect', ...args, '--max-keys', '0'])).toMatchObject({ code: 2 });
});

test('as a process of its own', async () => {
  await lay(simulator, NAMES.lmcache);
  const { ended } = startCommand(['inspect', ...(await config()).config, '--json']);
  const { code, out, err } = await ended;
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(JSON.parse(out.toString())).toMatchObject({ objects: 2, groups: [{ system: 'lmcache' }] });
});
