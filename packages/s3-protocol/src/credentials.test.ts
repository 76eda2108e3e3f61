import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { credentialProvider, type LoadedCredentials, RefreshingProvider } from './credentials.ts';
import type { S3Credentials } from './types.ts';

beforeEach(() => {
  // The chain must find nothing of this machine, and ask nobody on the network.
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  vi.stubEnv('AWS_CONFIG_FILE', '/nowhere/config');
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nowhere/credentials');
  for (const name of ['ACCESS_KEY_ID', 'SECRET_ACCESS_KEY', 'SESSION_TOKEN', 'PROFILE', 'WEB_IDENTITY_TOKEN_FILE']) {
    vi.stubEnv(`AWS_${name}`, undefined);
  }
  vi.stubEnv('AWS_CONTAINER_CREDENTIALS_RELATIVE_URI', undefined);
  vi.stubEnv('AWS_CONTAINER_CREDENTIALS_FULL_URI', undefined);
  return () => vi.unstubAllEnvs();
});

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kvferry-aws-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

describe('static credentials', () => {
  it('are given at once, always the same object, and described without being revealed', () => {
    const provider = credentialProvider({
      accessKeyId: 'AKIAEXAMPLE00007Q',
      secretAccessKey: 's3cret',
      sessionToken: 't',
    });
    expect(provider.get()).toEqual({ accessKeyId: 'AKIAEXAMPLE00007Q', secretAccessKey: 's3cret', sessionToken: 't' });
    expect(provider.get()).toBe(provider.get());
    expect(provider.describe()).toBe('static AKIA…7Q');
    expect(credentialProvider({ accessKeyId: 'short', secretAccessKey: 's' }).describe()).toBe('static …');
  });

  it('may be none', () => {
    expect(credentialProvider('anonymous').get()).toBe('anonymous');
    expect(credentialProvider('anonymous').describe()).toBe('anonymous');
  });
});

describe('the default chain', () => {
  it('finds the environment, and says so', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAEXAMPLE00001E');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'from-env');
    vi.stubEnv('AWS_SESSION_TOKEN', 'token');
    const provider = credentialProvider('default');
    expect(provider.describe()).toBe('default chain of AWS');
    expect(await provider.get()).toMatchObject({ secretAccessKey: 'from-env', sessionToken: 'token' });
    expect(provider.describe()).toBe('environment AKIA…1E');
  });

  it('names what it tried and the ways out, where there is nothing', async () => {
    await expect(credentialProvider('default').get()).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      reason: expect.stringMatching(/environment, profile default.*web identity.*instance metadata.*AWS_ACCESS_KEY_ID/),
    });
  });
});

describe('a token service that is not reached', () => {
  it.each(['default', { awsProfile: 'dev' }] as const)('is no lack of credentials (%j)', async (source) => {
    const folder = await temporaryFolder();
    const token = join(folder, 'token');
    await writeFile(token, 'token');
    await writeFile(
      join(folder, 'config'),
      `[profile dev]\nrole_arn = arn:aws:iam::123456789012:role/r\nweb_identity_token_file = ${token}\n`,
    );
    vi.stubEnv('AWS_CONFIG_FILE', join(folder, 'config'));
    vi.stubEnv('AWS_REGION', 'us-east-1');
    vi.stubEnv('AWS_ROLE_ARN', 'arn:aws:iam::123456789012:role/r');
    vi.stubEnv('AWS_WEB_IDENTITY_TOKEN_FILE', token);
    vi.stubEnv('AWS_ENDPOINT_URL_STS', 'http://127.0.0.1:1');
    await expect(credentialProvider(source).get()).rejects.toMatchObject({
      code: 'CONNECTION',
      retry: 'exhausted',
      reason: expect.stringMatching(
        /^(the default chain of AWS|profile "dev") leads to .*ECONNREFUSED 127\.0\.0\.1:1.*AWS_ENDPOINT_URL_STS/,
      ),
    });
  });
});

it.each([
  ['AWS_ACCESS_KEY_ID', 'access key id'],
  ['AWS_SECRET_ACCESS_KEY', 'secret access key'],
  ['AWS_SESSION_TOKEN', 'session token'],
])('a line break at the end of %s is named before any request, and the value not shown', async (name, what) => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAEXAMPLE0000ENV');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'from-environment');
  vi.stubEnv('AWS_SESSION_TOKEN', 'token');
  vi.stubEnv(name, 'copied-from-a-file\n');
  await expect(credentialProvider('default').get()).rejects.toMatchObject({
    code: 'UNAUTHENTICATED',
    reason: `the ${what} that comes from environment holds a line break, which no key has: take it out there`,
  });
});

