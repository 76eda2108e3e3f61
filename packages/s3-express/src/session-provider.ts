import { KvferryError } from '@kvferry/core';
import {
  type CredentialProvider,
  type S3Credentials,
  type SessionRequest,
  type SigningCredentials,
  xmlField,
} from '@kvferry/s3-protocol';

/** How long a session lasts where its answer does not say it: what the API reference has under "CreateSession". */
const USUAL_LIFETIME_MS = 5 * 60_000;
/** How long before its end a session is renewed; AWS's SDKs take the same. Of one that is shorter than two minutes, half of it. */
const REFRESH_AHEAD_MS = 60_000;
/** Between two renewals ahead of time, so that a store which fails is not asked with every request. Leaves six in the last minute. */
const REFRESH_PAUSE_MS = 10_000;

/** A session under way to be opened. */
interface Flight {
  readonly session: Promise<S3Credentials>;
  readonly controller: AbortController;
  /** Requests that wait for it. It ends when the last of them is aborted, unless it was begun ahead of time. */
  waiting: number;
  readonly ahead: boolean;
}

/** An open session. */
interface Session {
  readonly credentials: S3Credentials;
  /** What it was opened with. */
  readonly base: SigningCredentials;
  readonly refreshAtMs: number;
  readonly validUntilMs: number;
}

/**
 * Gives the session that requests to one directory bucket are signed by, and opens it with the first that asks. One at a time is opened, whoever waits
 * for it. From a minute before its end, and once the credentials behind it have changed, it is renewed in the background, so that no request waits.
 */
export class SessionProvider implements CredentialProvider {
  readonly #base: CredentialProvider;
  readonly #send: SessionRequest;
  readonly #now: () => number;
  #current: Session | undefined;
  #flight: Flight | undefined;
  #refreshNotBeforeMs = 0;

  /** `base` gives the credentials that sessions are opened with. `now` is for tests. */
  constructor(base: CredentialProvider, send: SessionRequest, now: () => number = Date.now) {
    this.#base = base;
    this.#send = send;
    this.#now = now;
  }

  get(signal?: AbortSignal): SigningCredentials | Promise<SigningCredentials> {
    const session = this.#current;
    const now = this.#now();
    if (session === undefined || now >= session.validUntilMs) return this.#wait(signal);
    if (now >= this.#refreshNotBeforeMs && (now >= session.refreshAtMs || this.#baseHasChanged(session.base))) {
      this.#refreshNotBeforeMs = now + REFRESH_PAUSE_MS;
      // What fails ahead of time is no failure yet: the session in use is valid.
      this.#fly(true).session.catch(() => {});
    }
    return session.credentials;
  }

  invalidate(refused: S3Credentials): void {
    if (this.#current?.credentials === refused) this.#current = undefined;
  }

  describe(): string {
    return `session of ${this.#base.describe()}`;
  }

  #baseHasChanged(known: SigningCredentials): boolean {
    const base = this.#base.get();
    if (!(base instanceof Promise)) return !isSame(base, known);
    // They have expired. Whoever opens the next session hears of it, should there be none any more.
    base.catch(() => {});
    return true;
  }

  async #wait(signal: AbortSignal | undefined): Promise<S3Credentials> {
    signal?.throwIfAborted();
    const flight = this.#fly(false);
    flight.waiting += 1;
    const leave = (): void => {
      flight.waiting -= 1;
      if (flight.waiting > 0 || flight.ahead) return;
      // Whoever comes now must not share its end.
      this.#land(flight);
      flight.controller.abort(signal?.reason);
    };
    signal?.addEventListener('abort', leave, { once: true });
    try {
      return await flight.session;
    } finally {
      signal?.removeEventListener('abort', leave);
    }
  }

  #fly(ahead: boolean): Flight {
    if (this.#flight !== undefined) return this.#flight;
    const controller = new AbortController();
    const session = this.#open(controller.signal).finally(() => this.#land(flight));
    const flight: Flight = { session, controller, waiting: 0, ahead };
    this.#flight = flight;
    return flight;
  }

  #land(flight: Flight): void {
    if (this.#flight === flight) this.#flight = undefined;
  }

  async #open(signal: AbortSignal): Promise<S3Credentials> {
    const askedAtMs = this.#now();
    const { headers, body } = await this.#send({
      method: 'GET',
      query: 'session=',
      signedHeaders: ['x-amz-create-session-mode', 'ReadWrite'],
      signal,
    });
    const { credentials, expiration } = readSession(body);
    const lifetimeMs = lifetimeOf(expiration, headers.get('date'), askedAtMs);
    this.#current = {
      credentials,
      // Behind the answer: they may have been renewed to get it.
      base: await this.#base.get(),
      refreshAtMs: askedAtMs + lifetimeMs - Math.min(REFRESH_AHEAD_MS, lifetimeMs / 2),
      validUntilMs: askedAtMs + lifetimeMs,
    };
    return credentials;
  }
}

function isSame(one: SigningCredentials, other: SigningCredentials): boolean {
  if (one === 'anonymous' || other === 'anonymous') return one === other;
  return one.accessKeyId === other.accessKeyId && one.sessionToken === other.sessionToken;
}

/** The answer of CreateSession: flat fields inside of `Credentials`. */
function readSession(body: Uint8Array): {
  readonly credentials: S3Credentials;
  readonly expiration: string | undefined;
} {
  const text = new TextDecoder().decode(body);
  const accessKeyId = xmlField(text, 'AccessKeyId');
  const secretAccessKey = xmlField(text, 'SecretAccessKey');
  const sessionToken = xmlField(text, 'SessionToken');
  if (accessKeyId === undefined || secretAccessKey === undefined || sessionToken === undefined) {
    throw new KvferryError('UNKNOWN', 'the store was asked for a session, and answered without one');
  }
  return { credentials: { accessKeyId, secretAccessKey, sessionToken }, expiration: xmlField(text, 'Expiration') };
}

/** By the store's own clock, which the answer has too: this machine's may be wrong. */
function lifetimeOf(expiration: string | undefined, date: string | undefined, nowMs: number): number {
  const answeredMs = Date.parse(date ?? '');
  const lifetimeMs = Date.parse(expiration ?? '') - (Number.isNaN(answeredMs) ? nowMs : answeredMs);
  return lifetimeMs > 0 ? lifetimeMs : USUAL_LIFETIME_MS;
}
