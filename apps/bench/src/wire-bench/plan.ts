import type { Operation } from '../clients/types.ts';

/** One thing to be measured: every client does it in turn, round after round. */
export interface Cell {
  readonly operation: Operation;
  readonly scheme: Scheme;
  /** Size of the object. */
  readonly bytes: number;
  /** Requests in flight. */
  readonly concurrency: number;
  /** CPU time that each client works unmeasured when the cell begins, so that its code is compiled. */
  readonly warmCpuMs: number;
  /** What the buffers lie in. I/O threads reach shared memory alone. */
  readonly memory: 'private' | 'shared';
}

export type Scheme = 'http' | 'https';

/** What the client does with a body: nothing, or CRC32C of every byte. */
export type Verify = 'none' | 'crc32c';

/** One window of one client. */
export interface Sample {
  readonly operations: number;
  readonly bytes: number;
  readonly seconds: number;
  /** User and system time of the client's process, all its threads together. */
  readonly cpuSeconds: number;
}

/** A client as it takes part in a cell. Each has a process of its own. */
export interface Contender {
  readonly client: ClientName;
  readonly verify: Verify;
}

export type ClientName =
  | 'floor'
  | 'kvferry'
  | 'kvferry, 1 I/O thread'
  | 'kvferry, 2 I/O threads'
  | 'node:http'
  | 'undici'
  | 'aws-crt'
  | '@aws-sdk/client-s3'
  | '@aws-sdk/client-s3 unsigned';

export interface Plan {
  readonly cells: readonly Cell[];
  /** Windows of each client in each cell; their median is the figure. */
  readonly rounds: number;
  /** No round is begun when the rounds of a cell have taken this long, unless it is the first. */
  readonly cellMs: number;
  /** Length that a window is planned for. One of a slow client lasts until each slot has had one object. */
  readonly windowMs: number;
  /** One cell more, which one I/O thread and two take in turn. */
  readonly threads: { readonly cell: Cell; readonly rounds: number; readonly windowMs: number };
}

const MIB = 1024 * 1024;

/** Three to four minutes on two cores. */
export const FULL_PLAN: Plan = {
  cells: cells({ sizes: [4 * MIB, 32 * MIB], concurrency: 8, warmCpuMs: { body: 500, head: 4_000 } }),
  rounds: 5,
  cellMs: 12_000,
  windowMs: 350,
  threads: { cell: threadCell({ bytes: 32 * MIB, concurrency: 8, warmCpuMs: 1_000 }), rounds: 7, windowMs: 700 },
};

/** Every path once, in seconds; its figures mean nothing. */
export const QUICK_PLAN: Plan = {
  cells: cells({ sizes: [256 * 1024], concurrency: 2, warmCpuMs: { body: 10, head: 10 } }),
  rounds: 1,
  cellMs: 1_000,
  windowMs: 20,
  threads: { cell: threadCell({ bytes: 256 * 1024, concurrency: 2, warmCpuMs: 10 }), rounds: 1, windowMs: 20 },
};

/** Who takes part in an operation. The order is that of the tables. */
export function contendersOf(operation: Operation): readonly Contender[] {
  switch (operation) {
    case 'GET':
      return [
        { client: 'floor', verify: 'none' },
        { client: 'kvferry', verify: 'none' },
        { client: 'kvferry', verify: 'crc32c' },
        { client: 'node:http', verify: 'none' },
        { client: 'undici', verify: 'none' },
        { client: 'aws-crt', verify: 'none' },
        { client: '@aws-sdk/client-s3', verify: 'none' },
      ];
    case 'PUT':
      // aws-crt has no row: uploads of more than 16 KiB through its HTTP stream lose data (1.33.2). kvferry has one, since it sends a checksum with every upload.
      return [
        { client: 'kvferry', verify: 'crc32c' },
        { client: 'node:http', verify: 'none' },
        { client: 'undici', verify: 'none' },
        { client: '@aws-sdk/client-s3', verify: 'none' },
        { client: '@aws-sdk/client-s3 unsigned', verify: 'none' },
      ];
    case 'HEAD':
      return [
        { client: 'kvferry', verify: 'none' },
        { client: 'node:http', verify: 'none' },
        { client: 'undici', verify: 'none' },
        { client: 'aws-crt', verify: 'none' },
        { client: '@aws-sdk/client-s3', verify: 'none' },
      ];
  }
}

interface CellChoice {
  readonly sizes: readonly number[];
  /** Of GET and PUT. */
  readonly concurrency: number;
  /** A HEAD is all code and no bytes: it takes far more of them until the compiler has made of it what it will. */
  readonly warmCpuMs: { readonly body: number; readonly head: number };
}

function cells({ sizes, concurrency, warmCpuMs }: CellChoice): Cell[] {
  const schemes: readonly Scheme[] = ['http', 'https'];
  const bodies = (['GET', 'PUT'] as const).flatMap((operation) =>
    schemes.flatMap((scheme) =>
      sizes.map((bytes) => ({
        operation,
        scheme,
        bytes,
        concurrency,
        warmCpuMs: warmCpuMs.body,
        memory: 'private' as const,
      })),
    ),
  );
  const heads = schemes.map((scheme) => ({
    operation: 'HEAD' as const,
    scheme,
    bytes: sizes[0] ?? 0,
    concurrency: 32,
    warmCpuMs: warmCpuMs.head,
    memory: 'private' as const,
  }));
  return [...bodies, ...heads];
}

function threadCell(size: Pick<Cell, 'bytes' | 'concurrency' | 'warmCpuMs'>): Cell {
  return { operation: 'GET', scheme: 'https', ...size, memory: 'shared' };
}
