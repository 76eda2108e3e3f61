import { execFile } from 'node:child_process';
import {
  appendFile,
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RemoteBackend } from '../backend.ts';
import type { KvferryError } from '../errors.ts';
import { behaviours } from '../testing/behaviours.ts';
import { collect, errorOf, patterned } from '../testing/values.ts';
import { fileBackend } from './file.ts';
import { SLICE_BYTES } from './file-io.ts';

/** A folder of its own for each test, with an open store in it. */
interface Store {
  readonly folder: string;
  readonly backend: RemoteBackend;
}
const stores: Store[] = [];
const store = (): Store => stores.at(-1) as Store;

beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kvferry-file-'));
  const backend = fileBackend({ path: join(folder, 'store') });
  await backend.open();
  stores.push({ folder, backend });
});
afterEach(async () => {
  const { folder, backend } = stores.pop() as Store;
  await backend.close();
  await rm(folder, { recursive: true, force: true });
});

const rejection = async (promise: Promise<unknown>): Promise<KvferryError | undefined> =>
  promise.then(
    () => undefined,
    (error) => error,
  );

describe('a file backend', () => {
  for (const { title, run } of behaviours) test(title, () => run(store().backend));

  test('names its folder', () => {
    const { folder, backend } = store();
    expect(backend.info).toEqual({ scheme: 'file', namespace: join(folder, 'store'), details: {} });
  });

  test('keeps its values for whoever opens the folder next', async () => {
    const { folder, backend } = store();
    await backend.put([{ key: 'kv1/ab/x', parts: [patterned(9, 1)] }]);
    await backend.close();
    const next = fileBackend({ path: join(folder, 'store') });
    await next.open();
    const into = new Uint8Array(9);
    expect(await next.get([{ key: 'kv1/ab/x', into }])).toMatchObject([{ status: 'hit' }]);
    expect(into).toEqual(patterned(9, 1));
    expect(new Uint8Array(await readFile(join(folder, 'store/kv1/ab/x.kv')))).toEqual(patterned(9, 1));
    await next.close();
  });

  test('moves values of many slices in parts that fit none', async () => {
    const { backend } = store();
    const value = patterned(2 * SLICE_BYTES + 12_345, 7);
    const parts: Uint8Array[] = [];
    for (let offset = 0, size = 1; offset < value.byteLength; offset += size, size = size * 3 + 1) {
      parts.push(value.subarray(offset, offset + size));
    }
    await backend.put([{ key: 'large', parts: [...parts.slice(0, -1), parts.at(-1) as Uint8Array] }]);
    const into = new Uint8Array(new SharedArrayBuffer(value.byteLength));
    expect(await backend.get([{ key: 'large', into }])).toMatchObject([
      { status: 'hit', byteLength: value.byteLength },
    ]);
    expect(Buffer.compare(into, value)).toBe(0);
  });

  test('takes more parts than one system call does', async () => {
    const { backend } = store();
    const value = patterned(5000, 3);
    const parts = Array.from(value, (_, index) => value.subarray(index, index + 1));
    expect(await backend.put([{ key: 'many', parts }])).toEqual([{ status: 'stored' }]);
    const into = new Uint8Array(5000);
    await backend.get([{ key: 'many', into }]);
    expect(into).toEqual(value);
  });
});

