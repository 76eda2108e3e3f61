import type { KvferryError } from '../errors.ts';

/** Bytes that differ from place to place and from seed to seed. */
export function patterned(byteLength: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(byteLength);
  for (let index = 0; index < byteLength; index += 1) bytes[index] = index * 31 + seed * 17 + (index >> 8) + 1;
  return bytes;
}

/** The same bytes in shared memory. */
export function shared(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.byteLength));
  copy.set(bytes);
  return copy;
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** The error of a failed item, or `undefined`. */
export function errorOf(result: { readonly status: string } | undefined): KvferryError | undefined {
  return result?.status === 'failed' ? (result as unknown as { readonly error: KvferryError }).error : undefined;
}
