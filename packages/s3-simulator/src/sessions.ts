/** Sessions of directory buckets: what CreateSession gives, and what later requests are signed with. */

import { randomBytes } from 'node:crypto';

/** `ReadOnly` is for the operations that change nothing. */
export type SessionMode = 'ReadWrite' | 'ReadOnly';

export interface Session {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  /** The only bucket that it is good for. */
  readonly bucket: string;
  readonly mode: SessionMode;
  /** In milliseconds since 1970, by the simulator's clock. */
  readonly expiresAtMs: number;
}

/** Sessions kept at most, expired ones included: those are told apart from what never was a session. */
const MAX_SESSIONS = 10_000;

/** The sessions of one simulator. */
export class Sessions {
  readonly #lifetimeMs: number;
  readonly #byKeyId = new Map<string, Session>();

  constructor(lifetimeMs: number) {
    this.#lifetimeMs = lifetimeMs;
  }

  open(bucket: string, mode: SessionMode, nowMs: number): Session {
    const session: Session = {
      accessKeyId: `ASIA${randomBytes(8).toString('hex').toUpperCase()}`,
      secretAccessKey: randomBytes(30).toString('base64'),
      sessionToken: randomBytes(96).toString('base64'),
      bucket,
      mode,
      expiresAtMs: nowMs + this.#lifetimeMs,
    };
    this.#byKeyId.set(session.accessKeyId, session);
    if (this.#byKeyId.size > MAX_SESSIONS) {
      const [oldest] = this.#byKeyId.keys();
      if (oldest !== undefined) this.#byKeyId.delete(oldest);
    }
    return session;
  }

  find(accessKeyId: string): Session | undefined {
    return this.#byKeyId.get(accessKeyId);
  }
}