describe('a profile', () => {
  async function sharedFile(text: string): Promise<void> {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'credentials'), text);
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(folder, 'credentials'));
  }

  it('is read from the shared files', async () => {
    await sharedFile('[dev]\naws_access_key_id = AKIAEXAMPLE0000DEV\naws_secret_access_key = from-file\n');
    const provider = credentialProvider({ awsProfile: 'dev' });
    expect(await provider.get()).toMatchObject({ secretAccessKey: 'from-file' });
    expect(provider.describe()).toBe('profile dev AKIA…EV');
  });

  it('that is not there is named, with the files', async () => {
    await sharedFile('[other]\n');
    await expect(credentialProvider({ awsProfile: 'dev' }).get()).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      reason: expect.stringMatching(/profile "dev".*AWS_SHARED_CREDENTIALS_FILE/),
    });
  });
});

describe('credentials that expire', () => {
  const minute = 60_000;

  /** A source whose answers the test gives, one by one. */
  function source(loadLimitMs?: number) {
    let nowMs = 1_000_000;
    const asked: PromiseWithResolvers<LoadedCredentials>[] = [];
    const provider = new RefreshingProvider(
      () => {
        const answer = Promise.withResolvers<LoadedCredentials>();
        asked.push(answer);
        return answer.promise;
      },
      'source',
      { now: () => nowMs, loadLimitMs },
    );
    const pass = (ms: number) => {
      nowMs += ms;
    };
    const pair = (name: string, validMs: number): S3Credentials => ({
      accessKeyId: name,
      secretAccessKey: name,
      expiresAtMs: nowMs + validMs,
    });
    const answer = async (credentials: S3Credentials) => {
      asked.at(-1)?.resolve({ credentials });
      await asked.at(-1)?.promise;
      await new Promise(setImmediate);
    };
    return { provider, asked, pass, pair, answer };
  }

  it('are asked for once, however many wait', async () => {
    const { provider, asked, pair, answer } = source();
    const first = provider.get();
    const second = provider.get();
    await answer(pair('a', 60 * minute));
    expect(await first).toBe(await second);
    expect(asked).toHaveLength(1);
    expect(provider.get()).toBe(await first);
  });

  it('are refreshed in the background in their last five minutes', async () => {
    const { provider, asked, pass, pair, answer } = source();
    provider.get();
    const old = pair('old', 60 * minute);
    await answer(old);
    pass(56 * minute);
    expect(provider.get()).toBe(old);
    expect(provider.get()).toBe(old);
    expect(asked).toHaveLength(2);
    const renewed = pair('new', 60 * minute);
    await answer(renewed);
    expect(provider.get()).toBe(renewed);
  });

  it('serve on when a refresh ahead fails, which is tried again a minute later', async () => {
    const { provider, asked, pass, pair, answer } = source();
    provider.get();
    const old = pair('old', 60 * minute);
    await answer(old);
    pass(56 * minute);
    expect(provider.get()).toBe(old);
    asked.at(-1)?.reject(new Error('down'));
    await new Promise(setImmediate);
    expect(provider.get()).toBe(old);
    expect(asked).toHaveLength(2);
    pass(2 * minute);
    expect(provider.get()).toBe(old);
    expect(asked).toHaveLength(3);
  });

  it('are waited for once they have really expired', async () => {
    const { provider, pass, pair, answer } = source();
    provider.get();
    await answer(pair('old', 10 * minute));
    pass(11 * minute);
    const waiting = provider.get();
    expect(waiting).toBeInstanceOf(Promise);
    const renewed = pair('new', 60 * minute);
    await answer(renewed);
    expect(await waiting).toBe(renewed);
  });

  it('that come expired are used, since this clock may be the wrong one, and not asked for with every request', async () => {
    const { provider, asked, pair, answer } = source();
    provider.get();
    const expired = pair('expired', -60 * minute);
    await answer(expired);
    expect(provider.get()).toBe(expired);
    expect(asked).toHaveLength(1);
  });

  it('that never come are given up, and asked for anew by the next', async () => {
    const { provider, asked, pass, pair, answer } = source(10);
    await expect(provider.get()).rejects.toMatchObject({
      code: 'TIMEOUT',
      retry: 'exhausted',
      reason: expect.stringContaining('no answer from the source'),
    });
    const waiting = provider.get();
    expect(asked).toHaveLength(2);
    const first = pair('first', 60 * minute);
    await answer(first);
    expect(await waiting).toBe(first);
    // The answer to the question that was given up.
    asked[0]?.resolve({ credentials: pair('late', 60 * minute) });
    await new Promise(setImmediate);
    expect(provider.get()).toBe(first);

    // The same in the background: the refresh that hangs is not waited for without end once they have expired.
    pass(56 * minute);
    expect(provider.get()).toBe(first);
    pass(5 * minute);
    await expect(provider.get()).rejects.toMatchObject({ code: 'TIMEOUT' });
  });

  it('that a store refused are asked for anew, once, whoever reports them', async () => {
    const { provider, asked, pair, answer } = source();
    provider.get();
    const refused = pair('refused', 60 * minute);
    await answer(refused);
    provider.invalidate(refused);
    const waiting = provider.get();
    const renewed = pair('new', 60 * minute);
    await answer(renewed);
    provider.invalidate(refused);
    expect(provider.get()).toBe(renewed);
    expect(await waiting).toBe(renewed);
    expect(asked).toHaveLength(2);
  });
});
