import { createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { lookAtStore } from './first-look.ts';
import { BUCKET, pathEndpoint, startStore, virtualEndpoint } from './testing/store.ts';

const within = (): AbortSignal => AbortSignal.timeout(20_000);

describe('a first look', () => {
  it('is one request for the bucket itself, without a word of who asks', async () => {
    const store = await startStore();
    expect(await lookAtStore(pathEndpoint(store), { bucket: BUCKET }, within())).toMatchObject({
      status: 403,
      certificate: undefined,
    });
    expect(store.requests).toMatchObject([{ method: 'HEAD', url: `/${BUCKET}` }]);
    expect(Object.keys(store.requests[0]?.headers ?? {})).not.toContain('authorization');
  });

  it('asks where a backend would: the bucket in the host, and connections elsewhere', async () => {
    const store = await startStore();
    const endpoint = { ...pathEndpoint(store), ...virtualEndpoint(store) };
    await lookAtStore(endpoint, { bucket: BUCKET }, within());
    expect(store.requests).toMatchObject([{ url: '/', headers: { host: `${BUCKET}.s3.localhost:${endpoint.port}` } }]);
  });

  it('finds names under .localhost on this machine', async () => {
    const store = await startStore();
    const endpoint = { ...pathEndpoint(store), host: 's3.localhost', addressing: 'virtual' } as const;
    expect(await lookAtStore(endpoint, { bucket: BUCKET }, within())).toMatchObject({ status: 403 });
  });

  it.each([-7_200_000, 0, 7_200_000])("tells how far the store's clock is off: %i ms", async (offsetMs) => {
    const store = await startStore({ now: () => Date.now() + offsetMs });
    const { clockOffsetMs = Number.NaN } = await lookAtStore(pathEndpoint(store), { bucket: BUCKET }, within());
    expect(Math.abs(clockOffsetMs - offsetMs)).toBeLessThan(60_000);
  });

  it('gives the region that the store tells, and no date where there is none', async () => {
    const store = await startStore();
    const headers = { 'x-amz-bucket-region': 'eu-west-1' };
    store.addFault({ effect: { kind: 'status', status: 301, headers } });
    const look = await lookAtStore(pathEndpoint(store), { bucket: BUCKET }, within());
    expect(look).toMatchObject({ status: 301, region: 'eu-west-1' });
    store.addFault({ effect: { kind: 'drop-headers', names: ['date'] } });
    expect(await lookAtStore(pathEndpoint(store), { bucket: BUCKET }, within())).toMatchObject({
      clockOffsetMs: undefined,
    });
  });

  it('says whose certificate it is, trusted or not', async () => {
    const store = await startStore({ scheme: 'https' });
    const endpoint = pathEndpoint(store);
    const { certificate } = await lookAtStore(endpoint, { bucket: BUCKET, tls: { ca: store.ca } }, within());
    const named = { subject: 'kvferry S3 simulator', issuer: 'kvferry throw-away authority' };
    expect(certificate).toEqual({ ...named, validUntilMs: expect.any(Number), problem: undefined });
    expect(certificate?.validUntilMs).toBeGreaterThan(Date.now());
    const untrusted = await lookAtStore(endpoint, { bucket: BUCKET }, within());
    expect(untrusted.certificate).toMatchObject(named);
    expect(untrusted.certificate?.problem).toMatch(/is not trusted .*ca_file/);
    const other = { ...endpoint, host: 'elsewhere.example', connectTo: { host: '127.0.0.1', port: endpoint.port } };
    const misnamed = await lookAtStore(other, { bucket: BUCKET, tls: { ca: store.ca } }, within());
    expect(misnamed.certificate?.problem).toMatch(/is another host's/);
  });

  it('fails where nobody answers', async () => {
    const silent = createServer();
    silent.listen(0, '127.0.0.1');
    onTestFinished(() => void silent.close());
    await new Promise((listening) => silent.once('listening', listening));
    const address = silent.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const store = await startStore();
    const endpoint = { ...pathEndpoint(store), port };
    const looking = lookAtStore(endpoint, { bucket: BUCKET }, AbortSignal.timeout(50));
    await expect(looking).rejects.toMatchObject({ code: 'ABORTED' });
    await expect(lookAtStore({ ...endpoint, port: 1 }, { bucket: BUCKET }, within())).rejects.toMatchObject({
      code: 'CONNECTION',
    });
  });
});
