import { startSimulator } from '@kvferry/s3-simulator';
import { describe, expect, onTestFinished, test } from 'vitest';
import { PROVIDERS } from '../providers.ts';
import { s3Compatible } from '../s3-compatible.ts';
import { BUCKET, type Oddity, refusal, startOddStore } from '../testing/odd-store.ts';
import { probe } from './probe.ts';
import type { ProbeFinding, ProbeOptions, ProbeReport, ProbeSubject } from './types.ts';

const FOREIGN = 'meta-llama_Llama-3.1-8B@1@0@49bc192c478bfc2e@bfloat16';

/** `subject: status` of all findings, for reading at one glance. */
function statuses({ findings }: ProbeReport): Record<string, ProbeFinding['status']> {
  return Object.fromEntries(findings.map(({ status, subject }) => [subject, status]));
}

function seen({ findings }: ProbeReport, subject: ProbeSubject): string {
  return findings.find((finding) => finding.subject === subject)?.seen ?? 'nothing';
}

describe('on a store that does what S3 does', () => {
  async function simulated(scheme: 'http' | 'https', options: Partial<ProbeOptions> = {}) {
    const simulator = await startSimulator({ scheme, buckets: [BUCKET] });
    onTestFinished(() => simulator.close());
    await simulator.putObject(BUCKET, FOREIGN, Buffer.from('not ours'));
    const { ca, credentials, region, port } = simulator;
    const report = await probe({
      bucket: BUCKET,
      endpoint: `${scheme}://s3.localhost:${port}`,
      connectTo: { host: '127.0.0.1', port },
      region,
      credentials,
      ...(ca === undefined ? {} : { tls: { ca } }),
      ...options,
    });
    return { report, simulator };
  }

  test('everything is found out, and the profile says what Amazon S3 does', async () => {
    const { report } = await simulated('https');
    expect(statuses(report)).toEqual({
      'addressing.virtual': 'yes',
      'addressing.path': 'yes',
      tls: 'yes',
      'protocol.h2': expect.stringMatching(/^(yes|no)$/),
      'checksum.taken': 'yes',
      'checksum.verified': 'yes',
      'checksum.returned': 'yes',
      'create.kept': 'yes',
      'create.raced': 'yes',
      'range.exact': 'yes',
      'range.if-match': 'yes',
      'multipart.whole': 'yes',
      'multipart.checksum': 'yes',
      'list.prefix': 'yes',
      'list.order': 'yes',
      'list.pages': 'yes',
      'delete.single': 'yes',
      'delete.bulk': 'yes',
      'keys.longest': 'yes',
    });
    expect(report.profile).toEqual({
      ...PROVIDERS.minio.profile,
      id: 'probed',
      addressing: ['virtual', 'path'],
    });
    expect(seen(report, 'create.raced')).toMatch(
      /^3 times 8 writers at once: one is stored each time, .* 412 PreconditionFailed/,
    );
  });

  test('nothing of it stays, no other key is touched, and what it sends is bounded', async () => {
    const { report, simulator } = await simulated('http');
    expect(report.leftovers).toEqual([]);
    expect(simulator.listKeys(BUCKET)).toEqual([FOREIGN]);
    const names = simulator.requests.map(({ url }) => decodeURIComponent(url).replace(`/${BUCKET}/`, '/'));
    expect(
      names.filter((name) => !/^\/(kvferry-probe-[0-9a-f]{12}\/|\?delete=$|\?.*prefix=kvferry-probe-)/.test(name)),
    ).toEqual([]);
    expect(report.requests).toBeLessThan(120);
    expect(report.bytes).toBeLessThan(6 * 1024 ** 2);
  });

  test('its profile opens a backend, through JSON and back', async () => {
    const { report, simulator } = await simulated('http');
    const provider = JSON.parse(JSON.stringify(report.profile)) as typeof report.profile;
    const { credentials, region, url } = simulator;
    const backend = s3Compatible({ bucket: BUCKET, endpoint: url, region, credentials, provider });
    expect(backend.info.details).toMatchObject({ profile: 'probed', addressing: 'path' });
    expect(backend.capabilities).toMatchObject({ create: true });
    await backend.close();
  });

  test('an address has no bucket in front of it, and http has neither TLS nor HTTP/2: unknown, not no', async () => {
    const simulator = await startSimulator({ buckets: [BUCKET] });
    onTestFinished(() => simulator.close());
    const { credentials, region, url } = simulator;
    const report = await probe({ bucket: BUCKET, endpoint: url, region, credentials });
    expect(statuses(report)).toMatchObject({
      'addressing.virtual': 'unknown',
      'addressing.path': 'yes',
      tls: 'unknown',
      'protocol.h2': 'unknown',
    });
    expect(seen(report, 'addressing.virtual')).toMatch(/^not tried: .*127\.0\.0\.1 is an address$/);
    expect(report.profile.addressing).toEqual(['path']);
  });
});

