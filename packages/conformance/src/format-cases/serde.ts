import assert from 'node:assert/strict';
import { type ChunkLayout, KvferryError, layoutBytes, type Serde } from '@kvferry/core';
import { value } from '../case-context.ts';
import type { FormatCase } from './describe.ts';

/** What holds of every lossless serde. */
export const serdeCases: readonly FormatCase<Serde>[] = [
  {
    id: 'SERDE-01',
    title: 'a tensor comes back byte for byte',
    run(serde) {
      for (const layout of layouts) {
        const bytes = tensorBytes(layout);
        const back = serde.deserialize(serialized(serde, layout, bytes), layout, scratchFor(serde, layout));
        assert.deepEqual(back.layout, layout);
        assert.equal(Buffer.compare(back.bytes, bytes), 0, JSON.stringify(layout));
      }
      return undefined;
    },
  },
  {
    id: 'SERDE-02',
    title: 'a value has at most the announced length, and exactly that where it is exact',
    run(serde) {
      for (const layout of layouts) {
        const { max, exact } = serde.serializedBytes(layout);
        const { byteLength } = serialized(serde, layout, tensorBytes(layout));
        assert.ok(exact ? byteLength === max : byteLength <= max, `${byteLength} bytes, and it announced ${max}`);
      }
      return undefined;
    },
  },
  {
    id: 'SERDE-03',
    title: 'a value that is too short or too long is CORRUPT',
    run(serde) {
      for (const layout of layouts) {
        const whole = serialized(serde, layout, tensorBytes(layout));
        const longer = new Uint8Array(whole.byteLength + 1);
        longer.set(whole);
        for (const wrong of [whole.subarray(0, -1), new Uint8Array(0), longer]) {
          assert.throws(
            () => serde.deserialize(wrong, layout, scratchFor(serde, layout)),
            (thrown) => KvferryError.is(thrown) && thrown.code === 'CORRUPT',
            `${wrong.byteLength} bytes in place of ${whole.byteLength}`,
          );
        }
      }
      return undefined;
    },
  },
  {
    id: 'SERDE-04',
    title: 'the tensor and the value are not changed',
    run(serde) {
      for (const layout of layouts) {
        const bytes = tensorBytes(layout);
        const whole = serialized(serde, layout, bytes);
        assert.equal(Buffer.compare(bytes, tensorBytes(layout)), 0, 'serialize changed the tensor');
        const untouched = whole.slice();
        serde.deserialize(whole, layout, scratchFor(serde, layout));
        assert.equal(Buffer.compare(whole, untouched), 0, 'deserialize changed the value');
      }
      return undefined;
    },
  },
  {
    id: 'SERDE-05',
    title: 'parts and tensor are views of the memory that was lent: nothing is allocated in proportion to the tensor',
    run(serde) {
      const bytes = tensorBytes(large);
      const scratch = scratchFor(serde, large);
      const parts = serde.serialize({ layout: large, bytes }, scratch);
      const ownBytes = sum(parts.filter((part) => part.buffer !== bytes.buffer && part.buffer !== scratch.buffer));
      assert.ok(ownBytes <= SMALL_BYTES, `serialize allocated ${ownBytes} bytes for a tensor of ${bytes.byteLength}`);
      const whole = join(parts);
      const lent = scratchFor(serde, large);
      const back = serde.deserialize(whole, large, lent);
      assert.ok(
        back.bytes.buffer === whole.buffer || back.bytes.buffer === lent.buffer,
        'the tensor is neither a view of the value nor of the scratch memory',
      );
      return undefined;
    },
  },
  {
    id: 'SERDE-06',
    title: 'shared memory is taken as private memory is',
    run(serde) {
      for (const layout of layouts) {
        const bytes = tensorBytes(layout);
        const shared = new Uint8Array(new SharedArrayBuffer(bytes.byteLength));
        shared.set(bytes);
        assert.equal(Buffer.compare(serialized(serde, layout, shared), serialized(serde, layout, bytes)), 0);
      }
      return undefined;
    },
  },
];

/** A header or a table may be the serde's own. */
const SMALL_BYTES = 4096;

const layouts: readonly ChunkLayout[] = [
  { format: 'KV_2LTD', dtype: 'bfloat16', layers: 2, tokens: 16, hidden: 8 },
  { format: 'KV_2LTD', dtype: 'float32', layers: 3, tokens: 7, hidden: 5 },
  { format: 'KV_MLA_FMT', dtype: 'float16', layers: 2, tokens: 16, hidden: 9 },
  { format: 'KV_2LTD', dtype: 'uint8', layers: 1, tokens: 1, hidden: 1 },
];

/** 4 MiB: far above `SMALL_BYTES`. */
const large: ChunkLayout = { format: 'KV_2LTD', dtype: 'bfloat16', layers: 16, tokens: 64, hidden: 1024 };

function tensorBytes(layout: ChunkLayout): Uint8Array<ArrayBuffer> {
  return value(layoutBytes(layout), 7);
}

function scratchFor(serde: Serde, layout: ChunkLayout): Uint8Array {
  return new Uint8Array(serde.scratchBytes(layout));
}

function serialized(serde: Serde, layout: ChunkLayout, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return join(serde.serialize({ layout, bytes }, scratchFor(serde, layout)));
}

function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(sum(parts));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.byteLength;
  }
  return whole;
}

function sum(parts: readonly Uint8Array[]): number {
  return parts.reduce((total, part) => total + part.byteLength, 0);
}
