import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RemoteBackend } from '@kvferry/core';
import type { Simulator } from '@kvferry/s3-simulator';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { credentialProvider } from './credentials.ts';
import {
  CONTAINER_TOKEN,
  type CredentialServices,
  capitalised,
  Mint,
  ROLE_ARN,
  SSO_ACCESS_TOKEN,
  SSO_REFRESH_TOKEN,
  startCredentialServices,
  WEB_IDENTITY_TOKEN,
} from './testing/credential-services.ts';
import { openBackend, sampleBytes, startStore, until } from './testing/store.ts';
import type { CredentialSource } from './types.ts';

// Every source of credentials, from where AWS has it to a store that looks at the session token. Nothing leaves this machine: the services are on
// 127.0.0.1. Hours pass by a clock that the test sets, for the SDK, the backend and the store alike.

const minute = 60_000;
const VALUE = sampleBytes(5000);

/** Everything that a source can find or ask. */
interface World {
  readonly mint: Mint;
  readonly services: CredentialServices;
  /** HOME of the process. */
  readonly home: string;
}

interface SourceCase {
  /** Prepares the environment and files; gives what the option `credentials` then is. */
  readonly prepare: (world: World) => Promise<CredentialSource>;
  readonly identity: string;
  /** What one load asks. */
  readonly asks: readonly string[];
  /** What was asked in all. Default: what the services saw. */
  readonly asked?: (world: World) => Promise<readonly string[]>;
  /** Puts the next credentials where the source looks, which for services is not needed. */
  readonly renew?: (world: World) => Promise<void>;
}

const CASES: Readonly<Record<string, SourceCase>> = {
  environment: {
    prepare: async (world) => {
      putIntoEnvironment(world);
      return 'default';
    },
    renew: async (world) => putIntoEnvironment(world),
    identity: 'environment',
    asks: [],
  },
  'web identity': {
    prepare: async ({ home, services }) => {
      await writeFile(join(home, 'token'), WEB_IDENTITY_TOKEN);
      vi.stubEnv('AWS_WEB_IDENTITY_TOKEN_FILE', join(home, 'token'));
      vi.stubEnv('AWS_ROLE_ARN', ROLE_ARN);
      vi.stubEnv('AWS_ENDPOINT_URL_STS', services.url);
      return 'default';
    },
    identity: 'web identity',
    asks: ['sts AssumeRoleWithWebIdentity'],
  },
  container: {
    prepare: async ({ services }) => {
      vi.stubEnv('AWS_CONTAINER_CREDENTIALS_FULL_URI', `${services.url}/container`);
      vi.stubEnv('AWS_CONTAINER_AUTHORIZATION_TOKEN', CONTAINER_TOKEN);
      return 'default';
    },
    identity: 'container',
    asks: ['container'],
  },
  'container, its token in a file': {
    prepare: async ({ home, services }) => {
      await writeFile(join(home, 'token'), CONTAINER_TOKEN);
      vi.stubEnv('AWS_CONTAINER_CREDENTIALS_FULL_URI', `${services.url}/container`);
      vi.stubEnv('AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE', join(home, 'token'));
      return 'default';
    },
    identity: 'container',
    asks: ['container'],
  },
  'instance metadata': {
    prepare: async ({ services }) => {
      vi.stubEnv('AWS_EC2_METADATA_DISABLED', undefined);
      vi.stubEnv('AWS_EC2_METADATA_V1_DISABLED', 'true');
      vi.stubEnv('AWS_EC2_METADATA_SERVICE_ENDPOINT', services.url);
      return 'default';
    },
    identity: 'instance metadata',
    asks: ['metadata token', 'metadata role', 'metadata credentials'],
  },
  'SSO, signed in': {
    prepare: async (world) => {
      await signIn(world, { session: 'signed-in', validMs: 8 * 60 * minute });
      return { awsProfile: 'dev' };
    },
    identity: 'profile dev (SSO)',
    asks: ['sso GetRoleCredentials'],
  },
  'SSO, signed in as the files had it before sessions': {
    prepare: async (world) => {
      await signIn(world, { session: 'none', validMs: 8 * 60 * minute });
      vi.stubEnv('AWS_PROFILE', 'dev');
      return 'default';
    },
    identity: 'profile dev (SSO)',
    asks: ['sso GetRoleCredentials'],
  },
  'a role that a profile takes by the keys of another': {
    prepare: async ({ home, services }) => {
      await config(
        home,
        `[profile dev]\nrole_arn = ${ROLE_ARN}\nsource_profile = base\n[profile base]\naws_access_key_id = AKIABASE\naws_secret_access_key = base\n`,
      );
      vi.stubEnv('AWS_ENDPOINT_URL_STS', services.url);
      return { awsProfile: 'dev' };
    },
    identity: 'profile dev (role)',
    asks: ['sts AssumeRole'],
  },
  'web identity of a profile': {
    prepare: async ({ home, services }) => {
      await writeFile(join(home, 'token'), WEB_IDENTITY_TOKEN);
      await config(
        home,
        `[profile dev]\nrole_arn = ${ROLE_ARN}\nweb_identity_token_file = ${join(home, 'token')}\nregion = eu-west-1\n`,
      );
      vi.stubEnv('AWS_ENDPOINT_URL_STS', services.url);
      return { awsProfile: 'dev' };
    },
    identity: 'profile dev (web identity)',
    asks: ['sts AssumeRoleWithWebIdentity'],
  },
  process: {
    prepare: async (world) => {
      const { home } = world;
      await config(home, `[default]\ncredential_process = sh ${join(home, 'helper')}\n`);
      await writeFile(join(home, 'helper'), `echo process >>${join(home, 'asked')}\ncat ${join(home, 'answer')}\n`);
      await putBehindProcess(world);
      return 'default';
    },
    renew: putBehindProcess,
    identity: 'profile default (process)',
    asks: ['process'],
    asked: async ({ home }) => (await readFile(join(home, 'asked'), 'utf8')).split('\n').filter((line) => line !== ''),
  },
};

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
  // Nothing of this machine, and nobody on its network.
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined);
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  vi.stubEnv('AWS_REGION', 'us-east-1');
  return () => {
    vi.unstubAllEnvs();
    vi.useRealTimers();
  };
});