/** Drops a header that is not signed. */
const without = (name: string): Oddity => ({
  before({ headers }) {
    delete headers[name];
    return undefined;
  },
});

interface Expected {
  readonly findings: Partial<Record<ProbeSubject, ProbeFinding['status']>>;
  readonly profile?: Partial<ProbeReport['profile']>;
  readonly seen?: readonly [ProbeSubject, RegExp];
}

test.each<[string, Oddity, Expected]>([
  [
    'ignores If-None-Match',
    without('if-none-match'),
    {
      findings: { 'create.kept': 'no', 'create.raced': 'no' },
      profile: { create: false },
      seen: ['create.kept', /answered 200, not 412, and the first value replaced/],
    },
  ],
  [
    'lets several writers win',
    {
      before({ headers, key }) {
        if (key.includes('/race-')) delete headers['if-none-match'];
        return undefined;
      },
    },
    {
      findings: { 'create.kept': 'yes', 'create.raced': 'no' },
      profile: { create: false },
      seen: ['create.raced', /of 8 writers at once 8 are told that theirs is stored/],
    },
  ],
  [
    'answers 409 where a key is taken',
    { after: (answer) => (answer.status === 412 ? refusal(409, 'ObjectAlreadyExists') : answer) },
    {
      findings: { 'create.kept': 'no' },
      profile: { create: false },
      seen: ['create.kept', /409 ObjectAlreadyExists, not 412, and the first value kept/],
    },
  ],
  [
    'refuses checksum headers',
    {
      before: ({ headers, method }) =>
        method === 'PUT' && 'x-amz-checksum-crc32c' in headers ? refusal(400, 'ExcessHeaderValues') : undefined,
    },
    {
      findings: {
        'checksum.taken': 'no',
        'checksum.verified': 'no',
        'multipart.whole': 'yes',
        'multipart.checksum': 'unknown',
      },
      profile: { checksum: 'none' },
    },
  ],
  [
    'looks at no checksum, and gives none back',
    {
      async before({ body, headers, key, method, query, simulator }) {
        if (method !== 'PUT' || query.size > 0 || 'if-none-match' in headers) return undefined;
        await simulator.putObject(BUCKET, key, body, { crc32c: 'none' });
        return { status: 200, headers: { etag: '"1"' } };
      },
    },
    {
      findings: { 'checksum.taken': 'yes', 'checksum.verified': 'no', 'checksum.returned': 'no' },
      profile: { checksum: 'none' },
    },
  ],
  [
    'stores what it refuses',
    {
      async after(answer, { body, key, simulator }) {
        if (answer.status === 400 && key.endsWith('/wrong')) await simulator.putObject(BUCKET, key, body);
        return answer;
      },
    },
    {
      findings: { 'checksum.verified': 'no' },
      profile: { checksum: 'crc32c' },
      seen: ['checksum.verified', /and the value stored all the same/],
    },
  ],
  ['ignores ranges', without('range'), { findings: { 'range.exact': 'no' }, profile: { multipart: 'none' } }],
  [
    'ignores If-Match',
    without('if-match'),
    { findings: { 'range.exact': 'yes', 'range.if-match': 'no' }, profile: { multipart: 'none' } },
  ],
  [
    'has no full-object checksums',
    { before: ({ headers }) => ('x-amz-checksum-type' in headers ? refusal(400, 'InvalidRequest') : undefined) },
    {
      findings: { 'multipart.whole': 'yes', 'multipart.checksum': 'no' },
      profile: { multipart: { thresholdBytes: 64 * 1024 ** 2, partBytes: 16 * 1024 ** 2, fullObjectChecksum: false } },
    },
  ],
  [
    'has no uploads in parts',
    { before: ({ query }) => (query.has('uploads') ? refusal(501, 'NotImplemented') : undefined) },
    { findings: { 'multipart.whole': 'unknown', 'multipart.checksum': 'no' }, profile: { multipart: 'none' } },
  ],
  [
    'lists whole folders alone',
    {
      before({ query }) {
        const prefix = query.get('prefix');
        return prefix === null || prefix.endsWith('/') ? undefined : refusal(400, 'InvalidArgument');
      },
    },
    { findings: { 'list.prefix': 'no', 'list.order': 'yes' }, profile: { listing: 'folders' } },
  ],
  [
    'lists out of order',
    {
      after(answer, { query }) {
        if (!query.has('list-type')) return answer;
        const text = String(answer.body);
        const entries = text.match(/<Contents>.*?<\/Contents>/gs) ?? [];
        return { ...answer, body: text.replace(entries.join(''), entries.toReversed().join('')) };
      },
    },
    { findings: { 'list.order': 'no', 'list.pages': 'yes' } },
  ],
  [
    'grants no listing',
    { before: ({ query }) => (query.has('list-type') ? refusal(403, 'AccessDenied') : undefined) },
    {
      findings: { 'list.order': 'unknown', 'list.prefix': 'unknown' },
      profile: { listing: 'any' },
      seen: ['list.order', /PERMISSION_DENIED/],
    },
  ],
  [
    'deletes no two keys at once',
    { before: ({ query }) => (query.has('delete') ? refusal(400, 'MissingContentMD5') : undefined) },
    { findings: { 'delete.single': 'yes', 'delete.bulk': 'no' }, profile: { bulkDelete: false } },
  ],
  [
    'stores a long name only once',
    {
      async before({ key, method, simulator }) {
        const isLong = Buffer.byteLength(key.slice(key.lastIndexOf('/') + 1)) >= 228;
        const isThere = method === 'PUT' && isLong && (await simulator.getObject(BUCKET, key)) !== undefined;
        return isThere ? refusal(409, 'ExistingObjectIsDirectory') : undefined;
      },
    },
    {
      findings: { 'keys.longest': 'no' },
      profile: { maxKeyBytes: 227 },
      seen: ['keys.longest', /more than 227 bytes: stored for the second time, 409/],
    },
  ],
])('a store that %s is found out', async (_, oddity, expected) => {
  const { options, simulator } = await startOddStore(oddity);
  const report = await probe(options);
  expect(statuses(report)).toMatchObject(expected.findings);
  expect(report.profile).toMatchObject(expected.profile ?? {});
  if (expected.seen !== undefined) expect(seen(report, expected.seen[0])).toMatch(expected.seen[1]);
  expect(report.leftovers).toEqual([]);
  expect(simulator.listKeys(BUCKET)).toEqual([]);
});

