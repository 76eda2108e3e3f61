import { KvferryError } from '@kvferry/core';
import { orAborted } from './abort.ts';
import { withoutSecrets } from './errors.ts';
import { networkCodeOf } from './sdk-errors.ts';
import type { CredentialProvider, CredentialSource, S3Credentials, SigningCredentials } from './types.ts';

/**
 * Makes a provider of a source. Nothing is read before the first `get`.
 *
 * Profiles and the default chain go through `@aws-sdk/credential-providers`, loaded when they are first needed. What
 * expires is refreshed in the background from 5 minutes before; a request waits only for credentials that have really
 * expired.
 */
export function credentialProvider(source: CredentialSource): CredentialProvider {
  if (source === 'anonymous') {
    return { get: () => 'anonymous', invalidate: () => {}, describe: () => 'anonymous' };
  }
  if (source === 'default') return new RefreshingProvider(loadFromChain, 'default chain of AWS');
  if ('awsProfile' in source) {
    const profile = source.awsProfile;
    return new RefreshingProvider(() => loadFromProfile(profile), `profile ${profile}`);
  }
  const fixed: S3Credentials = {
    accessKeyId: source.accessKeyId,
    secretAccessKey: source.secretAccessKey,
    sessionToken: source.sessionToken,
  };
  return { get: () => fixed, invalidate: () => {}, describe: () => `static ${masked(fixed.accessKeyId)}` };
}

/** Credentials with the name of the source that had them, where the source says so. */
export interface LoadedCredentials {
  readonly credentials: S3Credentials;
  readonly origin?: string | undefined;
}

/** How long before their expiry credentials are refreshed. AWS's own clients take the same. */
const REFRESH_AHEAD_MS = 5 * 60_000;
/**
 * Between two refreshes ahead, so that a source which fails, or gives the same again, is not asked with every request.
 */
const REFRESH_PAUSE_MS = 60_000;
/** How long a source may take. One that answers at all does so in seconds, a command that asks somebody for a code excepted. */
const LOAD_LIMIT_MS = 60_000;
/** How the SDK loads credentials. Files are read anew: it keeps what it once found. */
const LOADING = {
  ignoreCache: true,
  // One request to a token service or to SSO, of which it makes three. Left to itself it waits for an answer without end.
  clientConfig: { requestHandler: { connectionTimeout: 3000, requestTimeout: 10_000, throwOnRequestTimeout: true } },
} as const;

/** Credentials from a source that is asked again. `now` and `loadLimitMs` are for tests. */
export class RefreshingProvider implements CredentialProvider {
  readonly #load: () => Promise<LoadedCredentials>;
  readonly #label: string;
  readonly #now: () => number;
  readonly #loadLimitMs: number;
  #current: S3Credentials | undefined;
  #origin: string | undefined;
  #validUntilMs = 0;
  #refreshAtMs = 0;
  #loading: Promise<S3Credentials> | undefined;

  constructor(
    load: () => Promise<LoadedCredentials>,
    label: string,
    { now = Date.now, loadLimitMs = LOAD_LIMIT_MS }: { now?: () => number; loadLimitMs?: number | undefined } = {},
  ) {
    this.#load = load;
    this.#label = label;
    this.#now = now;
    this.#loadLimitMs = loadLimitMs;
  }