describe.each(Object.entries(CASES))('%s', (_name, source) => {
  it('signs what a store takes, and says who it is without its secrets', async () => {
    const { backend, world, store } = await start(source);
    expect(backend.info.details).toMatchObject({ identity: `${source.identity} ASIA…1A` });
    expect(JSON.stringify(backend.info)).not.toContain('minted-');
    expect(await backend.put([{ key: 'k', parts: [VALUE] }])).toEqual([{ status: 'stored' }]);
    await readMany(backend, 1);
    expect(await asked(source, world)).toEqual(source.asks);
    expect(signersOf(store)).toEqual(['ASIAEXAMPLE0000001A']);
  });

  it('is asked once before its credentials expire, under load, and no request fails or waits', async () => {
    const { backend, world, store } = await start(source);
    await backend.put([{ key: 'k', parts: [VALUE] }]);
    pass(56 * minute);
    await source.renew?.(world);
    await readMany(backend, 300);
    await until(() => backend.info.details?.identity === `${source.identity} ASIA…2A`);
    // Past the end of the first ones.
    pass(5 * minute);
    store.clearRequests();
    await readMany(backend, 100);
    expect(signersOf(store)).toEqual(['ASIAEXAMPLE0000002A']);
    expect(await asked(source, world)).toEqual([...source.asks, ...source.asks]);
  });

  it('is asked once, whoever waits, when its credentials expired while nobody asked', async () => {
    const { backend, world, store } = await start(source);
    await backend.put([{ key: 'k', parts: [VALUE] }]);
    pass(3 * 60 * minute);
    await source.renew?.(world);
    store.clearRequests();
    await readMany(backend, 300);
    expect(signersOf(store)).toEqual(['ASIAEXAMPLE0000002A']);
    expect(store.requests).toHaveLength(300);
    expect(await asked(source, world)).toEqual([...source.asks, ...source.asks]);
  });
});

