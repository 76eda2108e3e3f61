import { type ErrorCode, type ErrorFacts, KvferryError, type Operation } from '@kvferry/core';
import { type ResponseHeaders, WireError, type WireErrorCode } from '@kvferry/wire';
import { endpointUrl } from './endpoint.ts';
import type { ErrorDocument } from './error-body.ts';
import type { S3Endpoint } from './types.ts';

/** What every message about a store can name. */
export interface ErrorContext {
  readonly endpoint: S3Endpoint;
  /** Who asked, without a secret. */
  readonly identity: string;
  /** Set where requests go under sessions: the right to open one is then the only right there is. */
  readonly sessionRight?: string | undefined;
}

/** An answer that is not what was asked for. */
export interface StoreAnswer {
  readonly operation: Operation;
  /** 0 where only a code is known: an entry of DeleteObjects' answer. */
  readonly status: number;
  readonly document: ErrorDocument;
  readonly headers: ResponseHeaders;
}

/** Codes of S3 and its relatives for what happens to any request. What is not here goes by its status. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  SignatureDoesNotMatch: 'UNAUTHENTICATED',
  InvalidAccessKeyId: 'UNAUTHENTICATED',
  ExpiredToken: 'UNAUTHENTICATED',
  ExpiredTokenException: 'UNAUTHENTICATED',
  InvalidToken: 'UNAUTHENTICATED',
  // MinIO's name for it.
  InvalidTokenId: 'UNAUTHENTICATED',
  TokenRefreshRequired: 'UNAUTHENTICATED',
  MissingSecurityHeader: 'UNAUTHENTICATED',
  RequestTimeTooSkewed: 'UNAUTHENTICATED',
  AccessDenied: 'PERMISSION_DENIED',
  AllAccessDisabled: 'PERMISSION_DENIED',
  AccountProblem: 'PERMISSION_DENIED',
  InvalidObjectState: 'PERMISSION_DENIED',
  NoSuchBucket: 'NAMESPACE_NOT_FOUND',
  SlowDown: 'THROTTLED',
  SlowDownRead: 'THROTTLED',
  SlowDownWrite: 'THROTTLED',
  Throttling: 'THROTTLED',
  ThrottlingException: 'THROTTLED',
  RequestLimitExceeded: 'THROTTLED',
  RequestThrottled: 'THROTTLED',
  TooManyRequests: 'THROTTLED',
  TooManyRequestsException: 'THROTTLED',
  BandwidthLimitExceeded: 'THROTTLED',
  InternalError: 'UNAVAILABLE',
  ServiceUnavailable: 'UNAVAILABLE',
  // Two writers of one key at once: S3 asks to try again.
  ConditionalRequestConflict: 'UNAVAILABLE',
  OperationAborted: 'UNAVAILABLE',
  // Somebody has removed it under us: the same put, begun anew, may well succeed.
  NoSuchUpload: 'UNAVAILABLE',
  RequestTimeout: 'TIMEOUT',
  IncompleteBody: 'CONNECTION',
  BadDigest: 'CORRUPT',
  XAmzContentChecksumMismatch: 'CORRUPT',
  XAmzContentSHA256Mismatch: 'CORRUPT',
  EntityTooLarge: 'TOO_LARGE',
  NotImplemented: 'UNSUPPORTED',
  MethodNotAllowed: 'UNSUPPORTED',
};

/** Codes by which stores say that they take the bucket only in the host. */
const PATH_REFUSED = /^(SecondLevelDomainForbidden|PathStyleRequestNotAllowed|PathStyleDomainForbidden)$/;

/** Operations to which `NoSuchKey` is an answer. */
const HAS_MISS: ReadonlySet<Operation> = new Set(['stat', 'get', 'delete']);

/**
 * Says what an answer other than success means: `miss`, or an error. Only `NoSuchKey` is a miss, and only where a key
 * may be missing. A 404 without a code is none: whatever answered, it did not say that it knows the bucket.
 */
export function judgeAnswer(answer: StoreAnswer, context: ErrorContext): 'miss' | KvferryError {
  const { document, status, operation } = answer;
  if (document.code === 'NoSuchKey' && HAS_MISS.has(operation)) return 'miss';
  const region = regionProblem(answer, context.endpoint);
  if (region !== undefined) return error(answer, 'CONFIG_INVALID', region);
  if (document.code !== undefined && PATH_REFUSED.test(document.code)) {
    const reason = `the store takes the bucket only as part of the host name (${document.code}): set ${addressingLine('virtual')}`;
    return error(answer, 'CONFIG_INVALID', reason);
  }
  const misread = misreadAddress(answer, context.endpoint);
  if (misread !== undefined) return error(answer, 'CONFIG_INVALID', misread);
  const code = CODES[document.code ?? ''] ?? codeOfStatus(status, operation);
  return error(answer, code, reasonOf(code, answer, context));
}

