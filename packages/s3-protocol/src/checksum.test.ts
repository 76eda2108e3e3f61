import { describe, expect, it } from 'vitest';
import { crc32cOf, fromHashWasm, loadDigests } from './checksum.ts';
import { sampleBytes } from './testing/store.ts';

const sources = [
  ['aws-crt', loadDigests],
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
    const [a, b] = [source.start('crc32c'), source.start('crc32c')];
    a.update(sampleBytes(10, 1));
    b.update(sampleBytes(10, 2));
    a.update(sampleBytes(10, 3));
    expect(b.value()).toBe(crc32cOf(source, [sampleBytes(10, 2)]));
    expect(a.value()).toBe(crc32cOf(source, [sampleBytes(10, 1), sampleBytes(10, 3)]));
  });
});

describe.each(sources)('CRC64NVME by %s', (_name, load) => {
  const crc64Of = async (...parts: readonly Uint8Array[]): Promise<string> => {
    const crc = (await load()).start('crc64nvme');
    for (const part of parts) crc.update(part);
    return crc.value();
  };

  it('gives the check value of the polynomial, and that of nothing', async () => {
    // 0xAE8B14860A799888 for "123456789" (catalogue of parametrised CRC algorithms, CRC-64/NVME).
    expect(await crc64Of(new TextEncoder().encode('123456789'))).toBe('rosUhgp5mIg=');
    expect(await crc64Of()).toBe('AAAAAAAAAAA=');
  });

  it('gives the same however the bytes are cut, on shared memory too', async () => {
    const shared = new Uint8Array(new SharedArrayBuffer(100_000));
    shared.set(sampleBytes(100_000));
    const whole = await crc64Of(sampleBytes(100_000));
    expect(await crc64Of(shared.subarray(0, 1), shared.subarray(1, 70_000), shared.subarray(70_000))).toBe(whole);
  });

  it('is taken beside another, and beside itself', async () => {
    const source = await load();
    const both = source.start('crc32c+crc64nvme');
    const other = source.start('crc64nvme');
    for (const seed of [1, 2]) {
      both.update(sampleBytes(10, seed));
      other.update(sampleBytes(10, seed + 10));
    }
    const bytes = [sampleBytes(10, 1), sampleBytes(10, 2)];
    expect(both.value()).toBe(`${crc32cOf(source, bytes)} ${await crc64Of(...bytes)}`);
  });
});

it('gives the same by both libraries', async () => {
  const bytes = sampleBytes(12_345, 7);
  const [one, other] = [await loadDigests(), await fromHashWasm()].map((source) => source.start('crc32c+crc64nvme'));
  one?.update(bytes);
  other?.update(bytes);
  expect(one?.value()).toBe(other?.value());
});
