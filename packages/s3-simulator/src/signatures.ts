/** Signature version 4, recomputed from what was received: nothing here is shared with a client. */

import { createHash, createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import { failure, type S3Failure } from './failures.ts';
import type { Sessions } from './sessions.ts';
import type { SimulatorCredentials } from './types.ts';
import { compareUtf8, percentEncode, percentEncodePath, type QueryParameter } from './uri.ts';

/** Largest difference between the clocks of client and server that S3 takes. */
const MAX_SKEW_MS = 15 * 60 * 1000;
const EMPTY_SHA256 = sha256Hex('');

export interface SignedRequest {
  readonly method: string;
  /** Decoded. */
  readonly path: string;
  readonly query: readonly QueryParameter[];
  /** Names in lower case; several of one name in order of arrival. Values as latin1 text, that is byte for byte. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
}

/** What a request's signature says of its body. */
export type PayloadRule =
  | { readonly kind: 'unsigned' }
  | { readonly kind: 'sha256'; readonly hex: string }
  /** aws-chunked. `signer` is there where every chunk is signed too. */
  | { readonly kind: 'streaming'; readonly trailer: boolean; readonly signer: ChunkSigner | undefined };

/** Follows the chain of signatures through an aws-chunked body. */
export interface ChunkSigner {
  /** Throws SignatureDoesNotMatch. */
  checkChunk(signature: string, sha256HexOfData: string): void;
  checkTrailer(signature: string, canonicalTrailer: string): void;
}

/** Whose signature a request must carry, and for which service. */
export type Access =
  /** One of the simulator's pairs. */
  | { readonly service: 's3' | 's3express'; readonly by: 'credentials' }
  /** A session of this bucket; `either`: that or a pair. `changes`: a session for reading alone is not enough. */
  | {
      readonly service: 's3express';
      readonly by: 'session' | 'either';
      readonly bucket: string;
      readonly changes: boolean;
    };

export interface SignatureVerifier {
  /** Throws the S3Failure that S3 would answer with. */
  verify(request: SignedRequest, access: Access): PayloadRule;
}

/** Verifies by these credentials and sessions, this region (`*`: any) and this clock. */
export function createVerifier(options: {
  readonly credentials: readonly SimulatorCredentials[];
  readonly sessions: Sessions;
  readonly region: string;
  readonly now: () => number;
}): SignatureVerifier {
  // As KeyObjects: a Buffer as key costs 16 µs a signature on Node 24, a KeyObject few.
  const signingKeys = new Map<string, KeyObject>();

  function signingKey(secret: string, date: string, region: string, service: string): KeyObject {
    const id = `${date}/${region}/${service}/${secret}`;
    const known = signingKeys.get(id);
    if (known !== undefined) return known;
    const key = createSecretKey(
      [date, region, service, 'aws4_request'].reduce<Buffer>(hmac, Buffer.from(`AWS4${secret}`)),
    );
    if (signingKeys.size > 100) signingKeys.clear();
    signingKeys.set(id, key);
    return key;
  }

  function secretOf(keyId: string, claim: Claim, access: Access): string {
    const nowMs = options.now();
    if (access.by === 'session' || (access.by === 'either' && claim.sessionToken !== undefined)) {
      return sessionSecret(options.sessions, keyId, claim, access, nowMs);
    }
    const credentials = options.credentials.find((candidate) => candidate.accessKeyId === keyId);
    if (credentials === undefined) throw failure('InvalidAccessKeyId', undefined, { AWSAccessKeyId: keyId });
    if (claim.sessionToken !== undefined) throw failure('InvalidToken', 'These credentials are no session.');
    checkToken(credentials, claim.securityToken, nowMs);
    return credentials.secretAccessKey;
  }

  return {
    verify(request, access) {
      const claim = readClaim(request);
      const [keyId, date, region, service, terminator, ...rest] = claim.credential;
      const malformed = (message: string, details?: Record<string, string>): S3Failure =>
        failure(
          claim.presigned ? 'AuthorizationQueryParametersError' : 'AuthorizationHeaderMalformed',
          message,
          details,
        );
      if (!keyId || !date || !region || terminator !== 'aws4_request' || rest.length > 0) {
        throw malformed(`The credential must read <key id>/<date>/<region>/${access.service}/aws4_request.`);
      }
      if (service !== access.service) {
        throw malformed(`The service '${service}' is wrong; expecting '${access.service}'`);
      }
      const secret = secretOf(keyId, claim, access);
      if (options.region !== '*' && region !== options.region) {
        throw malformed(`The region '${region}' is wrong; expecting '${options.region}'`, { Region: options.region });
      }
      if (date !== claim.timestamp.slice(0, 8)) {
        throw malformed(`The date of the credential, ${date}, is not that of the request, ${claim.timestamp}.`);
      }
      checkTime(claim, options.now());
      checkSignedHeaders(request, claim.signedHeaders);

      const scope = `${date}/${region}/${service}/aws4_request`;
      const canonical = canonicalRequest(request, claim);
      const stringToSign = `AWS4-HMAC-SHA256\n${claim.timestamp}\n${scope}\n${sha256Hex(canonical)}`;
      const key = signingKey(secret, date, region, service);
      if (!sameText(hmac(key, stringToSign).toString('hex'), claim.signature)) {
        throw failure('SignatureDoesNotMatch', undefined, {
          AWSAccessKeyId: keyId,
          StringToSign: stringToSign,
          SignatureProvided: claim.signature,
          CanonicalRequest: canonical,
        });
      }
      return payloadRule(claim, key, scope);
    },
  };
}

interface Claim {
  readonly presigned: boolean;
  readonly credential: readonly string[];
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** `20260131T120000Z`. */
  readonly timestamp: string;
  readonly timeMs: number;
  readonly securityToken: string | undefined;
  /** That of a directory bucket's session. */
  readonly sessionToken: string | undefined;
  readonly payloadHash: string;
  readonly expiresSeconds: number | undefined;
}

function readClaim(request: SignedRequest): Claim {
  const authorization = request.headers.get('authorization')?.join(',');
  if (authorization !== undefined) return headerClaim(request, authorization);
  if (request.query.some(({ name }) => name === 'X-Amz-Algorithm')) return queryClaim(request);
  throw failure('AccessDenied', 'Access Denied: the request is not signed.');
}

function headerClaim(request: SignedRequest, authorization: string): Claim {
  const malformed = (message: string): S3Failure => failure('AuthorizationHeaderMalformed', message);
  const match = /^AWS4-HMAC-SHA256\s+(.*)$/.exec(authorization);
  if (match?.[1] === undefined) throw failure('InvalidRequest', 'Please use AWS4-HMAC-SHA256.');
  const fields = new Map<string, string>();
  for (const part of match[1].split(',')) {
    const equals = part.indexOf('=');
    if (equals > 0) fields.set(part.slice(0, equals).trim(), part.slice(equals + 1).trim());
  }
  const credential = fields.get('Credential');
  const signedHeaders = fields.get('SignedHeaders');
  const signature = fields.get('Signature');
  if (!credential || !signedHeaders || !signature) {
    throw malformed('The authorization header must hold Credential, SignedHeaders and Signature.');
  }
  const payloadHash = header(request, 'x-amz-content-sha256');
  if (payloadHash === undefined) {
    throw failure('InvalidRequest', 'Missing required header for this request: x-amz-content-sha256');
  }
  return {
    presigned: false,
    credential: credential.split('/'),
    signedHeaders: signedHeaders.split(';'),
    signature,
    ...requestTime(header(request, 'x-amz-date') ?? header(request, 'date')),
    securityToken: header(request, 'x-amz-security-token'),
    sessionToken: header(request, 'x-amz-s3session-token'),
    payloadHash,
    expiresSeconds: undefined,
  };
}

function queryClaim(request: SignedRequest): Claim {
  const field = (name: string): string | undefined => request.query.find((entry) => entry.name === name)?.value;
  const malformed = (message: string): S3Failure => failure('AuthorizationQueryParametersError', message);
  const credential = field('X-Amz-Credential');
  const signedHeaders = field('X-Amz-SignedHeaders');
  const signature = field('X-Amz-Signature');
  const expires = Number(field('X-Amz-Expires') ?? Number.NaN);
  if (field('X-Amz-Algorithm') !== 'AWS4-HMAC-SHA256') throw malformed('X-Amz-Algorithm must be AWS4-HMAC-SHA256.');
  if (!credential || !signedHeaders || !signature) {
    throw malformed('A presigned URL holds X-Amz-Credential, X-Amz-SignedHeaders and X-Amz-Signature.');
  }
  if (!Number.isInteger(expires) || expires < 1 || expires > 604_800) {
    throw malformed('X-Amz-Expires must be 1 to 604800 seconds.');
  }
  return {
    presigned: true,
    credential: credential.split('/'),
    signedHeaders: signedHeaders.split(';'),
    signature,
    ...requestTime(field('X-Amz-Date')),
    securityToken: field('X-Amz-Security-Token') ?? header(request, 'x-amz-security-token'),
    sessionToken: field('X-Amz-S3session-Token') ?? header(request, 'x-amz-s3session-token'),
    payloadHash: header(request, 'x-amz-content-sha256') ?? field('X-Amz-Content-Sha256') ?? 'UNSIGNED-PAYLOAD',
    expiresSeconds: expires,
  };
}

/** Takes the form of `x-amz-date`, and that of the HTTP `Date` header. */
function requestTime(text: string | undefined): { readonly timestamp: string; readonly timeMs: number } {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text ?? '');
  const [, year, month, day, hour, minute, second] = match ?? [];
  const timeMs = match ? Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`) : Date.parse(text ?? '');
  if (text === undefined || Number.isNaN(timeMs)) {
    throw failure('AccessDenied', 'AWS authentication requires a valid Date or x-amz-date header');
  }
  return { timestamp: match ? text : new Date(timeMs).toISOString().replace(/[-:]|\.\d+/g, ''), timeMs };
}

function checkToken(credentials: SimulatorCredentials, token: string | undefined, nowMs: number): void {
  if (credentials.sessionToken === undefined) {
    if (token !== undefined) throw failure('InvalidToken');
    return;
  }
  // A temporary key id without its token is a key that S3 does not know on its own.
  if (token === undefined) throw failure('InvalidToken', 'These credentials need x-amz-security-token.');
  if (!sameText(token, credentials.sessionToken)) throw failure('InvalidToken');
  if (credentials.expiresAtMs !== undefined && nowMs >= credentials.expiresAtMs) throw failure('ExpiredToken');
}

/** The secret of a session, once it is known that it is this one, and good for this request. */
function sessionSecret(
  sessions: Sessions,
  keyId: string,
  { securityToken, sessionToken }: Claim,
  access: Exclude<Access, { readonly by: 'credentials' }>,
  nowMs: number,
): string {
  if (sessionToken === undefined) {
    throw failure(
      'AccessDenied',
      'Access Denied: this bucket takes requests under a session, which CreateSession opens.',
    );
  }
  const session = sessions.find(keyId);
  if (session === undefined) throw failure('InvalidToken', 'The session token belongs to another key.');
  // The token of the credentials has served to open the session; beside the session's own it says nothing.
  if (securityToken !== undefined || !sameText(sessionToken, session.sessionToken)) throw failure('InvalidToken');
  if (session.bucket !== access.bucket) throw failure('InvalidToken', 'The session is that of another bucket.');
  if (nowMs >= session.expiresAtMs) throw failure('ExpiredToken');
  if (access.changes && session.mode === 'ReadOnly')
    throw failure('AccessDenied', 'Access Denied: the session only reads.');
  return session.secretAccessKey;
}

function checkTime(claim: Claim, nowMs: number): void {
  const details = {
    RequestTime: claim.timestamp,
    ServerTime: new Date(nowMs).toISOString(),
    MaxAllowedSkewMilliseconds: String(MAX_SKEW_MS),
  };
  if (claim.expiresSeconds !== undefined) {
    if (nowMs > claim.timeMs + claim.expiresSeconds * 1000) {
      throw failure('AccessDenied', 'Request has expired', details);
    }
    if (claim.timeMs - nowMs > MAX_SKEW_MS) throw failure('AccessDenied', 'Request is not valid yet', details);
  } else if (Math.abs(nowMs - claim.timeMs) > MAX_SKEW_MS) {
    throw failure('RequestTimeTooSkewed', undefined, details);
  }
}

/** `host` and every `x-amz-` header must be covered, else somebody on the way could change what is asked. */
function checkSignedHeaders(request: SignedRequest, signedHeaders: readonly string[]): void {
  const unsigned: string[] = [];
  for (const name of request.headers.keys()) {
    if ((name === 'host' || name.startsWith('x-amz-')) && !signedHeaders.includes(name)) unsigned.push(name);
  }
  if (unsigned.length > 0) {
    throw failure('AccessDenied', 'There were headers present in the request which were not signed', {
      HeadersNotSigned: unsigned.join(', '),
    });
  }
}

function canonicalRequest(request: SignedRequest, claim: Claim): string {
  const query = request.query
    .filter(({ name }) => name !== 'X-Amz-Signature' || !claim.presigned)
    .map(({ name, value }) => [percentEncode(name), percentEncode(value)] as const)
    .sort(([a, x], [b, y]) => compareUtf8(a, b) || compareUtf8(x, y))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
  let headers = '';
  for (const name of claim.signedHeaders) {
    const values = request.headers.get(name) ?? [];
    headers += `${name}:${values.map((value) => value.trim().replace(/ +/g, ' ')).join(',')}\n`;
  }
  const path = percentEncodePath(request.path);
  return `${request.method}\n${path}\n${query}\n${headers}\n${claim.signedHeaders.join(';')}\n${claim.payloadHash}`;
}

function payloadRule(claim: Claim, key: KeyObject, scope: string): PayloadRule {
  const hash = claim.payloadHash;
  if (hash === 'UNSIGNED-PAYLOAD') return { kind: 'unsigned' };
  if (/^[0-9a-f]{64}$/.test(hash)) return { kind: 'sha256', hex: hash };
  if (hash === 'STREAMING-UNSIGNED-PAYLOAD-TRAILER') return { kind: 'streaming', trailer: true, signer: undefined };
  if (hash === 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD' || hash === 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER') {
    const signer = chunkSigner(key, claim.timestamp, scope, claim.signature);
    return { kind: 'streaming', trailer: hash.endsWith('-TRAILER'), signer };
  }
  throw failure(
    'InvalidArgument',
    'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a SHA-256 value.',
  );
}

function chunkSigner(key: KeyObject, timestamp: string, scope: string, seed: string): ChunkSigner {
  let previous = seed;
  function check(stringToSign: string, signature: string): void {
    if (!sameText(hmac(key, stringToSign).toString('hex'), signature)) {
      throw failure('SignatureDoesNotMatch', 'The signature of a chunk of the body does not match.', {
        StringToSign: stringToSign,
        SignatureProvided: signature,
      });
    }
    previous = signature;
  }
  return {
    checkChunk(signature, sha256HexOfData) {
      check(
        `AWS4-HMAC-SHA256-PAYLOAD\n${timestamp}\n${scope}\n${previous}\n${EMPTY_SHA256}\n${sha256HexOfData}`,
        signature,
      );
    },
    checkTrailer(signature, canonicalTrailer) {
      check(`AWS4-HMAC-SHA256-TRAILER\n${timestamp}\n${scope}\n${previous}\n${sha256Hex(canonicalTrailer)}`, signature);
    },
  };
}

function header(request: SignedRequest, name: string): string | undefined {
  return request.headers.get(name)?.join(',');
}

function hmac(key: Buffer | KeyObject, text: string): Buffer {
  return createHmac('sha256', key).update(text, 'latin1').digest();
}

/** Of latin1 text: header values arrive as bytes, and are signed as bytes. */
function sha256Hex(text: string): string {
  return createHash('sha256').update(text, 'latin1').digest('hex');
}

function sameText(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}
