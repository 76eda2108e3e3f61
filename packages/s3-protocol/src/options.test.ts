import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { checkConnectionOptions, resolveCa } from './options.ts';
import type { S3ConnectionOptions } from './types.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('checkConnectionOptions', () => {
  const check = (options: object) =>
    checkConnectionOptions({ bucket: 'b', ...options } as S3ConnectionOptions, 's3', ['region']);

  it('takes every option there is', () => {
    expect(() =>
      check({
        region: 'r',
        credentials: { accessKeyId: 'a', secretAccessKey: 'b', sessionToken: undefined },
        tls: { ca: undefined, caFile: '/f' },
        connectTo: { host: 'h', port: 1 },
        maxRequestsInFlight: 1,
        maxAttempts: 1,
        timeouts: { connectMs: 1, firstByteMs: undefined },
        verify: 'full',
        multipart: { thresholdBytes: 1, partBytes: 5 * 1024 ** 2 },
        payloadSigning: 'sha256',
      }),
    ).not.toThrow();
    for (const credentials of ['default', 'anonymous', { awsProfile: 'dev' }]) {
      expect(() => check({ credentials })).not.toThrow();
    }
  });

  it.each([
    [{ buket: 'x' }, 'no option `buket`; did you mean `bucket`?'],
    [{ maxAttempt: 3 }, 'did you mean `maxAttempts`?'],
    [{ Region: 'x' }, 'did you mean `region`?'],
    [{ colour: 'x' }, 'no option `colour`; known are bucket,'],
    [{ timeouts: { connect: 1 } }, 'did you mean `timeouts.connectMs`?'],
    [{ tls: { cafile: '/f' } }, 'did you mean `tls.caFile`?'],
    [{ tls: true }, '`tls` is false, or'],
    [{ tls: { ca: 'x', caFile: 'y' } }, 'exclude each other'],
    [{ bucket: '' }, '`bucket` is required'],
    [{ ioThreads: -1 }, '`ioThreads` is a whole number from 0 to 1024, not -1'],
    [{ ioThreads: 1025 }, '`ioThreads` is a whole number'],
    [{ ioThreads: '2' }, '`ioThreads` is a whole number from 0 to 1024, not "2"'],
    [{ maxRequestsInFlight: 0 }, '`maxRequestsInFlight` is a whole number of at least 1, not 0'],
    [{ maxAttempts: 1.5 }, '`maxAttempts` is a whole number'],
    [{ timeouts: { stallMs: -1 } }, '`timeouts.stallMs` is a whole number'],
    [{ verify: 'quick' }, "`verify` is 'fast' or 'full' or 'length', not \"quick\""],
    [{ multipart: 'none' }, '`multipart` is an object with'],
    [{ multipart: { partSize: 1 } }, 'no option `multipart.partSize`'],
    [{ multipart: { part_bytes: 1 } }, 'did you mean `multipart.partBytes`?'],
    [{ multipart: { thresholdBytes: 0 } }, '`multipart.thresholdBytes` is a whole number'],
    [{ multipart: { partBytes: 5 * 1024 ** 2 - 1 } }, '`multipart.partBytes` is from 5242880 to 5368709120 (5 MiB'],
    [{ multipart: { partBytes: 5 * 1024 ** 3 + 1 } }, '`multipart.partBytes` is from 5242880'],
    [{ payloadSigning: true }, "`payloadSigning` is 'unsigned' or 'sha256'"],
    [{ connectTo: { host: 'h', port: 0 } }, '`connectTo.port`'],
    [{ credentials: 'env' }, "`credentials` is 'default', 'anonymous'"],
    [{ credentials: { accessKeyId: 'a' } }, '`credentials.secretAccessKey` is missing'],
    [{ credentials: { accessKeyId: 'a', secretKey: 'b' } }, 'no option `credentials.secretKey`'],
    [{ credentials: { awsProfile: '' } }, '`credentials.awsProfile`'],
    [{ credentials: { accessKeyId: 'a', secretAccessKey: 'b', sessionToken: '' } }, 'leave it out'],
    [{ credentials: { accessKeyId: 'a', secretAccessKey: 'b', sessionToken: 5 } }, '`credentials.sessionToken` is'],
    [{ credentials: { accessKeyId: 'a', secretAccessKey: 'b', sessionToken: 'c\n' } }, 'holds white space'],
  ])('refuses %j', (options, message) => {
    expect(() => check(options)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(message) }),
    );
  });

  it('shows no secret of the options', () => {
    const secretAccessKey = 'wJalr SPACE';
    expect(() => check({ credentials: { accessKeyId: 'a', secretAccessKey } })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('wJalr') }),
    );
  });
});

describe('resolveCa', () => {
  const [pem = ''] = rootCertificates;

  async function file(text: string): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'kvferry-ca-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const path = join(folder, 'ca.pem');
    await writeFile(path, text);
    return path;
  }

  it('reads the file of the option, before that of AWS_CA_BUNDLE', async () => {
    vi.stubEnv('AWS_CA_BUNDLE', '/nowhere/ca.pem');
    expect(await resolveCa({ bucket: 'b', tls: { caFile: await file(pem) } })).toBe(pem);
    expect(await resolveCa({ bucket: 'b', tls: { ca: 'PEM' } })).toBe('PEM');
    expect(await resolveCa({ bucket: 'b', tls: false })).toBeUndefined();
    await expect(resolveCa({ bucket: 'b' })).rejects.toThrow(
      /AWS_CA_BUNDLE: \/nowhere\/ca\.pem cannot be read \(ENOENT\)/,
    );
  });

  it('honours AWS_CA_BUNDLE, and takes an empty one for none', async () => {
    vi.stubEnv('AWS_CA_BUNDLE', await file(pem));
    expect(await resolveCa({ bucket: 'b' })).toBe(pem);
    expect(await resolveCa({ bucket: 'b', tls: { caFile: undefined } })).toBe(pem);
    vi.stubEnv('AWS_CA_BUNDLE', '');
    expect(await resolveCa({ bucket: 'b' })).toBeUndefined();
  });

  it.each(['nothing', '-----BEGIN CERTIFICATE-----\ncut of'])(
    'refuses a file without a certificate, and names it: %j',
    async (text) => {
      const path = await file(text);
      await expect(resolveCa({ bucket: 'b', tls: { caFile: path } })).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        reason: `tls.caFile: ${path} holds no PEM certificate`,
      });
    },
  );
});