function codeOfStatus(status: number, operation: Operation): ErrorCode {
  if (status === 401) return 'UNAUTHENTICATED';
  if (status === 403) return 'PERMISSION_DENIED';
  if (status === 408) return 'TIMEOUT';
  if (status === 409 && operation === 'put') return 'UNAVAILABLE';
  if (status === 413) return 'TOO_LARGE';
  if (status === 429) return 'THROTTLED';
  if (status === 405 || status === 501) return 'UNSUPPORTED';
  if (status >= 500) return 'UNAVAILABLE';
  return 'UNKNOWN';
}

function reasonOf(code: ErrorCode, answer: StoreAnswer, context: ErrorContext): string {
  const { endpoint, identity } = context;
  const said = saying(answer);
  switch (code) {
    case 'UNAUTHENTICATED':
      return `the store does not accept the credentials (${identity}): ${said}. ${credentialAdvice(answer.document.code)}`;
    case 'PERMISSION_DENIED': {
      const ask = `the store denies this to ${identity}: ${said}.`;
      if (context.sessionRight !== undefined) return `${ask} Grant ${context.sessionRight} on ${endpoint.bucket}`;
      return answer.operation === 'stat' || answer.operation === 'get'
        ? `${ask} AWS answers the same for a key that is absent where s3:ListBucket on the bucket is not granted: grant s3:GetObject on ${endpoint.bucket}/*, and s3:ListBucket on ${endpoint.bucket}, so that an absent key is a miss`
        : `${ask} Grant ${neededAction(answer.operation)} on ${endpoint.bucket}`;
    }
    case 'NAMESPACE_NOT_FOUND':
      return missingBucket(answer.document.bucketName, endpoint, said);
    case 'THROTTLED':
      return `the store asks for fewer requests: ${said}. A lower ${either('maxRequestsInFlight', 's3_num_io_threads')}, or more key prefixes, spreads the load`;
    case 'CORRUPT':
      return `the store received other bytes than were sent: ${said}`;
    case 'UNSUPPORTED':
      return `the store does not do this: ${said}`;
    case 'UNKNOWN':
      if (answer.status === 404) {
        const other = otherAddressing(endpoint);
        return `${endpointUrl(endpoint)} answered 404 without an S3 error code. Check \`endpoint\`: is it an S3 store? If it is, try ${addressingLine(other)}`;
      }
      if (answer.status === 400 && answer.document.code === undefined) {
        return `${endpointUrl(endpoint)} refuses the request without an S3 error code (400)${tlsHint(endpoint)}`;
      }
      return `the store refuses the request: ${said}`;
    default:
      return `the store could not: ${said}`;
  }
}

function credentialAdvice(code: string | undefined): string {
  switch (code) {
    case 'SignatureDoesNotMatch':
      return `Check ${either('the secret access key', 'aws_secret_access_key')}; a proxy that rewrites requests has the same effect`;
    case 'InvalidAccessKeyId':
      return `Check ${either('the access key id', 'aws_access_key_id')}, and that it belongs to this store; temporary keys need their ${either('session token', 'kvferry.session_token')}`;
    case 'InvalidToken':
    case 'InvalidTokenId':
      return `Check ${either('the session token', 'kvferry.session_token')}, and that it belongs to the key id`;
    case 'RequestTimeTooSkewed':
      return "Set this machine's clock (NTP)";
    case 'ExpiredToken':
    case 'ExpiredTokenException':
    case 'TokenRefreshRequired':
      return `The session token has expired: get new credentials, or name a source that refreshes them by ${either('credentials: { awsProfile }', 'kvferry.profile')}`;
    default:
      return 'Check the option `credentials`, the session token included';
  }
}

function neededAction(operation: Operation): string {
  if (operation === 'put') return 's3:PutObject';
  return operation === 'delete' ? 's3:DeleteObject' : 's3:ListBucket';
}

function missingBucket(soughtName: string | undefined, endpoint: S3Endpoint, said: string): string {
  if (soughtName !== undefined && soughtName !== endpoint.bucket) return otherBucket(soughtName, endpoint);
  return `there is no bucket ${JSON.stringify(endpoint.bucket)} at ${endpointUrl(endpoint)}: ${said}. Check \`bucket\`, \`endpoint\` and \`region\` (in an LMCache file remote_url and extra_config.s3_region), or create it`;
}

function otherBucket(soughtName: string, endpoint: S3Endpoint): string {
  return `the store looked for the bucket ${JSON.stringify(soughtName)}, not ${JSON.stringify(endpoint.bucket)}: it reads addresses another way. Set ${addressingLine(otherAddressing(endpoint))}`;
}

