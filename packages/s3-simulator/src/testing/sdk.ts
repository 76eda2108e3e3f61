/** The AWS SDK as a client that somebody else wrote, pointed at a simulator. */

import { Agent as HttpAgent } from 'node:http';
import { type AgentOptions, Agent as HttpsAgent } from 'node:https';
import type { LookupFunction } from 'node:net';
import type { Duplex } from 'node:stream';
import { S3Client, type S3ClientConfig, type S3ServiceException } from '@aws-sdk/client-s3';
import type { Simulator, SimulatorCredentials } from '../types.ts';

// Without this the SDK may ask the network for credentials and regions.
process.env.AWS_EC2_METADATA_DISABLED = 'true';

export interface SdkOptions {
  /** Default `path`, at 127.0.0.1; `virtual` at `s3.localhost`. */
  readonly addressing?: 'path' | 'virtual' | undefined;
  readonly credentials?: SimulatorCredentials | undefined;
  readonly region?: string | undefined;
}

/** A client with the SDK's own defaults for all that the options do not name, but one attempt for each request. */
export function sdkClient(simulator: Simulator, options: SdkOptions = {}): S3Client {
  const { accessKeyId, secretAccessKey, sessionToken } = options.credentials ?? simulator.credentials;
  const isVirtual = options.addressing === 'virtual';
  const agent = { lookup: loopback, ...(simulator.ca === undefined ? {} : { ca: simulator.ca }) };
  const config: S3ClientConfig = {
    endpoint: isVirtual ? simulator.url.replace('127.0.0.1', 's3.localhost') : simulator.url,
    region: options.region ?? simulator.region,
    forcePathStyle: !isVirtual,
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
    maxAttempts: 1,
    requestHandler: { httpAgent: new HttpAgent(agent), httpsAgent: new HttpsAgent(agent) },
  };
  return new S3Client(config);
}

/**
 * A client with nothing but the SDK's own defaults for S3 Express: it is told neither endpoint nor session, and finds both by the bucket's name. Only its
 * connections end here, in place of at AWS.
 */
export function zonalClient(simulator: Simulator): S3Client {
  const { accessKeyId, secretAccessKey } = simulator.credentials;
  return new S3Client({
    region: simulator.region,
    credentials: { accessKeyId, secretAccessKey },
    requestHandler: { httpsAgent: new HereAgent({ ca: simulator.ca ?? '' }, simulator.port) },
  });
}

class HereAgent extends HttpsAgent {
  readonly #port: number;

  constructor(options: AgentOptions, port: number) {
    super(options);
    this.#port = port;
  }

  /** The server's name for TLS was taken from the request before this. */
  override createConnection(options: never, callback: never): Duplex {
    const here = { ...(options as object), host: '127.0.0.1', port: this.#port } as never;
    return super.createConnection(here, callback) as Duplex;
  }
}

/** The refusal that the SDK made of an answer; throws where the request succeeded. */
export async function refusal(request: Promise<unknown>): Promise<{ name: string; status: number | undefined }> {
  try {
    await request;
  } catch (error) {
    const { name, $metadata } = error as S3ServiceException;
    return { name, status: $metadata?.httpStatusCode };
  }
  throw new Error('The request was not refused.');
}

/** Every name is this machine's: names under `.localhost` need not resolve. */
const loopback: LookupFunction = (_hostname, options, callback) => {
  if (options.all) callback(null, [{ address: '127.0.0.1', family: 4 }]);
  else callback(null, '127.0.0.1', 4);
};
