import { describe, expect, test } from 'vitest';
import { driveReader } from './testing/drive-reader.ts';
import { readByNode } from './testing/read-by-node.ts';
import { soundResponses, unsoundResponses } from './testing/responses.ts';

describe('a response reads as node:http reads it, wherever the stream is cut', () => {
  test.each(soundResponses)('$title', async ({ method, bytes }) => {
    const peer = await readByNode(bytes, method);
    if ('error' in peer) throw new Error(`node:http refuses it: ${peer.error}`);
    for (const lentBytes of ['none', 32_768] as const) {
      const whole = driveReader(bytes, { method, lentBytes, cuts: [] });
      expect(whole).toMatchObject(peer);
      for (const cut of cutsOf(bytes)) {
        const reading = driveReader(bytes, { method, lentBytes, cuts: [cut] });
        // Compared by hand first: a matcher per position would take most of the time.
        if (!same(reading, whole)) expect({ cut, reading }).toEqual({ cut, reading: whole });
      }
      const byBytes = Array.from({ length: bytes.length }, (_, at) => at + 1);
      expect(driveReader(bytes, { method, lentBytes, cuts: byBytes })).toEqual(whole);
    }
  });
});

describe('what cannot be trusted is PROTOCOL, wherever the stream is cut', () => {
  test.each(unsoundResponses)('$title', ({ method, bytes }) => {
    const refused = { code: 'PROTOCOL', requiredBytes: undefined };
    for (const cut of cutsOf(bytes)) {
      const reading = driveReader(bytes, { method, lentBytes: 64, cuts: [cut] });
      if (!('code' in reading && reading.code === 'PROTOCOL'))
        expect({ cut, reading }).toEqual({ cut, reading: refused });
    }
    const byBytes = Array.from({ length: bytes.length }, (_, at) => at + 1);
    expect(driveReader(bytes, { method, lentBytes: 'none', cuts: byBytes })).toEqual(refused);
  });
});

/** Every position; of a long stream those near its begin, its end and the edge of the scratch, and a spread of the rest. */
function cutsOf({ length }: Uint8Array): number[] {
  const all = Array.from({ length: length - 1 }, (_, at) => at + 1);
  if (length <= 2_000) return all;
  return all.filter((cut) => cut < 200 || cut > length - 100 || Math.abs(cut - 16_384) < 20 || cut % 499 === 0);
}

function same(a: ReturnType<typeof driveReader>, b: ReturnType<typeof driveReader>): boolean {
  if ('code' in a || 'code' in b) return false;
  if (a.status !== b.status || a.body !== b.body || a.bodyBytes !== b.bodyBytes || a.reusable !== b.reusable)
    return false;
  return a.headers.size === b.headers.size && [...a.headers].every(([name, value]) => b.headers.get(name) === value);
}
