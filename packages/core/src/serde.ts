import { type ChunkLayout, type ChunkTensor, layoutBytes } from './chunks.ts';
import { KvferryError } from './errors.ts';

/**
 * Turns a chunk's tensor into the bytes of its value and back. Pure, and allocates nothing in proportion to the tensor: what memory it
 * needs, the caller lends as `scratch`.
 */
export interface Serde {
  readonly id: string;
  /** Length of the value of a tensor of this layout: the most it can be, and whether it is always that. */
  serializedBytes(layout: ChunkLayout): { readonly max: number; readonly exact: boolean };
  /** Bytes of `scratch` that the other two methods need. */
  scratchBytes(layout: ChunkLayout): number;
  /** Parts to put, in order. They may be views of `tensor.bytes` and of `scratch`, so both stay lent until the put settles. */
  serialize(tensor: ChunkTensor, scratch: Uint8Array): readonly Uint8Array[];
  /** The tensor of a value; it may be a view of `bytes` and of `scratch`. Throws CORRUPT, also for a value of the wrong length. */
  deserialize(bytes: Uint8Array, layout: ChunkLayout, scratch: Uint8Array): ChunkTensor;
}

/** LMCache's `naive` serde: the value is the tensor's bytes, neither copied nor changed. */
export const naiveSerde: Serde = {
  id: 'naive',
  serializedBytes: (layout) => ({ max: layoutBytes(layout), exact: true }),
  scratchBytes: () => 0,
  serialize(tensor) {
    const expected = layoutBytes(tensor.layout);
    if (tensor.bytes.byteLength !== expected) {
      throw new KvferryError(
        'INVALID_ARGUMENT',
        `the tensor has ${tensor.bytes.byteLength} bytes, its layout needs ${expected}`,
      );
    }
    return [tensor.bytes];
  },
  deserialize(bytes, layout) {
    const expected = layoutBytes(layout);
    if (bytes.byteLength !== expected) {
      throw new KvferryError(
        'CORRUPT',
        `the value has ${bytes.byteLength} bytes, a chunk of this layout has ${expected}`,
      );
    }
    return { layout, bytes };
  },
};