describe('opening', () => {
  test('creates the folder and all above it', async () => {
    const { folder } = store();
    const backend = fileBackend({ path: join(folder, 'new/deep/er') });
    await backend.open();
    expect((await stat(join(folder, 'new/deep/er'))).isDirectory()).toBe(true);
    await backend.close();
  });

  test.each(['file', 'file/below'])('a path that is no folder (%s) names the path', async (path) => {
    const { folder } = store();
    await writeFile(join(folder, 'file'), 'mine');
    const error = await rejection(fileBackend({ path: join(folder, path) }).open());
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', operation: 'open' });
    expect(error?.message).toContain(join(folder, path));
    expect(await readFile(join(folder, 'file'), 'utf8')).toBe('mine');
  });

  // As of an automounter that knows no such name, where `mkdir` with `recursive` never ends.
  test.runIf(process.platform === 'linux')(
    'a folder that its parent does not take is NAMESPACE_NOT_FOUND',
    async () => {
      const error = await rejection(fileBackend({ path: '/proc/no/such/store' }).open());
      expect(error).toMatchObject({ code: 'NAMESPACE_NOT_FOUND', operation: 'open' });
    },
  );

  // The superuser may do everything everywhere; the mapping itself is tested in file-errors.test.ts.
  test.skipIf(process.getuid?.() === 0)('without the right to (not as root) is PERMISSION_DENIED', async () => {
    const { folder } = store();
    await mkdir(join(folder, 'locked'));
    await chmod(join(folder, 'locked'), 0o500);
    const error = await rejection(fileBackend({ path: join(folder, 'locked/store') }).open());
    expect(error).toMatchObject({ code: 'PERMISSION_DENIED' });
  });

  test('names the option that is wrong', () => {
    expect(() => fileBackend({ path: '' })).toThrow(/CONFIG_INVALID.*path/);
    expect(() => fileBackend({ path: 'a\0b' })).toThrow(/CONFIG_INVALID.*path/);
    expect(() => fileBackend({ folder: '/x' } as never)).toThrow(/CONFIG_INVALID.*"folder"/);
  });

  test('removes temporary files that have rested for more than an hour, and no others', async () => {
    const { folder } = store();
    const temporary = join(folder, 'store/~tmp');
    const old = new Date(Date.now() - 3_700_000);
    const recent = new Date(Date.now() - 3_500_000);
    for (const [name, when] of [
      ['1-0123456789abcdef.part', old],
      ['2-0123456789abcdef.part', recent],
      ['notes.txt', old],
    ] as const) {
      await writeFile(join(temporary, name), 'left');
      await utimes(join(temporary, name), when, when);
    }
    const next = fileBackend({ path: join(folder, 'store') });
    await next.open();
    expect((await readdir(temporary)).sort()).toEqual(['2-0123456789abcdef.part', 'notes.txt']);
    expect(await collect(next.list())).toEqual([]);
    await next.close();
  });
});

describe('what is not of the store', () => {
  test.skipIf(process.getuid?.() === 0)('that may not be read (not as root) is named by list', async () => {
    const { folder, backend } = store();
    await mkdir(join(folder, 'store/kv1'), { mode: 0 });
    const error = await rejection(collect(backend.list()));
    await chmod(join(folder, 'store/kv1'), 0o700);
    expect(error).toMatchObject({ code: 'PERMISSION_DENIED' });
    expect(error?.message).toContain(join(folder, 'store/kv1'));
  });

  test('is passed over by list', async () => {
    const { folder, backend } = store();
    await backend.put([{ key: 'ours', parts: [patterned(3, 1)] }]);
    await mkdir(join(folder, 'store/Photos'));
    await mkdir(join(folder, 'store/folder.kv'));
    for (const name of ['README.md', 'A.kv', 'b.KV', '%61.kv', 'Photos/x.kv', 'folder.kv/x.kv', '.hidden.kv']) {
      await writeFile(join(folder, 'store', name), 'foreign');
    }
    expect(await collect(backend.list())).toMatchObject([{ key: 'ours', byteLength: 3 }]);
  });

  test('in the place of a file or folder is an error, never a miss', async () => {
    const { folder, backend } = store();
    await mkdir(join(folder, 'store/x.kv'));
    await writeFile(join(folder, 'store/dir'), 'a file');
    const item = { into: new Uint8Array(9), parts: [patterned(1, 1)] };
    for (const key of ['x', 'dir/y']) {
      const results = [
        ...(await backend.stat([key])),
        ...(await backend.get([{ key, into: item.into }])),
        ...(await backend.put([{ key, parts: item.parts }])),
        ...(await backend.put([{ key, parts: item.parts }], { mode: 'create' })),
      ];
      expect(results.map((result) => errorOf(result)?.code)).toEqual(Array(4).fill('CONFIG_INVALID'));
    }
    expect(await readdir(join(folder, 'store/~tmp'))).toEqual([]);
  });
});

describe('a folder that went away', () => {
  test('is NAMESPACE_NOT_FOUND for every operation, never a miss', async () => {
    const { folder, backend } = store();
    await backend.put([{ key: 'k', parts: [patterned(3, 1)] }]);
    await rename(join(folder, 'store'), join(folder, 'elsewhere'));
    await mkdir(join(folder, 'store'));
    const results = [
      ...(await backend.stat(['k'])),
      ...(await backend.get([{ key: 'k', into: new Uint8Array(3) }])),
      ...(await backend.put([{ key: 'k', parts: [] }])),
      ...(await backend.put([{ key: 'k', parts: [] }], { mode: 'create' })),
      ...(await backend.delete(['k'])),
    ];
    expect(results.map((result) => errorOf(result)?.code)).toEqual(Array(5).fill('NAMESPACE_NOT_FOUND'));
    expect(await rejection(collect(backend.list()))).toMatchObject({ code: 'NAMESPACE_NOT_FOUND' });
    expect(await readdir(join(folder, 'store'))).toEqual([]);
  });
});