describe('keys of a shared file, which do not say when they expire', () => {
  it('are read again when the store says that they have, under load, and no request fails', async () => {
    const { backend, store, world } = await start({
      prepare: async (made) => {
        await putIntoFile(made);
        return { awsProfile: 'dev' };
      },
      identity: 'profile dev',
      asks: [],
    });
    await backend.put([{ key: 'k', parts: [VALUE] }]);
    expect(backend.info.details).toMatchObject({ identity: 'profile dev ASIA…1A' });
    pass(61 * minute);
    await putIntoFile(world);
    store.clearRequests();
    await readMany(backend, 300);
    expect(backend.info.details).toMatchObject({ identity: 'profile dev ASIA…2A' });
    // Those under way with the old ones were refused, and sent again.
    expect(store.requests.filter(({ status }) => status === 400).length).toBeLessThanOrEqual(64);
    expect(store.requests.filter(({ status }) => status === 200)).toHaveLength(300);
  });

  it('are found by the default chain too, and read again', async () => {
    const { backend, world } = await start({
      prepare: async (made) => {
        await putIntoFile(made);
        vi.stubEnv('AWS_PROFILE', 'dev');
        return 'default';
      },
      identity: 'profile dev',
      asks: [],
    });
    await backend.put([{ key: 'k', parts: [VALUE] }]);
    pass(61 * minute);
    await putIntoFile(world);
    await readMany(backend, 10);
    expect(backend.info.details).toMatchObject({ identity: 'profile dev ASIA…2A' });
  });
});

it('static keys carry their session token, and say so when it has expired', async () => {
  const { backend } = await start({
    prepare: async ({ mint }) => {
      const { accessKeyId, secretAccessKey, sessionToken } = mint.issue();
      return { accessKeyId, secretAccessKey, sessionToken };
    },
    identity: 'static',
    asks: [],
  });
  expect(backend.info.details).toMatchObject({ identity: 'static ASIA…1A' });
  expect(await backend.put([{ key: 'k', parts: [VALUE] }])).toEqual([{ status: 'stored' }]);
  pass(61 * minute);
  expect(await backend.stat(['k'])).toMatchObject([
    { status: 'failed', error: { code: 'UNAUTHENTICATED', reason: expect.stringContaining('static ASIA…1A') } },
  ]);
});

it('an SSO token that ends is renewed, and the new one used', async () => {
  const { world } = await start({
    prepare: async (made) => {
      await signIn(made, { session: 'ending', validMs: minute });
      return { awsProfile: 'dev' };
    },
    identity: 'profile dev (SSO)',
    asks: [],
  });
  expect(world.services.asked).toEqual(['sso-oidc CreateToken', 'sso GetRoleCredentials']);
});

describe('a source that gives nothing says who was asked and what to do', () => {
  const failureOf = async (prepare: SourceCase['prepare']) => {
    const world = await makeWorld();
    return credentialProvider(await prepare(world)).get() as Promise<never>;
  };

  it('SSO whose sign-in has ended', async () => {
    const failing = failureOf(async (world) => {
      await signIn(world, { session: 'none', validMs: -minute });
      return { awsProfile: 'dev' };
    });
    await expect(failing).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      reason: expect.stringMatching(/profile "dev".*expired.*aws sso login/),
    });
  });

  it('web identity whose token STS refuses', async () => {
    const failing = failureOf(async ({ home, services }) => {
      await writeFile(join(home, 'token'), 'of-another-cluster');
      vi.stubEnv('AWS_WEB_IDENTITY_TOKEN_FILE', join(home, 'token'));
      vi.stubEnv('AWS_ROLE_ARN', ROLE_ARN);
      vi.stubEnv('AWS_ENDPOINT_URL_STS', services.url);
      return 'default';
    });
    await expect(failing).rejects.toMatchObject({ code: 'UNAUTHENTICATED', reason: expect.stringMatching(/denied/) });
    await expect(failing).rejects.not.toMatchObject({ reason: expect.stringContaining('of-another-cluster') });
  });

  it('a process that fails: neither its arguments nor what it wrote are repeated', async () => {
    const failing = failureOf(async ({ home }) => {
      await config(
        home,
        '[profile dev]\ncredential_process = sh -c "echo s3cret-output >&2; exit 1" --password s3cret\n',
      );
      return { awsProfile: 'dev' };
    });
    const error = await failing.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'UNAUTHENTICATED',
      reason: expect.stringMatching(/credential_process failed/),
    });
    expect(inspectDeep(error)).not.toContain('s3cret');
  });
});

