import type { KvferryError, Operation } from '@kvferry/core';
import { WireError } from '@kvferry/wire';
import { describe, expect, it } from 'vitest';
import type { ErrorDocument } from './error-body.ts';
import { type ErrorContext, errorOfWire, judgeAnswer } from './errors.ts';
import { connectionErrorOfSdk } from './sdk-errors.ts';

const context: ErrorContext = {
  endpoint: {
    scheme: 'https',
    host: 's3.us-east-1.amazonaws.com',
    port: 443,
    bucket: 'my-bucket',
    addressing: 'virtual',
    region: 'us-east-1',
  },
  identity: 'static AKIA…7Q',
};

function judge(
  status: number,
  document: ErrorDocument = {},
  operation: Operation = 'get',
  headers: Record<string, string> = {},
): KvferryError | 'miss' {
  return judgeAnswer({ operation, status, document, headers: new Map(Object.entries(headers)) }, context);
}

describe('judgeAnswer', () => {
  it('calls NoSuchKey a miss, to whatever may be missed', () => {
    for (const operation of ['get', 'stat', 'delete'] as const) {
      expect(judge(404, { code: 'NoSuchKey' }, operation)).toBe('miss');
    }
    expect(judge(404, { code: 'NoSuchKey' }, 'put')).toMatchObject({ code: 'UNKNOWN', retry: 'never' });
  });

  it.each([
    [404, undefined, 'UNKNOWN', 'never', /without an S3 error code/],
    [404, 'NoSuchBucket', 'NAMESPACE_NOT_FOUND', 'never', /no bucket "my-bucket" at https:\/\/s3\.us-east-1/],
    [403, undefined, 'PERMISSION_DENIED', 'never', /s3:ListBucket/],
    [403, 'AccessDenied', 'PERMISSION_DENIED', 'never', /absent where s3:ListBucket on the bucket is not granted/],
    [403, 'SignatureDoesNotMatch', 'UNAUTHENTICATED', 'never', /secret access key/],
    [403, 'InvalidAccessKeyId', 'UNAUTHENTICATED', 'never', /AKIA…7Q/],
    [400, 'InvalidToken', 'UNAUTHENTICATED', 'never', /kvferry\.session_token/],
    [403, 'InvalidTokenId', 'UNAUTHENTICATED', 'never', /kvferry\.session_token/],
    [400, 'ExpiredToken', 'UNAUTHENTICATED', 'never', /has expired/],
    [403, 'RequestTimeTooSkewed', 'UNAUTHENTICATED', 'never', /clock/],
    [401, undefined, 'UNAUTHENTICATED', 'never', /credentials/],
    [503, 'SlowDown', 'THROTTLED', 'later', /fewer requests/],
    [429, undefined, 'THROTTLED', 'later', /fewer requests/],
    [500, 'InternalError', 'UNAVAILABLE', 'later', /500 InternalError/],
    [500, undefined, 'UNAVAILABLE', 'later', /could not: 500/],
    [502, undefined, 'UNAVAILABLE', 'later', /502/],
    [503, undefined, 'UNAVAILABLE', 'later', /503/],
    [504, undefined, 'UNAVAILABLE', 'later', /504/],
    [400, 'RequestTimeout', 'TIMEOUT', 'later', /RequestTimeout/],
    [400, 'BadDigest', 'CORRUPT', 'later', /other bytes than were sent/],
    [400, 'XAmzContentChecksumMismatch', 'CORRUPT', 'later', /other bytes than were sent/],
    [400, 'EntityTooLarge', 'TOO_LARGE', 'never', /EntityTooLarge/],
    [501, 'NotImplemented', 'UNSUPPORTED', 'never', /does not do this/],
    [400, 'InvalidArgument', 'UNKNOWN', 'never', /refuses the request: 400 InvalidArgument/],
    [416, 'InvalidRange', 'UNKNOWN', 'never', /416/],
    [304, undefined, 'UNKNOWN', 'never', /304/],
    [204, undefined, 'UNKNOWN', 'never', /204/],
  ] as const)('%i %s is %s', (status, code, expected, retry, message) => {
    const error = judge(status, code === undefined ? {} : { code });
    expect(error).toMatchObject({ code: expected, retry, reason: expect.stringMatching(message) });
  });

  it('asks for another try where two writers met', () => {
    expect(judge(409, {}, 'put')).toMatchObject({ code: 'UNAVAILABLE', retry: 'later' });
    expect(judge(409, { code: 'ConditionalRequestConflict' }, 'put')).toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('names the right region and the option, wherever it stands', () => {
    const malformed = judge(400, { code: 'AuthorizationHeaderMalformed', region: 'eu-west-1' });
    const redirected = judge(301, { code: 'PermanentRedirect' }, 'stat', { 'x-amz-bucket-region': 'eu-west-1' });
    for (const error of [malformed, redirected]) {
      expect(error).toMatchObject({
        code: 'CONFIG_INVALID',
        reason: expect.stringContaining("set region: 'eu-west-1'"),
      });
    }
    expect(judge(301, { endpoint: 'my-bucket.s3.eu-west-1.amazonaws.com' })).toMatchObject({
      code: 'CONFIG_INVALID',
      reason: expect.stringContaining('my-bucket.s3.eu-west-1.amazonaws.com'),
    });
  });

  it('names the addressing style that the store wants', () => {
    expect(judge(404, { code: 'NoSuchBucket', bucketName: 'some-key' })).toMatchObject({
      code: 'NAMESPACE_NOT_FOUND',
      reason: expect.stringContaining("Set addressing: 'path'"),
    });
    // What MinIO answers to who has rights to my-bucket alone.
    expect(judge(403, { code: 'AccessDenied', bucketName: 'kv1' }, 'put')).toMatchObject({
      code: 'CONFIG_INVALID',
      reason: expect.stringMatching(
        /^the store looked for the bucket "kv1", not "my-bucket": .*Set addressing: 'path'/,
      ),
    });
    expect(judge(403, { code: 'AccessDenied', bucketName: 'my-bucket' }, 'put')).toMatchObject({
      code: 'PERMISSION_DENIED',
    });
    expect(judge(403, { code: 'SecondLevelDomainForbidden' })).toMatchObject({
      code: 'CONFIG_INVALID',
      reason: expect.stringContaining("set addressing: 'virtual'"),
    });
  });

  it('carries what the caller can act on as fields', () => {
    const error = judge(503, { code: 'SlowDown', requestId: 'R1' }, 'get', { 'retry-after': '2' });
    expect(error).toMatchObject({ httpStatus: 503, requestId: 'R1', retryAfterMs: 2000 });
    expect(judge(500, {}, 'get', { 'x-amz-request-id': 'R2' })).toMatchObject({ requestId: 'R2' });
    const date = new Date(Date.now() + 10_000).toUTCString();
    const { retryAfterMs } = judge(503, {}, 'get', { 'retry-after': date }) as KvferryError;
    expect(retryAfterMs).toBeGreaterThan(5000);
    expect(retryAfterMs).toBeLessThanOrEqual(10_000);
  });

  it('repeats no secret that the store quotes', () => {
    const message =
      'bad header: AWS4-HMAC-SHA256 Credential=AKIA/2026, Signature=abcdef0123; X-Amz-Security-Token: FwoGZ';
    const error = judge(403, { code: 'SignatureDoesNotMatch', message }) as KvferryError;
    expect(error.message).not.toMatch(/abcdef0123|FwoGZ/);
  });
});

describe('errorOfWire', () => {
  it.each([
    ['DNS', 'CONNECTION', 'later', /addressing: 'path'/],
    ['CONNECT', 'CONNECTION', 'later', /nothing answers at https/],
    ['RESET', 'CONNECTION', 'later', /words/],
    ['PROTOCOL', 'CONNECTION', 'later', /does not answer in HTTP/],
    ['CONNECT_TIMEOUT', 'TIMEOUT', 'later', /words/],
    ['FIRST_BYTE_TIMEOUT', 'TIMEOUT', 'later', /words/],
    ['STALL_TIMEOUT', 'TIMEOUT', 'later', /words/],
    ['TRUNCATED', 'CORRUPT', 'later', /words/],
    ['ABORTED', 'ABORTED', 'never', /words/],
    ['CLOSED', 'ABORTED', 'never', /words/],
  ] as const)('%s is %s', (code, expected, retry, message) => {
    const error = errorOfWire(new WireError(code, 'words'), 'get', context);
    expect(error).toMatchObject({ code: expected, retry, reason: expect.stringMatching(message) });
  });

  it('takes a cut-off answer to anything but a get for a lost connection', () => {
    expect(errorOfWire(new WireError('TRUNCATED', 'words'), 'put', context)).toMatchObject({ code: 'CONNECTION' });
  });

  it('says how much memory a value needs', () => {
    const thrown = new WireError('BODY_TOO_LARGE', 'words', { requiredBytes: 4096 });
    expect(errorOfWire(thrown, 'get', context)).toMatchObject({ code: 'BUFFER_TOO_SMALL', requiredBytes: 4096 });
  });

  it.each([
    ['SELF_SIGNED_CERT_IN_CHAIN', 'self-signed certificate in certificate chain', /tls: \{ caFile \}/],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'unable to verify the first certificate', /AWS_CA_BUNDLE/],
    ['ERR_TLS_CERT_ALTNAME_INVALID', "Host: x. is not in the cert's altnames", /another host's/],
    ['CERT_HAS_EXPIRED', 'certificate has expired', /not valid now/],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'SSL routines::wrong version number', /plain http.*tls: false/],
    ['EPROTO', 'something else', /TLS with https:\/\/.* failed/],
  ])('says what cures %s, and that asking again does not', (code, text, message) => {
    const cause = Object.assign(new Error(text), { code });
    const error = errorOfWire(new WireError('TLS', 'words', { cause }), 'stat', context);
    expect(error).toMatchObject({ code: 'CONNECTION', retry: 'never', reason: expect.stringMatching(message) });
  });

  it('suspects TLS behind what is no HTTP', () => {
    const plain = { ...context, endpoint: { ...context.endpoint, scheme: 'http', port: 443 } } as const;
    expect(errorOfWire(new WireError('PROTOCOL', 'words'), 'get', plain).reason).toMatch(/its URL is https/);
  });
});

describe('connectionErrorOfSdk', () => {
  it.each([
    [
      { code: 'ENOTFOUND', hostname: 'my-bucket.store.example' },
      /^the host name my-bucket\.store\.example does not resolve: words\. Check `endpoint` and `region`.*addressing: 'path'/,
    ],
    [{ code: 'EAI_AGAIN' }, /^the host name s3\.us-east-1\.amazonaws\.com does not resolve: words\. Check `endpoint`/],
    [
      { code: 'ECONNREFUSED' },
      /^nothing answers at https:\/\/s3\.us-east-1\.amazonaws\.com: words\. Check host and port/,
    ],
    [{ code: 'EHOSTUNREACH' }, /^nothing answers at https/],
    [{ code: 'ECONNRESET' }, /^https:\/\/s3\.us-east-1\.amazonaws\.com: words$/],
  ])('%j is told with what to look at, as on the wire', (facts, reason) => {
    const error = connectionErrorOfSdk(Object.assign(new Error('words'), facts), context);
    expect(error).toMatchObject({ code: 'CONNECTION', retry: 'later', reason: expect.stringMatching(reason) });
  });
});
