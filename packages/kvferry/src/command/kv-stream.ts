import { createReadStream, createWriteStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { addAbortSignal, type Readable, type Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { KvferryError } from '@kvferry/core';
import { fileError, shown } from './input-file.ts';
import type { CommandIo } from './io.ts';

/** The raw bytes of chunks, one after another, as they are read. */
export interface KvSource {
  /** Fills this memory with the bytes that come next. Throws INVALID_ARGUMENT where there are fewer. */
  fill(into: Uint8Array): Promise<void>;
  /** Throws INVALID_ARGUMENT where there is more to read. */
  expectEnd(): Promise<void>;
  close(): Promise<void>;
}

/** Where the raw bytes of chunks go, one after another. */
export interface KvSink {
  /** Resolves once the bytes may change again. */
  write(bytes: Uint8Array): Promise<void>;
  /** Resolves once everything is out. */
  close(): Promise<void>;
}

/** What a source has to hold. */
export interface KvLength {
  readonly chunks: number;
  readonly chunkBytes: number;
}

/**
 * Opens what `--kv` names, `-` for standard input. Throws INVALID_ARGUMENT for a file that is not exactly as long as the chunks; of a pipe that shows at its
 * end.
 */
export async function openKvSource(file: string, length: KvLength, { stdin, signal }: CommandIo): Promise<KvSource> {
  if (file === '-') return new StreamSource(file, length, addAbortSignal(signal, stdin));
  let handle: FileHandle;
  try {
    handle = await open(file);
  } catch (thrown) {
    throw fileError('--kv', file, thrown);
  }
  const stats = await handle.stat();
  if (!stats.isFile()) {
    await handle.close();
    if (stats.isDirectory()) throw new KvferryError('INVALID_ARGUMENT', `--kv: file ${file} is a folder`);
    return new StreamSource(file, length, createReadStream(file, { signal }));
  }
  if (stats.size !== length.chunks * length.chunkBytes) {
    await handle.close();
    throw wrongLength(file, `${stats.size} bytes`, length);
  }
  return new FileSource(file, length, handle);
}

/** Opens what `--out` names, `-` for standard output; without a name the bytes are dropped. */
export async function openKvSink(file: string | undefined, { stdout, signal }: CommandIo): Promise<KvSink> {
  if (file === undefined) return { write: async () => {}, close: async () => {} };
  if (file === '-') return new StreamSink(file, stdout, signal, async () => {});
  const stream = createWriteStream(file, { signal });
  return new StreamSink(file, stream, signal, async () => {
    stream.end();
    await finished(stream);
  });
}

function wrongLength(file: string, has: string, { chunks, chunkBytes }: KvLength): KvferryError {
  return new KvferryError(
    'INVALID_ARGUMENT',
    `--kv: ${shown(file)} has ${has}; the ${chunks} chunks of these tokens have ${chunks * chunkBytes}, ${chunkBytes} each`,
  );
}

/** A regular file, read where it belongs without a copy. */
class FileSource implements KvSource {
  readonly #file: string;
  readonly #length: KvLength;
  readonly #handle: FileHandle;

  constructor(file: string, length: KvLength, handle: FileHandle) {
    this.#file = file;
    this.#length = length;
    this.#handle = handle;
  }

  async fill(into: Uint8Array): Promise<void> {
    for (let filled = 0; filled < into.byteLength; ) {
      const { bytesRead } = await this.#handle.read(into, filled, into.byteLength - filled);
      // Its length was right when it was opened.
      if (bytesRead === 0) throw wrongLength(this.#file, 'become shorter meanwhile', this.#length);
      filled += bytesRead;
    }
  }

  async expectEnd(): Promise<void> {}

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** A pipe: its bytes come in pieces of any size. */
class StreamSource implements KvSource {
  readonly #file: string;
  readonly #length: KvLength;
  readonly #pieces: AsyncIterator<Uint8Array>;
  readonly #stream: Readable;
  #rest: Uint8Array = new Uint8Array(0);
  #readBytes = 0;

  constructor(file: string, length: KvLength, stream: Readable) {
    this.#file = file;
    this.#length = length;
    this.#stream = stream;
    this.#pieces = stream[Symbol.asyncIterator]();
  }

  async fill(into: Uint8Array): Promise<void> {
    for (let filled = 0; filled < into.byteLength; ) {
      if (!(await this.#hasMore())) throw wrongLength(this.#file, `only ${this.#readBytes} bytes`, this.#length);
      const piece = this.#rest.subarray(0, into.byteLength - filled);
      into.set(piece, filled);
      filled += piece.byteLength;
      this.#readBytes += piece.byteLength;
      this.#rest = this.#rest.subarray(piece.byteLength);
    }
  }

  async expectEnd(): Promise<void> {
    if (await this.#hasMore()) throw wrongLength(this.#file, `more than ${this.#readBytes} bytes`, this.#length);
  }

  async close(): Promise<void> {
    this.#stream.destroy();
  }

  async #hasMore(): Promise<boolean> {
    while (this.#rest.byteLength === 0) {
      const { done, value } = await this.#pieces.next();
      if (done === true) return false;
      this.#rest = value;
    }
    return true;
  }
}

class StreamSink implements KvSink {
  readonly #file: string;
  readonly #stream: Writable;
  readonly #end: () => Promise<void>;
  readonly #signal: AbortSignal;
  #failed: Error | undefined;

  constructor(file: string, stream: Writable, signal: AbortSignal, end: () => Promise<void>) {
    this.#file = file;
    this.#stream = stream;
    this.#signal = signal;
    this.#end = end;
    // A file that cannot be made says so before the first write, which then tells it.
    stream.on('error', (error) => {
      this.#failed = error;
    });
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#failed !== undefined) throw this.#problem(this.#failed);
    this.#signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // Whoever reads a pipe may have stopped without closing it.
    const leave = (): void => reject(this.#signal.reason);
    this.#signal.addEventListener('abort', leave, { once: true });
    this.#stream.write(bytes, (error) => (error ? reject(this.#problem(error)) : resolve()));
    try {
      await promise;
    } finally {
      this.#signal.removeEventListener('abort', leave);
    }
  }

  async close(): Promise<void> {
    if (this.#failed !== undefined) throw this.#problem(this.#failed);
    try {
      await this.#end();
    } catch (thrown) {
      throw this.#problem(thrown);
    }
  }

  #problem(thrown: unknown): KvferryError {
    if (this.#file === '-' && (thrown as NodeJS.ErrnoException).code === 'EPIPE') {
      return new KvferryError('UNKNOWN', '--out: nobody reads standard output any more', { cause: thrown });
    }
    const what = this.#file === '-' ? 'standard output' : this.#file;
    return new KvferryError('INVALID_ARGUMENT', `--out: cannot write ${what}: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