/**
 * Says that the store has read a key's first segment for the bucket, where only that explains the answer: the name is none
 * (MinIO, versitygw), a PUT with a value was taken for one that makes a bucket, and wants a document, or another bucket is denied (MinIO, to who has
 * rights to this one).
 */
function misreadAddress({ document, operation }: StoreAnswer, endpoint: S3Endpoint): string | undefined {
  const { bucketName, code } = document;
  if (code === 'AccessDenied' && bucketName !== undefined && bucketName !== endpoint.bucket) {
    return otherBucket(bucketName, endpoint);
  }
  if (endpoint.addressing !== 'virtual') return undefined;
  if (document.code !== 'InvalidBucketName' && !(document.code === 'MalformedXML' && operation === 'put')) {
    return undefined;
  }
  return `the store takes the key for the bucket's name (${document.code}), which it reads from the path alone. Set ${addressingLine('path')}`;
}

/** What a listing without any of a listing's fields means. */
export function noListingReason(endpoint: S3Endpoint): string {
  return `what ${endpointUrl(endpoint)} answers is no listing of a bucket: is it an S3 store? If it is, it reads addresses another way: set ${addressingLine(otherAddressing(endpoint))}`;
}

function otherAddressing({ addressing }: S3Endpoint): 'virtual' | 'path' {
  return addressing === 'virtual' ? 'path' : 'virtual';
}

/** An option and its value, as code has it and as an LMCache file does. */
function addressingLine(addressing: 'virtual' | 'path'): string {
  return either(`addressing: '${addressing}'`, `kvferry.addressing: "${addressing}"`);
}

/** What code writes, and what an LMCache file has for it inside of `extra_config`: whoever reads a message may have either before them. */
function either(option: string, line: string): string {
  return `${option} (in an LMCache file extra_config.${line})`;
}

function regionProblem(answer: StoreAnswer, endpoint: S3Endpoint): string | undefined {
  const { document, headers, status } = answer;
  const told = document.region ?? headers.get('x-amz-bucket-region');
  const redirected = status === 301 || status === 307 || document.code === 'PermanentRedirect';
  const malformed =
    document.code === 'AuthorizationHeaderMalformed' || document.code === 'IllegalLocationConstraintException';
  if (told !== undefined && told !== endpoint.region && (redirected || malformed || status === 400)) {
    return `the bucket ${JSON.stringify(endpoint.bucket)} is in the region ${JSON.stringify(told)}, and requests are signed for ${JSON.stringify(endpoint.region)}: set ${either(`region: '${told}'`, `s3_region: "${told}"`)}`;
  }
  if (redirected) {
    const where = document.endpoint === undefined ? 'somewhere else' : `at ${document.endpoint}`;
    return `the store says that the bucket ${JSON.stringify(endpoint.bucket)} is ${where}: set ${either('`region`', 's3_region')} and \`endpoint\` to the bucket's own`;
  }
  if (malformed) {
    return `the store expects another region than ${JSON.stringify(endpoint.region)} in signatures: ${saying(answer)}. Set ${either('`region`', 's3_region')}`;
  }
  return undefined;
}

/** The store's own words, with what could be a secret taken out of them. */
function saying(answer: StoreAnswer): string {
  const { code, message } = answer.document;
  const status = answer.status === 0 ? undefined : String(answer.status);
  const head = [status, code].filter((part) => part !== undefined).join(' ');
  return message === undefined ? head : `${head} (${withoutSecrets(message)})`;
}

