import { KvferryError } from '@kvferry/core';
import { orAborted, pause } from './abort.ts';
import type { StoreAnswer } from './errors.ts';
import { decideRetry, RetryTokens } from './policy.ts';
import type { ServerClock } from './signing/clock.ts';
import type { CredentialProvider, SigningCredentials } from './types.ts';

/** One attempt of a request, as whoever makes it sees it. */
export interface Attempt {
  /** 1 for the first. */
  readonly number: number;
  /** What came last was wrong though it came whole: nothing of its connection is used again. */
  readonly freshConnection: boolean;
}

/** Codes by which a store says that temporary credentials have come to their end. */
export const EXPIRED_CODES: ReadonlySet<string> = new Set([
  'ExpiredToken',
  'ExpiredTokenException',
  'TokenRefreshRequired',
]);
/**
 * The same of sessions. What a store answers once it has forgotten one is written down nowhere; a new session costs a request, and settles it.
 */
export const ENDED_SESSION_CODES: ReadonlySet<string> = new Set([
  ...EXPIRED_CODES,
  'InvalidToken',
  'InvalidAccessKeyId',
]);

/** What an attempt throws when the store has answered, and its answer is an error. */
export class Refusal extends Error {
  readonly error: KvferryError;
  readonly answer: StoreAnswer;
  readonly signedAtMs: number;
  readonly credentials: SigningCredentials;

  constructor(error: KvferryError, answer: StoreAnswer, signedAtMs: number, credentials: SigningCredentials) {
    super(error.message);
    this.error = error;
    this.answer = answer;
    this.signedAtMs = signedAtMs;
    this.credentials = credentials;
  }
}

/** Repeats attempts that failed, on both planes by the same rules: pauses, tokens, a wrong clock, an expired token. */
export class Attempts {
  readonly #maxAttempts: number;
  readonly #clock: ServerClock;
  readonly #credentials: CredentialProvider;
  readonly #endsCredentials: ReadonlySet<string>;
  readonly #tokens = new RetryTokens();

  /** `endsCredentials`: codes by which the store says that credentials, or the session, have come to their end. */
  constructor(
    maxAttempts: number,
    clock: ServerClock,
    credentials: CredentialProvider,
    endsCredentials: ReadonlySet<string>,
  ) {
    this.#maxAttempts = maxAttempts;
    this.#clock = clock;
    this.#credentials = credentials;
    this.#endsCredentials = endsCredentials;
  }

  /**
   * Gives what the first attempt that succeeds gives. Throws the error of the last, marked `exhausted` where it was
   * repeated in vain. A signal that fires ends the attempt, or the pause, with ABORTED. An attempt begins only when the
   * one before it has ended.
   */
  async run<T>(signal: AbortSignal, attempt: (attempt: Attempt) => Promise<T>): Promise<T> {
    let number = 1;
    let freshConnection = false;
    let tokens = 0;
    let mayCorrectClock = true;
    let mayRenewCredentials = true;
    for (;;) {
      let error: KvferryError;
      try {
        const result = await attempt({ number, freshConnection });
        this.#tokens.refund(tokens);
        return result;
      } catch (thrown) {
        if (thrown instanceof Refusal) {
          // Neither remedy takes from the attempts: what was wrong was the question.
          if (mayCorrectClock && this.#correctsClock(thrown)) {
            mayCorrectClock = false;
            continue;
          }
          if (mayRenewCredentials && (await this.#renewsCredentials(thrown, signal))) {
            mayRenewCredentials = false;
            continue;
          }
          error = thrown.error;
        } else {
          error = KvferryError.from(thrown);
        }
      }
      const decision = decideRetry(error, number, this.#maxAttempts, Math.random());
      if (decision.status === 'final') throw error;
      tokens = decision.status === 'retry' ? this.#tokens.take(error) : 0;
      if (decision.status === 'exhausted' || tokens === 0) throw KvferryError.from(error, { retry: 'exhausted' });
      if (decision.delayMs > 0) await pause(decision.delayMs, signal);
      freshConnection = error.code === 'CORRUPT';
      number += 1;
    }
  }

  #correctsClock({ answer, signedAtMs }: Refusal): boolean {
    if (answer.status !== 403 && answer.document.code !== 'RequestTimeTooSkewed') return false;
    return this.#clock.correct(answer.headers.get('date') ?? answer.document.serverTime, signedAtMs);
  }

  async #renewsCredentials({ answer, credentials }: Refusal, signal: AbortSignal): Promise<boolean> {
    if (!this.#endsCredentials.has(answer.document.code ?? '') || credentials === 'anonymous') return false;
    this.#credentials.invalidate(credentials);
    const renewed = await orAborted(Promise.resolve(this.#credentials.get(signal)), signal);
    // A source that has nothing newer gives the same again, and the refusal stands.
    return renewed === 'anonymous' || renewed.sessionToken !== credentials.sessionToken;
  }
}
