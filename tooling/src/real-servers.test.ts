import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { findMinio, findVersityGateway, type RealServer } from './real-servers.ts';

const finders = { MinIO: findMinio, versitygw: findVersityGateway } as const;

describe.each(['http', 'https'] as const)('over %s', (scheme) => {
  test.for(Object.entries(finders))(
    '%s takes a signed request and stops',
    { timeout: 120_000 },
    async ([name, find], { skip }) => {
      const server = await find({ scheme });
      if (server.status === 'missing') {
        console.warn(`Skipped: ${server.reason}`);
        return skip(server.reason);
      }
      console.log(`${name} from ${server.source}`);
      try {
        const answer = await listBuckets(server);
        expect(answer).toMatchObject({ httpStatus: 200, body: expect.stringContaining('ListAllMyBucketsResult') });
      } finally {
        await server.stop();
      }
      await expect(listBuckets(server)).rejects.toThrow('ECONNREFUSED');
    },
  );
});

/** GET / with a Signature Version 4, by hand: this room knows no other package. */
async function listBuckets(server: RealServer): Promise<{ httpStatus: number; body: string }> {
  const { host } = new URL(server.endpoint);
  const time = new Date().toISOString().replace(/[:-]|\.\d{3}/g, '');
  const scope = `${time.slice(0, 8)}/${server.region}/s3/aws4_request`;
  const headers = { host, 'x-amz-content-sha256': sha256(''), 'x-amz-date': time };
  const names = Object.keys(headers).join(';');
  const canonicalHeaders = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`);
  const canonical = ['GET', '/', '', canonicalHeaders.join(''), names, sha256('')].join('\n');
  const key = scope.split('/').reduce<string | Buffer>(hmac, `AWS4${server.credentials.secretAccessKey}`);
  const signature = hmac(key, ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n')).toString('hex');
  const credential = `${server.credentials.accessKeyId}/${scope}`;
  const authorization = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names}, Signature=${signature}`;
  const options = { agent: false, headers: { ...headers, authorization } } as const;
  const request =
    server.ca === undefined
      ? httpRequest(server.endpoint, options)
      : httpsRequest(server.endpoint, { ...options, ca: server.ca });
  request.end();
  const [response] = await once(request, 'response');
  return { httpStatus: response.statusCode, body: await text(response) };
}

function sha256(value: string): string {
  return createHash('sha256').update(value).digest('hex');
}

function hmac(key: string | Buffer, value: string): Buffer {
  return createHmac('sha256', key).update(value).digest();
}
