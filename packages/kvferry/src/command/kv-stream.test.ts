import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import type { CommandIo } from './io.ts';
import { openKvSink, openKvSource } from './kv-stream.ts';

const bytes = Buffer.from(Array.from({ length: 100 }, (_, index) => index));

function ioOf(pieces: readonly Uint8Array[], signal = new AbortController().signal): CommandIo {
  const { stdout, stderr } = { stdout: new PassThrough(), stderr: new PassThrough() };
  return { stdin: Readable.from(pieces, { objectMode: false }), stdout, stderr, env: {}, signal };
}

async function fileOf(content: Uint8Array): Promise<string> {
  const file = join(await temporaryFolder(), 'kv.bin');
  await writeFile(file, content);
  return file;
}

const sources: readonly (readonly [string, (content: Uint8Array) => Promise<readonly [string, CommandIo]>])[] = [
  ['a file', async (content) => [await fileOf(content), ioOf([])]],
  ['a pipe', async (content) => ['-', ioOf([content])]],
  ['a pipe in pieces of 7 bytes', async (content) => ['-', ioOf(piecesOf(content, 7))]],
];

test.each(sources)('%s gives its bytes chunk by chunk, into memory of any kind', async (_, make) => {
  const [file, io] = await make(bytes);
  const source = await openKvSource(file, { chunks: 4, chunkBytes: 25 }, io);
  const memory = new Uint8Array(new SharedArrayBuffer(100));
  for (let index = 0; index < 4; index++) await source.fill(memory.subarray(25 * index, 25 * index + 25));
  await source.expectEnd();
  await source.close();
  expect(Buffer.compare(memory, bytes)).toBe(0);
});

test.each([
  ['shorter', 5, /file .*kv\.bin has 100 bytes; the 5 chunks of these tokens have 125, 25 each/],
  ['longer', 3, /has 100 bytes; the 3 chunks of these tokens have 75/],
])('a file that is %s is refused before anything is read', async (_, chunks, message) => {
  const opening = openKvSource(await fileOf(bytes), { chunks, chunkBytes: 25 }, ioOf([]));
  await expect(opening).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', message: expect.stringMatching(message) });
});

test('a pipe that ends early says so where it ends', async () => {
  const source = await openKvSource('-', { chunks: 5, chunkBytes: 25 }, ioOf([bytes]));
  for (let index = 0; index < 4; index++) await source.fill(new Uint8Array(25));
  await expect(source.fill(new Uint8Array(25))).rejects.toThrow(/standard input has only 100 bytes.*125/);
});

test('a pipe that goes on says so at its end', async () => {
  const source = await openKvSource('-', { chunks: 3, chunkBytes: 25 }, ioOf([bytes]));
  for (let index = 0; index < 3; index++) await source.fill(new Uint8Array(25));
  await expect(source.expectEnd()).rejects.toThrow(/standard input has more than 75 bytes/);
});

test('a pipe that stands still ends when the run is aborted', async () => {
  const abort = new AbortController();
  const io = { ...ioOf([], abort.signal), stdin: new PassThrough() };
  const source = await openKvSource('-', { chunks: 1, chunkBytes: 25 }, io);
  const filling = source.fill(new Uint8Array(25));
  abort.abort();
  await expect(filling).rejects.toThrow();
});

test.each(['nowhere/kv.bin', '.'])('%s is no source', async (file) => {
  const opening = openKvSource(file, { chunks: 1, chunkBytes: 1 }, ioOf([]));
  await expect(opening).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', message: expect.stringContaining('--kv') });
});

test('a file and a pipe get what is written, in order', async () => {
  const file = join(await temporaryFolder(), 'out.bin');
  const io = ioOf([]);
  const read = buffer(io.stdout as PassThrough);
  for (const name of [file, '-']) {
    const sink = await openKvSink(name, io);
    for (const piece of piecesOf(bytes, 30)) await sink.write(piece);
    await sink.close();
  }
  (io.stdout as PassThrough).end();
  expect(await readFile(file)).toEqual(bytes);
  expect(await read).toEqual(bytes);
});

test('a file is there, and empty, when nothing was written', async () => {
  const file = await fileOf(bytes);
  await (await openKvSink(file, ioOf([]))).close();
  expect(await readFile(file)).toHaveLength(0);
});

test('a file that cannot be written is named', async () => {
  const sink = await openKvSink('nowhere/out.bin', ioOf([]));
  await expect(sink.close()).rejects.toThrow(/INVALID_ARGUMENT: --out: cannot write nowhere\/out\.bin/);
});

test.each([
  ['EPIPE', /UNKNOWN: --out: nobody reads standard output/],
  ['ENOSPC', /INVALID_ARGUMENT: --out: cannot write standard output: ENOSPC/],
])('standard output that fails with %s says so', async (code, message) => {
  const stdout = new Writable({ write: (_piece, _encoding, done) => done(Object.assign(new Error(code), { code })) });
  const sink = await openKvSink('-', { ...ioOf([]), stdout });
  await expect(sink.write(bytes)).rejects.toThrow(message);
});

test('a reader that stands still does not keep an aborted run', async () => {
  const abort = new AbortController();
  const io = ioOf([], abort.signal);
  const sink = await openKvSink('-', { ...io, stdout: new PassThrough({ highWaterMark: 1 }) });
  const writing = [1, 2, 3].map(() => sink.write(bytes));
  abort.abort();
  await expect(Promise.all(writing)).rejects.toThrow();
});

function piecesOf(content: Uint8Array, byteLength: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < content.byteLength; at += byteLength) pieces.push(content.subarray(at, at + byteLength));
  return pieces;
}
