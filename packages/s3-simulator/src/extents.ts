/** Where bodies lie: in memory up to a budget, then in files of a temporary folder. */

import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { type FileHandle, mkdtemp, open, rm, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One stored run of bytes. It lives while somebody holds it: its maker at first, and every reader. */
export interface Extent {
  readonly byteLength: number;
  /** The bytes themselves, or the file that holds them. */
  readonly place: { readonly bytes: Buffer } | { readonly file: string };
  retain(): void;
  release(): void;
}

/** Takes one body whose length is known. */
export interface ExtentWriter {
  /** A promise where the caller must wait before it gives more. The chunk is copied or written before that. */
  write(chunk: Uint8Array): Promise<void> | undefined;
  /** The extent, held once. Fewer bytes than announced are an error of the caller. */
  finish(): Promise<Extent>;
  discard(): Promise<void>;
}

/** Buffers that are kept for bodies of the same length to come; touching fresh pages costs as much as a transfer. */
const MAX_IDLE_BYTES = 512 * 1024 * 1024;
/** Read from a file at once. */
const FILE_SLICE_BYTES = 1024 * 1024;
/** Smaller ones are cheap to get. */
const MIN_IDLE_BYTES = 64 * 1024;

/** All bodies of one simulator. */
export class ExtentStore {
  readonly #memoryBytes: number;
  readonly #idle = new Map<number, Buffer[]>();
  #idleBytes = 0;
  #usedBytes = 0;
  #folder: Promise<string> | undefined;
  #removeAtExit: (() => void) | undefined;

  constructor(memoryBytes: number) {
    this.#memoryBytes = memoryBytes;
  }

  async writer(byteLength: number): Promise<ExtentWriter> {
    if (this.#usedBytes + byteLength <= this.#memoryBytes) return this.#memoryWriter(byteLength);
    return this.#fileWriter(byteLength);
  }

  async close(): Promise<void> {
    this.#idle.clear();
    this.#idleBytes = 0;
    if (this.#folder === undefined) return;
    await rm(await this.#folder, { recursive: true, force: true });
    if (this.#removeAtExit !== undefined) process.off('exit', this.#removeAtExit);
  }

  #memoryWriter(byteLength: number): ExtentWriter {
    const bytes = this.#take(byteLength);
    let offset = 0;
    return {
      write: (chunk) => {
        bytes.set(chunk, offset);
        offset += chunk.byteLength;
        return undefined;
      },
      finish: async () => new HeldExtent(byteLength, { bytes }, () => this.#give(bytes)),
      discard: async () => this.#give(bytes),
    };
  }

  async #fileWriter(byteLength: number): Promise<ExtentWriter> {
    this.#folder ??= this.#makeFolder();
    const file = join(await this.#folder, randomBytes(12).toString('hex'));
    const handle = await open(file, 'wx');
    // One write behind the other, each at the file's end.
    let written = Promise.resolve();
    return {
      write: (chunk) => {
        written = written.then(() => writeAll(handle, chunk));
        return written;
      },
      finish: async () => {
        await handle.close();
        return new HeldExtent(byteLength, { file }, () => void unlink(file).catch(ignoreGone));
      },
      discard: async () => {
        // What failed was told to whoever waited for it.
        await written.catch(() => {});
        await handle.close();
        await unlink(file).catch(ignoreGone);
      },
    };
  }

  async #makeFolder(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), `kvferry-s3-simulator-${process.pid}-`));
    this.#removeAtExit = () => rmSync(folder, { recursive: true, force: true });
    process.on('exit', this.#removeAtExit);
    return folder;
  }

  #take(byteLength: number): Buffer {
    this.#usedBytes += byteLength;
    const same = this.#idle.get(byteLength);
    const idle = same?.pop();
    if (idle !== undefined) {
      this.#idleBytes -= byteLength;
      return idle;
    }
    if (this.#usedBytes + this.#idleBytes > this.#memoryBytes) {
      this.#idle.clear();
      this.#idleBytes = 0;
    }
    return Buffer.allocUnsafeSlow(byteLength);
  }

  #give(bytes: Buffer): void {
    const { byteLength } = bytes;
    this.#usedBytes -= byteLength;
    const room = Math.min(MAX_IDLE_BYTES, this.#memoryBytes - this.#usedBytes) - this.#idleBytes;
    if (byteLength < MIN_IDLE_BYTES || byteLength > room) return;
    const same = this.#idle.get(byteLength);
    if (same === undefined) this.#idle.set(byteLength, [bytes]);
    else same.push(bytes);
    this.#idleBytes += byteLength;
  }
}

/** Yields the bytes `start` to `end` (exclusive) of these extents laid one behind the other, in slices of at most `sliceBytes`. */
export async function* readExtents(
  extents: readonly Extent[],
  start: number,
  end: number,
  sliceBytes: number,
): AsyncGenerator<Buffer, void, undefined> {
  let base = 0;
  for (const extent of extents) {
    const from = Math.max(start - base, 0);
    const to = Math.min(end - base, extent.byteLength);
    base += extent.byteLength;
    if (from >= to) continue;
    if ('bytes' in extent.place) {
      for (let at = from; at < to; at += sliceBytes) {
        yield extent.place.bytes.subarray(at, Math.min(at + sliceBytes, to));
      }
    } else {
      yield* readFileSlices(extent.place.file, from, to, Math.min(sliceBytes, FILE_SLICE_BYTES));
    }
  }
}

/** A copy of these extents in one piece. */
export async function joinExtents(extents: readonly Extent[]): Promise<Buffer> {
  const byteLength = extents.reduce((sum, extent) => sum + extent.byteLength, 0);
  const whole = Buffer.allocUnsafeSlow(byteLength);
  let offset = 0;
  for await (const slice of readExtents(extents, 0, byteLength, 1024 * 1024)) {
    whole.set(slice, offset);
    offset += slice.byteLength;
  }
  return whole;
}

class HeldExtent implements Extent {
  readonly byteLength: number;
  readonly place: Extent['place'];
  readonly #free: () => void;
  #holders = 1;

  constructor(byteLength: number, place: Extent['place'], free: () => void) {
    this.byteLength = byteLength;
    this.place = place;
    this.#free = free;
  }

  retain(): void {
    if (this.#holders === 0) throw new Error('An extent was used after its last holder had gone.');
    this.#holders++;
  }

  release(): void {
    if (this.#holders === 0) throw new Error('An extent was released once too often.');
    if (--this.#holders === 0) this.#free();
  }
}

async function* readFileSlices(
  file: string,
  start: number,
  end: number,
  sliceBytes: number,
): AsyncGenerator<Buffer, void, undefined> {
  const handle = await open(file, 'r');
  try {
    for (let at = start; at < end; ) {
      // Fresh for each slice: the one before may still wait in the socket's queue.
      const { bytesRead, buffer } = await handle.read(
        Buffer.allocUnsafeSlow(Math.min(sliceBytes, end - at)),
        0,
        null,
        at,
      );
      if (bytesRead === 0) throw new Error(`The spilled body ${file} is shorter than it was written.`);
      yield buffer.subarray(0, bytesRead);
      at += bytesRead;
    }
  } finally {
    await handle.close();
  }
}

async function writeAll(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.byteLength; ) {
    at += (await handle.write(chunk, at, chunk.byteLength - at)).bytesWritten;
  }
}

function ignoreGone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