describe('a file that changes while it is read', () => {
  /** Changes the file once the read has begun: the first slice of the item before it is in memory. */
  async function readWhile(change: (path: string) => Promise<void>): Promise<KvferryError | undefined> {
    const { folder, backend } = store();
    const value = patterned(8 * SLICE_BYTES, 1);
    await backend.put([{ key: 'k', parts: [value] }]);
    const into = new Uint8Array(value.byteLength);
    const reading = backend.get([{ key: 'k', into }]);
    while (into[1] !== value[1]) await new Promise((resolve) => setImmediate(resolve));
    await change(join(folder, 'store/k.kv'));
    return errorOf((await reading)[0]);
  }

  test('and gets shorter is CORRUPT', async () => {
    expect(await readWhile((path) => truncate(path, 5))).toMatchObject({ code: 'CORRUPT', key: 'k' });
  });

  test('and gets longer is CORRUPT', async () => {
    expect(await readWhile((path) => appendFile(path, 'more'))).toMatchObject({ code: 'CORRUPT', key: 'k' });
  });

  test('because it is replaced gives the old value whole', async () => {
    const { backend } = store();
    expect(
      await readWhile(async () => {
        await backend.put([{ key: 'k', parts: [patterned(10, 2)] }]);
      }),
    ).toBeUndefined();
    expect(await backend.stat(['k'])).toMatchObject([{ byteLength: 10 }]);
  });
});

describe('an abort', () => {
  test('ends a read with its memory quiet', async () => {
    const { backend } = store();
    const value = patterned(8 * SLICE_BYTES, 1);
    await backend.put([{ key: 'k', parts: [value] }]);
    const into = new Uint8Array(value.byteLength);
    const abort = new AbortController();
    const reading = rejection(backend.get([{ key: 'k', into }], { signal: abort.signal }));
    while (into[1] !== value[1]) await new Promise((resolve) => setImmediate(resolve));
    abort.abort();
    expect(await reading).toMatchObject({ code: 'ABORTED' });
    expect(into.at(-1)).toBe(0);
    into.fill(9);
    // Every file operation goes through the same few threads, in order: after these, a forgotten one has ended too.
    await backend.stat(Array(32).fill('k'));
    expect(Buffer.compare(into, new Uint8Array(value.byteLength).fill(9))).toBe(0);
  });

  test('ends a write with nothing left of it, and the old value in place', async () => {
    const { folder, backend } = store();
    await backend.put([{ key: 'k', parts: [patterned(3, 1)] }]);
    const abort = new AbortController();
    let ended = false;
    const put = backend.put([{ key: 'k', parts: [patterned(8 * SLICE_BYTES, 2)] }], { signal: abort.signal });
    const writing = rejection(put).finally(() => {
      ended = true;
    });
    while (!ended && (await readdir(join(folder, 'store/~tmp'))).length === 0);
    abort.abort();
    expect(await writing).toMatchObject({ code: 'ABORTED' });
    expect(await readdir(join(folder, 'store/~tmp'))).toEqual([]);
    expect(await backend.stat(['k'])).toMatchObject([{ byteLength: 3 }]);
  });
});

describe('processes that share a folder', () => {
  test('create one value once', async () => {
    const { folder } = store();
    const script = `
      import { fileBackend } from ${JSON.stringify(new URL('./file.ts', import.meta.url).href)};
      const backend = fileBackend({ path: process.argv[1] });
      await backend.open();
      let won = 0;
      for (let round = 0; round < 25; round += 1) {
        const [result] = await backend.put([{ key: 'race/' + round, parts: [new Uint8Array(1000).fill(process.pid)] }], { mode: 'create' });
        if (result.status === 'failed') throw result.error;
        if (result.status === 'stored') won += 1;
      }
      console.log(won);
      await backend.close();`;
    const flags = [...(process.features.typescript ? [] : ['--experimental-strip-types']), '--input-type=module'];
    const run = () => promisify(execFile)(process.execPath, [...flags, '-e', script, join(folder, 'store')]);
    const wins = await Promise.all([run(), run(), run(), run()]);
    expect(wins.map(({ stdout }) => Number(stdout)).reduce((sum, won) => sum + won)).toBe(25);
    expect(await readdir(join(folder, 'store/~tmp'))).toEqual([]);
    expect(await collect(store().backend.list({ prefix: 'race/' }))).toHaveLength(25);
  });
});
