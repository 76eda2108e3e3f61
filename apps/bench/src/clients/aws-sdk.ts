import http from 'node:http';
import https from 'node:https';
import type { Readable } from 'node:stream';
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { expectAnswer } from './expect-answer.ts';
import { packageVersion } from './package-version.ts';
import { type BenchClient, inSlots, type Session, type SessionOptions } from './types.ts';

/**
 * The AWS SDK as it comes, except that it reads without verifying checksums. With an `unsigned` payload, and then no checksum: the least that an upload
 * through it can cost.
 */
export async function loadAwsSdk(payload: 'as it comes' | 'unsigned'): Promise<BenchClient> {
  return {
    version: packageVersion('@aws-sdk/client-s3'),
    async open(options: SessionOptions): Promise<Session> {
      const { buffers, concurrency, keys, maxAttempts, operation, store } = options;
      const { accessKeyId, secretAccessKey, sessionToken } = store.credentials;
      const limits = { keepAlive: true, maxSockets: concurrency, maxFreeSockets: concurrency };
      const trust = store.ca === undefined ? {} : { ca: store.ca };
      const client = new S3Client({
        endpoint: store.endpoint,
        region: store.region,
        forcePathStyle: store.addressing === 'path',
        credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
        // A store returns a CRC32C when asked for checksums, and the SDK's own CRC32C would be all that is measured.
        responseChecksumValidation: 'WHEN_REQUIRED',
        requestChecksumCalculation: payload === 'unsigned' ? 'WHEN_REQUIRED' : 'WHEN_SUPPORTED',
        ...(maxAttempts === undefined ? {} : { maxAttempts }),
        requestHandler: new NodeHttpHandler({
          httpAgent: new http.Agent(limits),
          httpsAgent: new https.Agent({ ...limits, ...trust }),
        }),
      });
      if (payload === 'unsigned') {
        client.middlewareStack.add(
          (next) => (args) => {
            (args.request as { headers: Record<string, string> }).headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD';
            return next(args);
          },
          { step: 'build', name: 'unsignedPayload' },
        );
      }

      const place = (object: number): { Bucket: string; Key: string } => ({
        Bucket: store.bucket,
        Key: keys[object] as string,
      });
      const operations = {
        async GET(slot: number, object: number): Promise<void> {
          const answer = await client.send(new GetObjectCommand(place(object)));
          const bytes = await readInto(answer.Body as Readable, buffers[slot] as Uint8Array);
          expectAnswer(options, answer.$metadata.httpStatusCode, bytes);
        },
        async PUT(slot: number, object: number): Promise<void> {
          const body = buffers[slot] as Uint8Array;
          const answer = await client.send(new PutObjectCommand({ ...place(object), Body: body }));
          expectAnswer(options, answer.$metadata.httpStatusCode, 0);
        },
        async HEAD(_slot: number, object: number): Promise<void> {
          const answer = await client.send(new HeadObjectCommand(place(object)));
          expectAnswer(options, answer.$metadata.httpStatusCode, 0);
        },
      };

      return {
        run: (next): Promise<void> => inSlots(options, next, operations[operation]),
        async close(): Promise<void> {
          client.destroy();
        },
      };
    },
  };
}

// Events cost the stream less than its async iterator.
function readInto(body: Readable, into: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    let offset = 0;
    body.on('data', (chunk: Buffer) => {
      into.set(chunk, offset);
      offset += chunk.length;
    });
    body.on('error', reject);
    body.on('end', () => resolve(offset));
  });
}
