import http from 'node:http';
import https from 'node:https';
import type { Readable } from 'node:stream';
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { BUCKET } from '../objects.ts';
import { expectAnswer, keyOf, originOf } from './requests.ts';
import { type BenchClient, inSlots, type Session, type SessionOptions } from './types.ts';

/** The AWS SDK as it comes, except that it reads without verifying checksums. */
export async function loadAwsSdk(): Promise<BenchClient> {
  return sdkClient('as it comes');
}

/** The same with unsigned payloads and no checksum: the least that an upload through the SDK can cost. */
export async function loadAwsSdkUnsigned(): Promise<BenchClient> {
  return sdkClient('unsigned');
}

function sdkClient(payload: 'as it comes' | 'unsigned'): BenchClient {
  return {
    async open(options: SessionOptions): Promise<Session> {
      const { cell } = options;
      const limits = { keepAlive: true, maxSockets: cell.concurrency, maxFreeSockets: cell.concurrency };
      const client = new S3Client({
        endpoint: originOf(options),
        region: 'us-east-1',
        forcePathStyle: true,
        credentials: { accessKeyId: 'wire-bench', secretAccessKey: 'wire-bench-secret' },
        // The store returns a CRC32C when asked for checksums, and the SDK's own CRC32C would be all that is measured.
        responseChecksumValidation: 'WHEN_REQUIRED',
        requestChecksumCalculation: payload === 'unsigned' ? 'WHEN_REQUIRED' : 'WHEN_SUPPORTED',
        maxAttempts: 1,
        requestHandler: new NodeHttpHandler({
          httpAgent: new http.Agent(limits),
          httpsAgent: new https.Agent({ ...limits, ca: options.target.ca }),
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

      const operations = {
        async GET(slot: number): Promise<void> {
          const answer = await client.send(new GetObjectCommand({ Bucket: BUCKET, Key: keyOf(options, slot) }));
          const bytes = await readInto(answer.Body as Readable, options.buffers[slot] as Uint8Array);
          expectAnswer(options, answer.$metadata.httpStatusCode, bytes);
        },
        async PUT(slot: number): Promise<void> {
          const body = options.buffers[slot] as Uint8Array;
          const answer = await client.send(
            new PutObjectCommand({ Bucket: BUCKET, Key: keyOf(options, slot), Body: body }),
          );
          expectAnswer(options, answer.$metadata.httpStatusCode, 0);
        },
        async HEAD(slot: number): Promise<void> {
          const answer = await client.send(new HeadObjectCommand({ Bucket: BUCKET, Key: keyOf(options, slot) }));
          expectAnswer(options, answer.$metadata.httpStatusCode, 0);
        },
      };

      return {
        run: (perSlot: number): Promise<void> => inSlots(cell.concurrency, perSlot, operations[cell.operation]),
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