  get(): SigningCredentials | Promise<SigningCredentials> {
    if (this.#current === undefined) return this.#refresh();
    const now = this.#now();
    if (now < this.#refreshAtMs) return this.#current;
    if (now >= this.#validUntilMs) return this.#refresh();
    this.#refreshAtMs = now + REFRESH_PAUSE_MS;
    // What fails ahead of time is no failure yet: it is tried again, and reported once they have really expired.
    this.#refresh().catch(() => {});
    return this.#current;
  }

  invalidate(refused: S3Credentials): void {
    if (this.#current === refused) this.#current = undefined;
  }

  describe(): string {
    const id = this.#current === undefined ? undefined : masked(this.#current.accessKeyId);
    return [this.#origin ?? this.#label, id].filter((part) => part !== undefined).join(' ');
  }

  #refresh(): Promise<S3Credentials> {
    this.#loading ??= this.#loadOnce().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #loadOnce(): Promise<S3Credentials> {
    const { credentials, origin } = await this.#loadInTime();
    const now = this.#now();
    const expiresAtMs = credentials.expiresAtMs ?? Number.POSITIVE_INFINITY;
    // What is expired as it comes is taken for a while all the same: this machine's clock may be wrong, and the store
    // is the judge.
    this.#validUntilMs = Math.max(expiresAtMs, now + REFRESH_PAUSE_MS);
    this.#refreshAtMs = Math.max(expiresAtMs - REFRESH_AHEAD_MS, now + REFRESH_PAUSE_MS);
    this.#current = credentials;
    this.#origin = origin;
    return credentials;
  }

  /** What comes later is not taken: somebody may have asked again by then, and have newer ones. */
  async #loadInTime(): Promise<LoadedCredentials> {
    const limit = AbortSignal.timeout(this.#loadLimitMs);
    try {
      return await orAborted(this.#load(), limit);
    } catch (thrown) {
      if (!limit.aborted) throw thrown;
      const reason = `no answer from the ${this.#label}, asked for credentials, in ${this.#loadLimitMs / 1000} s: look at the token service, the metadata service or the command that it goes to`;
      // Each of these has been tried several times by then.
      throw new KvferryError('TIMEOUT', reason, { retry: 'exhausted' });
    }
  }
}

async function loadFromChain(): Promise<LoadedCredentials> {
  const { fromNodeProviderChain } = await import('@aws-sdk/credential-providers');
  // An empty variable counts as none, as with every variable of AWS.
  const profile = process.env.AWS_PROFILE || 'default';
  let found: SdkCredentials;
  try {
    // A chain of its own for each load: it, too, keeps what it once found.
    found = await fromNodeProviderChain(LOADING)();
  } catch (thrown) {
    const metadata =
      process.env.AWS_EC2_METADATA_DISABLED === 'true'
        ? 'instance metadata (switched off by AWS_EC2_METADATA_DISABLED)'
        : 'instance metadata';
    throw notLoaded(
      thrown,
      'the default chain of AWS',
      (problem) =>
        `no credentials found (${problem}). Tried: environment, profile ${profile} of the shared files, SSO, web identity, container, ${metadata}. ` +
        'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the option `credentials`: { accessKeyId, secretAccessKey }, { awsProfile }, or "anonymous" for a public bucket',
    );
  }
  return loaded(found, profile);
}

async function loadFromProfile(profile: string): Promise<LoadedCredentials> {
  const { fromIni } = await import('@aws-sdk/credential-providers');
  let found: SdkCredentials;
  try {
    found = await fromIni({ profile, ...LOADING })();
  } catch (thrown) {
    throw notLoaded(
      thrown,
      `profile ${JSON.stringify(profile)}`,
      (problem) =>
        `profile ${JSON.stringify(profile)} gives no credentials (${problem}). Tried: ~/.aws/credentials and ~/.aws/config, or what AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE name. ` +
        'Add the profile there, sign in again where it is one of SSO (`aws sso login`), or name another by the option `credentials`: { awsProfile }',
    );
  }
  return loaded(found, profile);
}

function notLoaded(thrown: unknown, source: string, reason: (problem: string) => string): KvferryError {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const code = networkCodeOf(thrown);
  // That there is no metadata service is no failure: the chain goes on to its next link, and says in the end that it found nothing.
  if (code !== undefined && !('tryNextLink' in (thrown as Error))) {
    const where = 'look at the way to the token service or SSO, and at AWS_ENDPOINT_URL_STS where it is set';
    const problem = withoutSecrets(message.replace(/^@smithy\S* - \[ERROR\] /, ''));
    const text = `${source} leads to a service that does not answer (${problem}): ${where}`;
    // The SDK has tried three times.
    const facts = { retry: 'exhausted', cause: thrown } as const;
    return new KvferryError(code === 'ETIMEDOUT' ? 'TIMEOUT' : 'CONNECTION', text, facts);
  }
  // Node's words for a command that failed: the command as it was called and all that it wrote, whatever stood there.
  if (message.startsWith('Command failed')) {
    const problem = 'the command of credential_process failed; run it by hand to see why';
    return new KvferryError('UNAUTHENTICATED', reason(problem));
  }
  return new KvferryError('UNAUTHENTICATED', reason(withoutSecrets(message)), { cause: thrown });
}

interface SdkCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  readonly expiration?: Date | undefined;
  /** Features that the SDK counts in its user agent; they tell which link of the chain answered. */
  readonly $source?: Readonly<Record<string, unknown>> | undefined;
}

function loaded(credentials: SdkCredentials, profile: string): LoadedCredentials {
  const origin = originOf(Object.keys(credentials.$source ?? {}), profile);
  // Of a secret made of a file, mostly. It would break the request, or its signature.
  const broken = NAMES.find(([field]) => /[\r\n]/.test(credentials[field] ?? ''))?.[1];
  if (broken !== undefined) {
    const reason = `the ${broken} that comes from ${origin} holds a line break, which no key has: take it out there`;
    throw new KvferryError('UNAUTHENTICATED', reason);
  }
  return {
    credentials: {
      accessKeyId: credentials.accessKeyId,
      secretAccessKey: credentials.secretAccessKey,
      sessionToken: credentials.sessionToken,
      expiresAtMs: credentials.expiration?.getTime(),
    },
    origin,
  };
}

const NAMES = [
  ['accessKeyId', 'access key id'],
  ['secretAccessKey', 'secret access key'],
  ['sessionToken', 'session token'],
] as const;

/** By the SDK's features. A profile that leads on has its own among those of what it leads to. */
function originOf(features: readonly string[], profile: string): string {
  const has = (pattern: RegExp) => features.some((feature) => pattern.test(feature));
  if (has(/^CREDENTIALS_PROFILE/)) {
    const way = PROFILE_WAYS.find(([feature]) => has(feature))?.[1];
    return way === undefined ? `profile ${profile}` : `profile ${profile} (${way})`;
  }
  // The one source that has none.
  return ORIGINS.find(([feature]) => has(feature))?.[1] ?? 'instance metadata';
}

type FeatureNames = readonly (readonly [feature: RegExp, name: string])[];

/** A role may be taken by what any of the others gave. */
const PROFILE_WAYS: FeatureNames = [
  [/SOURCE_PROFILE/, 'role'],
  [/SSO/, 'SSO'],
  [/WEB_ID/, 'web identity'],
  [/PROCESS/, 'process'],
];

const ORIGINS: FeatureNames = [
  [/WEB_ID/, 'web identity'],
  [/ENV_VARS/, 'environment'],
  [/HTTP/, 'container'],
];

function masked(accessKeyId: string): string {
  return accessKeyId.length < 12 ? '…' : `${accessKeyId.slice(0, 4)}…${accessKeyId.slice(-2)}`;
}