async function makeWorld(): Promise<World> {
  const mint = new Mint();
  const home = await mkdtemp(join(tmpdir(), 'kvferry-home-'));
  onTestFinished(() => rm(home, { recursive: true }));
  vi.stubEnv('HOME', home);
  // The SDK remembers files by their path.
  vi.stubEnv('AWS_CONFIG_FILE', join(home, 'config'));
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(home, 'credentials'));
  return { mint, home, services: await startCredentialServices(mint) };
}

interface Started {
  readonly world: World;
  readonly store: Simulator;
  readonly backend: RemoteBackend;
}

async function start(source: SourceCase): Promise<Started> {
  const world = await makeWorld();
  const store = await startStore({ credentials: world.mint.credentials });
  const credentials = credentialProvider(await source.prepare(world));
  return { world, store, backend: await openBackend(store, { credentials }) };
}

function pass(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

async function readMany(backend: RemoteBackend, count: number): Promise<void> {
  const items = Array.from({ length: count }, () => ({ key: 'k', into: new Uint8Array(VALUE.byteLength) }));
  const results = await backend.get(items);
  expect(results.filter(({ status }) => status !== 'hit')).toEqual([]);
}

/** Access key ids by which requests were signed. */
function signersOf(store: Simulator): string[] {
  const ids = store.requests.map(({ headers }) => /Credential=([^/]+)/.exec(headers.authorization ?? '')?.[1] ?? '');
  return [...new Set(ids)];
}

function asked(source: SourceCase, world: World): Promise<readonly string[]> | readonly string[] {
  return source.asked?.(world) ?? world.services.asked;
}

function inspectDeep(error: unknown): string {
  const texts: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) texts.push(at.message, at.stack ?? '', JSON.stringify(at));
  return texts.join('\n');
}

async function config(home: string, content: string): Promise<void> {
  await writeFile(join(home, 'config'), content);
}

function putIntoEnvironment({ mint }: World): void {
  const { accessKeyId, secretAccessKey, sessionToken, expiresAtMs } = mint.issue();
  vi.stubEnv('AWS_ACCESS_KEY_ID', accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', secretAccessKey);
  vi.stubEnv('AWS_SESSION_TOKEN', sessionToken);
  vi.stubEnv('AWS_CREDENTIAL_EXPIRATION', new Date(expiresAtMs).toISOString());
}

async function putIntoFile({ home, mint }: World): Promise<void> {
  const { accessKeyId, secretAccessKey, sessionToken } = mint.issue();
  const lines = ['[dev]', `aws_access_key_id = ${accessKeyId}`, `aws_secret_access_key = ${secretAccessKey}`];
  await writeFile(join(home, 'credentials'), [...lines, `aws_session_token = ${sessionToken}`, ''].join('\n'));
}

async function putBehindProcess({ home, mint }: World): Promise<void> {
  await writeFile(join(home, 'answer'), JSON.stringify({ Version: 1, ...capitalised(mint.issue()) }));
}

/** Leaves what `aws sso login` leaves: a profile, and a token in the cache. */
async function signIn(
  { home, services }: World,
  { session, validMs }: { readonly session: string; readonly validMs: number },
): Promise<void> {
  const portal = `sso_start_url = https://kv.awsapps.com/start\nsso_region = us-east-1\n`;
  const role = 'sso_account_id = 123456789012\nsso_role_name = kv\n';
  await config(
    home,
    session === 'none'
      ? `[profile dev]\n${portal}${role}`
      : `[profile dev]\nsso_session = ${session}\n${role}[sso-session ${session}]\n${portal}`,
  );
  const name = session === 'none' ? 'https://kv.awsapps.com/start' : session;
  const cache = join(home, '.aws/sso/cache');
  await mkdir(cache, { recursive: true });
  await writeFile(
    join(cache, `${createHash('sha1').update(name).digest('hex')}.json`),
    JSON.stringify({
      accessToken: validMs < 0 || session === 'ending' ? 'an-ended-token' : SSO_ACCESS_TOKEN,
      expiresAt: new Date(Date.now() + validMs).toISOString(),
      clientId: 'client',
      clientSecret: 'client-secret',
      refreshToken: SSO_REFRESH_TOKEN,
    }),
  );
  vi.stubEnv('AWS_ENDPOINT_URL_SSO', services.url);
  vi.stubEnv('AWS_ENDPOINT_URL_SSO_OIDC', services.url);
}
