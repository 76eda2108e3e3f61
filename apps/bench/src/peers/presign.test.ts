import http from 'node:http';
import { startSimulator } from '@kvferry/s3-simulator';
import { expect, onTestFinished, test } from 'vitest';
import { presignReads } from './presign.ts';

const key = "run/of model@1 +~'()*!ä";
const body = Buffer.from('the object');

test.each(['path', 'virtual'] as const)(
  'a signed URL reads its object from a store that checks it: %s',
  async (addressing) => {
    const session = { accessKeyId: 'somebody', secretAccessKey: 'secret', sessionToken: 'a/session+token==' };
    const simulator = await startSimulator({ buckets: ['my-bucket'], credentials: [session] });
    onTestFinished(() => simulator.close());
    await simulator.putObject('my-bucket', key, body);
    const host = addressing === 'path' ? '127.0.0.1' : 's3.localhost';
    const endpoint = `http://${host}:${simulator.port}`;
    const store = {
      endpoint,
      addressing,
      region: simulator.region,
      bucket: 'my-bucket',
      ca: undefined,
      credentials: session,
      isExpress: false,
    };

    const { origin, paths } = await presignReads(store, [key], 60);

    expect(origin).toBe(addressing === 'path' ? endpoint : `http://my-bucket.s3.localhost:${simulator.port}`);
    expect(await get(simulator.port, new URL(origin).host, paths[0] as string)).toEqual({ status: 200, body });
    // Not by accident: the signature counts.
    const forged = (paths[0] as string).replace(/[0-9a-f]{8}$/, '00000000');
    expect(await get(simulator.port, new URL(origin).host, forged)).toMatchObject({ status: 403 });
  },
);

function get(port: number, host: string, path: string): Promise<{ status: number | undefined; body: Buffer }> {
  return new Promise((resolve, reject) => {
    http
      .get({ host: '127.0.0.1', port, path, headers: { host }, agent: false }, async (response) => {
        const chunks: Buffer[] = await response.toArray();
        resolve({ status: response.statusCode, body: Buffer.concat(chunks) });
      })
      .on('error', reject);
  });
}
