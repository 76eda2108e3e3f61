import { describe, expect, it } from 'vitest';
import { crc32cOf, fromHashWasm, loadCrc32c } from './checksum.ts';
import { sampleBytes } from './testing/store.ts';

const sources = [
  ['aws-crt', loadCrc32c],
  ['hash-wasm', fromHashWasm],
] as const;

describe.each(sources)('CRC32C by %s', (name, load) => {
  it('says where it comes from', async () => {
    expect((await load()).implementation).toContain(name);
  });

  it('gives the check value of the polynomial, and that of nothing', async () => {
    const source = await load();
    // 0xE3069283 for "123456789" (catalogue of parametrised CRC algorithms, CRC-32/ISCSI).
    expect(crc32cOf(source, [new TextEncoder().encode('123456789')])).toBe('4waSgw==');
    expect(crc32cOf(source, [])).toBe('AAAAAA==');
  });

  it('gives the same however the bytes are cut, on shared memory too', async () => {
    const source = await load();
    const shared = new Uint8Array(new SharedArrayBuffer(100_000));
    shared.set(sampleBytes(100_000));
    const whole = crc32cOf(source, [sampleBytes(100_000)]);
    expect(crc32cOf(source, [shared.subarray(0, 1), shared.subarray(1, 70_000), shared.subarray(70_000)])).toBe(whole);
  });

  it('keeps checksums apart that are taken at the same time', async () => {
    const source = await load();
    const [a, b] = [source.start(), source.start()];
    a.update(sampleBytes(10, 1));
    b.update(sampleBytes(10, 2));
    a.update(sampleBytes(10, 3));
    expect(b.base64()).toBe(crc32cOf(source, [sampleBytes(10, 2)]));
    expect(a.base64()).toBe(crc32cOf(source, [sampleBytes(10, 1), sampleBytes(10, 3)]));
  });
});

it('gives the same by both libraries', async () => {
  const bytes = sampleBytes(12_345, 7);
  expect(crc32cOf(await fromHashWasm(), [bytes])).toBe(crc32cOf(await loadCrc32c(), [bytes]));
});