test('a way in which the store denies another bucket is no way, and no end of the probe', async () => {
  const { options, simulator } = await startOddStore({
    before: ({ headers }) => (headers.host?.startsWith(`${BUCKET}.`) ? refusal(403, 'AccessDenied') : undefined),
  });
  const { port } = new URL(options.endpoint ?? '');
  const report = await probe({
    ...options,
    endpoint: `http://s3.localhost:${port}`,
    connectTo: { host: '127.0.0.1', port: Number(port) },
  });
  expect(statuses(report)).toMatchObject({
    'addressing.virtual': 'no',
    'addressing.path': 'yes',
    'delete.bulk': 'yes',
  });
  expect(seen(report, 'addressing.virtual')).toMatch(/PERMISSION_DENIED/);
  expect(report.profile.addressing).toEqual(['path']);
  // What was denied was not written.
  expect(report.leftovers).toEqual([]);
  expect(simulator.listKeys(BUCKET)).toEqual([]);
});

test('overload is waited for, and says nothing about the store', async () => {
  const { options, simulator } = await startOddStore({});
  simulator.addFault({ match: { method: 'PUT' }, times: 2, effect: { kind: 'status', status: 503, code: 'SlowDown' } });
  expect(Object.values(statuses(await probe(options)))).not.toContain('no');
});

