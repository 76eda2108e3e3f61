import { createServer, type IncomingMessage, request as sendRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { type Simulator, startSimulator } from '@kvferry/s3-simulator';
import { onTestFinished } from 'vitest';
import type { ProbeOptions } from '../probe/types.ts';

export const BUCKET = 'my-bucket';

/** One request on its way to the simulator. */
export interface PassingRequest {
  readonly method: string;
  readonly key: string;
  readonly query: URLSearchParams;
  /** Headers that are not signed may be changed. */
  readonly headers: Record<string, string>;
  readonly body: Buffer;
  readonly simulator: Simulator;
}

export interface PassingAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** What a store does that S3 does not. */
export interface Oddity {
  /** Answers in the simulator's place, or changes the request. */
  before?(request: PassingRequest): PassingAnswer | undefined | Promise<PassingAnswer | undefined>;
  /** Changes the simulator's answer. */
  after?(answer: Required<PassingAnswer>, request: PassingRequest): PassingAnswer | Promise<PassingAnswer>;
}

/** A simulator behind a server that changes what passes. Gone when the test has ended. */
export async function startOddStore(
  oddity: Oddity,
): Promise<{ readonly simulator: Simulator; readonly options: ProbeOptions }> {
  const simulator = await startSimulator({ buckets: [BUCKET] });
  const server = createServer((incoming, outgoing) => {
    answerOf(incoming, simulator, oddity).then(
      ({ body = '', headers = {}, status }) => {
        const length = incoming.method === 'HEAD' ? {} : { 'content-length': String(Buffer.byteLength(body)) };
        outgoing.writeHead(status, { ...headers, ...length }).end(incoming.method === 'HEAD' ? undefined : body);
      },
      () => outgoing.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await simulator.close();
  });
  const { port } = server.address() as AddressInfo;
  const { credentials, region } = simulator;
  return { simulator, options: { bucket: BUCKET, endpoint: `http://127.0.0.1:${port}`, region, credentials } };
}

/** An S3 error document. */
export function refusal(status: number, code: string): PassingAnswer {
  return {
    status,
    headers: { 'content-type': 'application/xml' },
    body: `<?xml version="1.0"?><Error><Code>${code}</Code></Error>`,
  };
}

async function answerOf(incoming: IncomingMessage, simulator: Simulator, oddity: Oddity): Promise<PassingAnswer> {
  const url = new URL(incoming.url ?? '/', 'http://store');
  const passing: PassingRequest = {
    method: incoming.method ?? '',
    key: decodeURIComponent(url.pathname.slice(`/${BUCKET}/`.length)),
    query: url.searchParams,
    headers: Object.fromEntries(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)])),
    body: await buffer(incoming),
    simulator,
  };
  const instead = await oddity.before?.(passing);
  if (instead !== undefined) return instead;
  const answer = await forwarded(incoming.url ?? '/', passing);
  return (await oddity.after?.(answer, passing)) ?? answer;
}

function forwarded(
  path: string,
  { body, headers, method, simulator }: PassingRequest,
): Promise<Required<PassingAnswer>> {
  return new Promise((resolve, reject) => {
    const outgoing = sendRequest({ host: '127.0.0.1', port: simulator.port, method, path, headers }, (response) => {
      buffer(response).then((content) => {
        const { 'transfer-encoding': _, ...kept } = response.headers;
        const plain = Object.fromEntries(Object.entries(kept).map(([name, value]) => [name, String(value)]));
        resolve({ status: response.statusCode ?? 0, headers: plain, body: content });
      }, reject);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
