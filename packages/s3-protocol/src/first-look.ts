import { request as requestPlain } from 'node:http';
import { request as requestOverTls } from 'node:https';
import { isIP } from 'node:net';
import { checkServerIdentity, type TLSSocket } from 'node:tls';
import { usualTrust } from '@kvferry/wire';
import { endpointUrl, loopbackOf, requestTarget } from './endpoint.ts';
import { tlsReason } from './errors.ts';
import { resolveCa } from './options.ts';
import { connectionErrorOfSdk } from './sdk-errors.ts';
import type { S3ConnectionOptions, S3Endpoint } from './types.ts';

/** What a store tells anybody who asks for a bucket, before it knows who asks. */
export interface FirstLook {
  /** Of the answer, whatever it is: mostly a refusal. */
  readonly status: number;
  /** The store's clock less this machine's, in milliseconds, exact to a second; `undefined` where the answer has no date. */
  readonly clockOffsetMs: number | undefined;
  /** Where the store says that the bucket is. */
  readonly region: string | undefined;
  /** What the store identified itself by; `undefined` without TLS. */
  readonly certificate: StoreCertificate | undefined;
}

export interface StoreCertificate {
  readonly subject: string;
  readonly issuer: string;
  readonly validUntilMs: number;
  /** Why a backend does not trust it, and what to do; `undefined`: it does. */
  readonly problem: string | undefined;
}

/**
 * Looks at a store with one unsigned request, HEAD of the bucket itself: its certificate, trusted or not, its clock, and the region that it tells. Nothing of
 * who asks goes out. Rejects where no answer came.
 */
export async function lookAtStore(
  endpoint: S3Endpoint,
  options: Pick<S3ConnectionOptions, 'bucket' | 'tls'>,
  signal: AbortSignal,
): Promise<FirstLook> {
  const ca = (await resolveCa(options)) ?? usualTrust();
  const { hostHeader, origin, pathPrefix } = requestTarget(endpoint);
  const { host, port } = origin.connectTo ?? { ...origin, host: loopbackOf(origin.host) ?? origin.host };
  const plain = {
    method: 'HEAD',
    host,
    port,
    path: pathPrefix === '/' ? '/' : pathPrefix.slice(0, -1),
    headers: { host: hostHeader },
    agent: false,
    signal,
  } as const;
  const tls = {
    ca,
    servername: isIP(origin.host) === 0 ? origin.host : '',
    // To see whose certificate it is that a backend refuses. This request says nothing that anybody may not hear.
    rejectUnauthorized: false,
    checkServerIdentity: (_: string, certificate: Parameters<typeof checkServerIdentity>[1]) =>
      checkServerIdentity(origin.host, certificate),
  } as const;
  const sentMs = Date.now();
  const { promise, resolve, reject } = Promise.withResolvers<FirstLook>();
  const request = origin.scheme === 'https' ? requestOverTls({ ...plain, ...tls }) : requestPlain(plain);
  request.on('error', (thrown) => reject(connectionErrorOfSdk(thrown, { endpoint, identity: 'nobody' })));
  request.on('response', (response) => {
    const { date, 'x-amz-bucket-region': region } = response.headers;
    // A date has whole seconds: half of one is right in the middle.
    const storeMs = date === undefined ? Number.NaN : Date.parse(date) + 500;
    const look: FirstLook = {
      status: response.statusCode ?? 0,
      clockOffsetMs: Number.isNaN(storeMs) ? undefined : storeMs - (sentMs + Date.now()) / 2,
      region: typeof region === 'string' ? region : undefined,
      certificate:
        origin.scheme === 'https' ? certificateOf(response.socket as TLSSocket, endpointUrl(endpoint)) : undefined,
    };
    response.resume();
    resolve(look);
  });
  request.end();
  try {
    return await promise;
  } finally {
    request.destroy();
  }
}

function certificateOf(socket: TLSSocket, at: string): StoreCertificate {
  const { issuer, subject, subjectaltname, valid_to } = socket.getPeerCertificate();
  const nameOf = (name: typeof subject | undefined): string | undefined => {
    const text = name?.CN ?? name?.O;
    return Array.isArray(text) ? text.join(', ') : text;
  };
  return {
    subject: nameOf(subject) ?? subjectaltname ?? 'nobody named',
    issuer: nameOf(issuer) ?? 'nobody named',
    validUntilMs: Date.parse(valid_to),
    problem: socket.authorized ? undefined : tlsReason(String(socket.authorizationError), at),
  };
}