/** A store may quote the request back. Whatever follows these words is cut, and the whole kept short. */
export function withoutSecrets(text: string): string {
  return text
    .replace(/((?:Signature|Credential|Security-Token|session-?token|secret\w*)["']?\s*[=:]\s*)[^\s&,<]+/gi, '$1…')
    .replace(/\s+/g, ' ')
    .slice(0, 300);
}

function error(answer: StoreAnswer, code: ErrorCode, reason: string): KvferryError {
  const facts: ErrorFacts = {
    httpStatus: answer.status === 0 ? undefined : answer.status,
    requestId: answer.document.requestId ?? answer.headers.get('x-amz-request-id'),
    retryAfterMs: retryAfterMs(answer.headers.get('retry-after')),
    // A request that a store refuses for a reason of its own is refused again.
    retry: code === 'UNKNOWN' ? 'never' : undefined,
  };
  return new KvferryError(code, reason, facts);
}

/** `Retry-After` in either of its forms (RFC 9110, section 10.2.3), in milliseconds. */
function retryAfterMs(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const waitMs = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(waitMs) ? undefined : Math.max(0, waitMs);
}

const WIRE_CODES: Readonly<Record<WireErrorCode, ErrorCode>> = {
  ABORTED: 'ABORTED',
  CLOSED: 'ABORTED',
  DNS: 'CONNECTION',
  CONNECT: 'CONNECTION',
  TLS: 'CONNECTION',
  RESET: 'CONNECTION',
  PROTOCOL: 'CONNECTION',
  CONNECT_TIMEOUT: 'TIMEOUT',
  FIRST_BYTE_TIMEOUT: 'TIMEOUT',
  STALL_TIMEOUT: 'TIMEOUT',
  // The announced length was not kept. It is tried again as a lost connection is, and then counts as a value that is
  // not whole.
  TRUNCATED: 'CORRUPT',
  BODY_TOO_LARGE: 'BUFFER_TOO_SMALL',
  INVALID: 'INVALID_ARGUMENT',
};

/** Makes a KvferryError of what a wire request failed with. */
export function errorOfWire(thrown: unknown, operation: Operation, context: ErrorContext): KvferryError {
  if (!WireError.is(thrown)) return KvferryError.from(thrown);
  const code = thrown.code === 'TRUNCATED' && operation !== 'get' ? 'CONNECTION' : WIRE_CODES[thrown.code];
  return new KvferryError(code, wireReason(thrown, context.endpoint), {
    // A certificate does not get better by asking again.
    retry: thrown.code === 'TLS' ? 'never' : undefined,
    httpStatus: thrown.status,
    requiredBytes: thrown.requiredBytes,
    cause: thrown,
  });
}

function wireReason(thrown: WireError, endpoint: S3Endpoint): string {
  const at = endpointUrl(endpoint);
  switch (thrown.code) {
    case 'DNS':
      return unresolvedReason(thrown.message, endpoint);
    case 'CONNECT':
      return unreachedReason(thrown.message, at);
    case 'TLS':
      return tlsReason(causeText(thrown), at);
    case 'PROTOCOL':
      return `${at} does not answer in HTTP: ${thrown.message}${tlsHint(endpoint)}`;
    case 'RESET':
      // Many servers of TLS hang up on whoever does not speak it.
      return thrown.status === undefined ? `${thrown.message}${tlsHint(endpoint)}` : thrown.message;
    case 'BODY_TOO_LARGE':
      return thrown.requiredBytes === undefined
        ? 'the value is longer than the memory lent for it'
        : `the value has ${thrown.requiredBytes} bytes, more than the memory lent for it`;
    default:
      return thrown.message;
  }
}

/** Says what to look at where a host name does not resolve. `problem` says which. */
export function unresolvedReason(problem: string, { addressing }: S3Endpoint): string {
  const byName = addressing === 'virtual';
  const advice = byName ? `; a store that takes no bucket in its host name needs ${addressingLine('path')}` : '';
  return `${problem}. Check \`endpoint\` and \`region\` (in an LMCache file remote_url and extra_config.s3_region)${advice}`;
}

/** Says what to look at where no connection comes about. `problem` is what the system says. */
export function unreachedReason(problem: string, at: string): string {
  return `nothing answers at ${at}: ${problem}. Check host and port of \`endpoint\` (in an LMCache file of remote_url), and that the store runs`;
}

/** The advice for plain http to what may be a server of TLS. */
export function tlsHint({ scheme }: S3Endpoint): string {
  return scheme === 'http'
    ? '. If it speaks TLS, its URL is https:// (in an LMCache file extra_config.disable_tls: False)'
    : '';
}

/** Says what is wrong with TLS, and the option that cures it. `problem` is what Node or OpenSSL says. */
export function tlsReason(problem: string, at: string): string {
  if (/wrong.version.number|packet.length.too.long|http.request/i.test(problem)) {
    return `${at} answers without TLS: it speaks plain http. Use an http:// endpoint, or ${either('tls: false', 'disable_tls: True')}`;
  }
  if (/self.signed|unable.to.(get|verify)|UNABLE_TO|issuer|untrusted/i.test(problem)) {
    return `the certificate of ${at} is not trusted (${problem}): give its authority by ${either('tls: { caFile }', 'kvferry.ca_file')} or AWS_CA_BUNDLE`;
  }
  if (/altname|ERR_TLS_CERT_ALTNAME_INVALID/i.test(problem)) {
    return `the certificate of ${at} is another host's (${problem}): check \`endpoint\`, and \`addressing\` where the bucket is part of the host`;
  }
  if (/expired|CERT_HAS_EXPIRED|not.yet.valid/i.test(problem)) {
    return `the certificate of ${at} is not valid now (${problem}): renew it, or check this machine's clock`;
  }
  return `TLS with ${at} failed: ${problem}`;
}

function causeText(thrown: WireError): string {
  const cause = thrown.cause;
  if (!(cause instanceof Error)) return thrown.message;
  const code = (cause as NodeJS.ErrnoException).code;
  return code === undefined || cause.message.includes(code) ? cause.message : `${cause.message}, ${code}`;
}
