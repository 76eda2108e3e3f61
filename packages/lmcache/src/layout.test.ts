import { DTYPE_BYTES, type Dtype, KvferryError, layoutBytes } from '@kvferry/core';
import { describe, expect, it } from 'vitest';
import { kvLayout } from './layout.ts';
import { golden, vectors } from './testing/vectors.ts';
import type { KvShape } from './types.ts';

const shape: KvShape = { layers: 32, kvHeads: 8, headSize: 128, mla: false, dtype: 'bfloat16' };

describe('kvLayout', () => {
  it.each(vectors.chunk_sizes)('has the size of $model', (vector) => {
    const dtype = vector.dtype_bytes === 2 ? 'bfloat16' : undefined;
    if (dtype === undefined) throw new Error(`the vectors gained an element of ${vector.dtype_bytes} bytes`);
    const layout = kvLayout(
      {
        layers: vector.num_layers,
        kvHeads: vector.kv_heads_per_rank,
        headSize: vector.head_size,
        mla: vector.mla,
        dtype,
      },
      vector.chunk_size,
    );
    const [, layers, tokens, hidden] = vector.shape;
    expect(layout).toEqual({ format: vector.mla ? 'KV_MLA_FMT' : 'KV_2LTD', dtype, layers, tokens, hidden });
    expect(layoutBytes(layout)).toBe(vector.full_chunk_size_bytes);
  });

  it.each(golden.sets)('has the size of what LMCache wrote: $spec.name', (set) => {
    const { kv_shape, kv_dtype, chunk_size } = set.spec;
    const layout = kvLayout(
      {
        layers: kv_shape.layers,
        kvHeads: kv_shape.kv_heads,
        headSize: kv_shape.head_size,
        mla: kv_shape.mla,
        dtype: kv_dtype as Dtype,
      },
      chunk_size,
    );
    expect(layout.format).toBe(set.memory_format);
    expect([layout.layers, layout.tokens, layout.hidden]).toEqual(set.chunk_shape.slice(1));
    expect(layoutBytes(layout)).toBe(set.chunk_bytes);
    for (const { object } of set.chunks) expect(object.size).toBe(set.chunk_bytes);
  });

  it('takes every dtype', () => {
    for (const [dtype, bytes] of Object.entries(DTYPE_BYTES)) {
      const layout = kvLayout({ ...shape, dtype: dtype as Dtype }, 1);
      expect(layoutBytes(layout)).toBe(2 * 32 * 8 * 128 * bytes);
    }
  });

  it.each([
    ['layers', { layers: 0 }, 256],
    ['kvHeads', { kvHeads: 1.5 }, 256],
    ['headSize', { headSize: -128 }, 256],
    ['tokens', {}, 0],
    ['dtype', { dtype: 'half' as Dtype }, 256],
    ['kvHeads', { mla: true }, 256],
    ['2^53', { layers: 2 ** 50 }, 256],
  ] as const)('refuses by name: %s %j', (named, wrong, tokens) => {
    let thrown: unknown;
    try {
      kvLayout({ ...shape, ...wrong }, tokens);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(KvferryError);
    expect(thrown).toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect((thrown as KvferryError).message).toContain(named);
  });
});