test('keys that cannot be removed are named', async () => {
  const { options, simulator } = await startOddStore({
    before: ({ method }) => (method === 'DELETE' ? refusal(403, 'AccessDenied') : undefined),
  });
  const report = await probe(options);
  expect(statuses(report)).toMatchObject({ 'delete.single': 'no' });
  const left = simulator.listKeys(BUCKET);
  expect(left.length).toBeGreaterThan(10);
  for (const key of left) expect(report.leftovers).toContain(`${key}: 403 AccessDenied`);
});

test('an abort removes what was written, whenever it comes', async () => {
  for (const after of [3, 15, 40, 60]) {
    const interrupt = new AbortController();
    let requests = 0;
    const { options, simulator } = await startOddStore({
      before: () => {
        requests += 1;
        if (requests === after) interrupt.abort();
        return undefined;
      },
    });
    await expect(probe(options, { signal: interrupt.signal })).rejects.toMatchObject({ code: 'ABORTED' });
    expect(simulator.listKeys(BUCKET)).toEqual([]);
  }
});

test('what is not found out in time stays unknown, and the rest stands', async () => {
  const { options, simulator } = await startOddStore({
    before: ({ query }) => (query.has('uploads') ? new Promise<never>(() => {}) : undefined),
  });
  const report = await probe({ ...options, maxMs: 3000, timeouts: { firstByteMs: 60_000 } });
  expect(statuses(report)).toMatchObject({
    'create.raced': 'yes',
    'multipart.whole': 'unknown',
    'multipart.checksum': 'unknown',
    'delete.bulk': 'unknown',
  });
  expect(seen(report, 'delete.bulk')).toBe('not found out within 3000 ms');
  expect(simulator.listKeys(BUCKET)).toEqual([]);
});

test.each([0, 1.5, 2 ** 31, Number.POSITIVE_INFINITY])(
  'a limit that no timer takes is refused: %d ms',
  async (maxMs) => {
    const options = { bucket: BUCKET, endpoint: 'http://127.0.0.1:1', region: 'us-east-1', maxMs };
    await expect(probe(options)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('`maxMs` is a whole number from 1 to 2147483647'),
    });
  },
);

describe('where nothing can be found out, the error is that of a backend', () => {
  test.each<[string, (options: ProbeOptions) => ProbeOptions, string, RegExp]>([
    [
      'a bucket that is not there',
      (options) => ({ ...options, bucket: 'another-bucket' }),
      'NAMESPACE_NOT_FOUND',
      /no bucket "another-bucket"/,
    ],
    [
      'wrong credentials',
      (options) => ({ ...options, credentials: { accessKeyId: 'kvferry-simulator', secretAccessKey: 'wrong' } }),
      'UNAUTHENTICATED',
      /the store does not accept the credentials/,
    ],
    ['another region', (options) => ({ ...options, region: 'eu-west-1' }), 'CONFIG_INVALID', /set region: 'us-east-1'/],
    ['nobody there', (options) => ({ ...options, endpoint: 'http://127.0.0.1:1' }), 'CONNECTION', /nothing answers/],
    [
      'plain http behind https',
      (options) => ({ ...options, endpoint: options.endpoint?.replace('http', 'https') }),
      'CONNECTION',
      /speaks plain http/,
    ],
  ])('%s', async (_, change, code, message) => {
    const { options } = await startOddStore({});
    await expect(probe(change(options))).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  test('no right to write', async () => {
    const { options } = await startOddStore({
      before: ({ method }) => (method === 'PUT' ? refusal(403, 'AccessDenied') : undefined),
    });
    await expect(probe(options)).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      message: expect.stringMatching(/s3:PutObject/),
    });
  });

  test('a store that takes the bucket in the host alone, asked by an address', async () => {
    const { options } = await startOddStore({ before: () => refusal(400, 'PathStyleRequestNotAllowed') });
    await expect(probe(options)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/addressing: 'virtual'/),
    });
  });
});
