import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { KvferryError } from '@kvferry/core';
import {
  escapeQueryValue,
  type SignedAnswer,
  type SignedRequest,
  type SignedRequests,
  xmlField,
  xmlFields,
} from '@kvferry/s3-protocol';

/** Requests that a probe sends at most, tidying up not counted; a store that makes it send more is given up on. */
const MAX_REQUESTS = 400;
/** Bytes of bodies that it moves at most. Two uploads in parts of 5 MiB, the least that S3 takes, are the most of it. */
const MAX_BYTES = 16 * 1024 ** 2;
/** Attempts of a request that met no answer, or one of overload. */
const ATTEMPTS = 3;

/** How long a write that is under way when time is over may go on, in milliseconds: what is not answered may still be stored, after it was removed. */
const GRACE_MS = 5000;

/** One request of a trial. */
export type TrialRequest = Omit<SignedRequest, 'signal'>;

/**
 * The keys of one probe, and all requests about them. Every key lies under a prefix that nobody else has, and is remembered before it is written, so that
 * `removeAll` finds it whatever happens.
 */
export class Trial {
  readonly prefix: string = `kvferry-probe-${randomBytes(6).toString('hex')}/`;
  readonly #signal: AbortSignal;
  /** Ends writes: later than the signal, so that it is known what is there to be removed. */
  readonly #late = new AbortController();
  readonly #writes = new Set<Promise<unknown>>();
  readonly #unanswered = new Set<string>();
  /**
   * Keys by the way in which they were written: one key may have been written in two, and so to two places. `denied`: each write of it, so that nothing is
   * there.
   */
  readonly #own = new Map<SignedRequests, Map<string, 'denied' | 'written'>>();
  readonly #uploads = new Map<string, { readonly way: SignedRequests; readonly key: string }>();
  #requests = 0;
  #bytes = 0;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener('abort', () => void setTimeout(() => this.#late.abort(), GRACE_MS).unref(), { once: true });
  }

  /** Whether the time is over, or the caller has had enough. */
  get isOver(): boolean {
    return this.#signal.aborted;
  }

  get requests(): number {
    return this.#requests;
  }

  get bytes(): number {
    return this.#bytes;
  }

  key(name: string): string {
    return this.prefix + name;
  }

  /** Sends a request. What comes as overload, or not at all, is tried again a few times. */
  send(way: SignedRequests, request: TrialRequest): Promise<SignedAnswer> {
    return repeated(this.#signal, () => this.sendOnce(way, request));
  }

  /** Sends a request once. */
  async sendOnce(way: SignedRequests, request: TrialRequest): Promise<SignedAnswer> {
    this.#signal.throwIfAborted();
    const { body, key, method } = request;
    const bytes = body?.byteLength ?? 0;
    if (this.#requests + 1 > MAX_REQUESTS)
      throw new Error(`not tried: the probe has sent its ${MAX_REQUESTS} requests`);
    if (this.#bytes + bytes > MAX_BYTES) throw new Error(`not tried: the probe has moved its ${MAX_BYTES} bytes`);
    this.#requests += 1;
    this.#bytes += bytes;
    const writes = method === 'PUT' || (method === 'POST' && key !== '');
    const answer = writes ? await this.#write(way, request) : await way.send({ ...request, signal: this.#signal });
    this.#bytes += answer.body.byteLength;
    return answer;
  }

  /** Whether an own key, asked for in this way, holds exactly these bytes. */
  async holds(way: SignedRequests, name: string, bytes: Uint8Array): Promise<boolean> {
    const answer = await this.send(way, { operation: 'get', method: 'GET', key: this.key(name) });
    return answer.status === 200 && Buffer.compare(answer.body, bytes) === 0;
  }

  async #write(way: SignedRequests, request: TrialRequest): Promise<SignedAnswer> {
    const { key } = request;
    const own = this.#own.get(way) ?? new Map<string, 'denied' | 'written'>();
    this.#own.set(way, own.set(key, own.get(key) ?? 'denied'));
    const { signal } = this.#late;
    const pending = way.send({ ...request, signal });
    this.#writes.add(pending);
    try {
      const answer = await pending;
      if (answer.status !== 403) own.set(key, 'written');
      return answer;
    } catch (thrown) {
      own.set(key, 'written');
      if (signal.aborted) this.#unanswered.add(key);
      throw thrown;
    } finally {
      this.#writes.delete(pending);
    }
  }

  /** Notes an upload in parts that is under way, and one that has ended. */
  uploadBegan(way: SignedRequests, key: string, uploadId: string): void {
    this.#uploads.set(uploadId, { way, key });
  }

  uploadEnded(uploadId: string): void {
    this.#uploads.delete(uploadId);
  }

  /** Removes whatever the trial may have stored, and says what may still be there. Never throws. */
  async removeAll(signal: AbortSignal): Promise<string[]> {
    await Promise.allSettled(this.#writes);
    const leftovers = [...this.#unanswered].map(
      (key) => `${key}: a write of it was not answered, and may come through yet`,
    );
    const remove = async (what: string, way: SignedRequests, request: TrialRequest): Promise<void> => {
      const problem = await removed(way, request, signal);
      if (problem !== undefined) leftovers.push(`${what}: ${problem}`);
    };
    for (const [uploadId, { way, key }] of this.#uploads) {
      const query = queryOf({ uploadId });
      await remove(`the upload ${uploadId} of ${key}`, way, { operation: 'put', method: 'DELETE', key, query });
    }
    // Single deletes, which every store has; eight at a time.
    const keys = [...this.#own].flatMap(([way, own]) =>
      [...own].flatMap(([key, state]) => (state === 'written' ? { way, key } : [])),
    );
    const take = async (): Promise<void> => {
      for (let next = keys.pop(); next !== undefined; next = keys.pop()) {
        const { way, key } = next;
        await remove(key, way, { operation: 'delete', method: 'DELETE', key });
      }
    };
    await Promise.all(Array.from({ length: 8 }, take));
    return leftovers;
  }
}

/** Whether a request left nothing, or why it may not have. */
async function removed(way: SignedRequests, request: TrialRequest, signal: AbortSignal): Promise<string | undefined> {
  try {
    const answer = await repeated(signal, () => way.send({ ...request, signal }));
    return answer.status < 300 || answer.status === 404 ? undefined : answered(answer);
  } catch (thrown) {
    return messageOf(thrown);
  }
}

/** What comes as overload, or not at all, is asked for again a few times. */
async function repeated(signal: AbortSignal, send: () => Promise<SignedAnswer>): Promise<SignedAnswer> {
  for (let attempt = 1; ; attempt++) {
    const last = attempt === ATTEMPTS;
    try {
      const answer = await send();
      const overload = answer.status === 429 || (answer.status >= 500 && answer.status !== 501);
      if (!overload || last) return answer;
    } catch (thrown) {
      if (last || !KvferryError.is(thrown) || thrown.retry !== 'later') throw thrown;
    }
    await sleep(100 * 2 ** attempt, undefined, { signal });
  }
}

/** Parameters as they go on the request line and into the signature: sorted by name, everything escaped but letters, digits and `-_.~`. */
export function queryOf(parameters: Readonly<Record<string, string | undefined>>): string {
  return Object.entries(parameters)
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${escapeQueryValue(value)}`]))
    .toSorted()
    .join('&');
}

/** An answer in words: `412 PreconditionFailed`. */
export function answered({ document, status }: SignedAnswer): string {
  return document.code === undefined ? String(status) : `${status} ${document.code}`;
}

/** What an answer that was none to go on with means. */
export function errorOf(
  way: SignedRequests,
  operation: SignedRequest['operation'],
  answer: SignedAnswer,
): KvferryError {
  const verdict = way.judge({ operation }, answer);
  return verdict === 'miss' ? new KvferryError('UNKNOWN', 'the store says that the key is not there') : verdict;
}

/** Names in a listing's answer, as they are. */
export function namesListed(answer: SignedAnswer): string[] {
  const document = new TextDecoder().decode(answer.body);
  const names = xmlFields(document, 'Key');
  // A store that does not know the parameter does not echo it, and sends names as they are.
  if (xmlField(document, 'EncodingType') !== 'url') return names;
  return names.map((name) => decodeURIComponent(name.replaceAll('+', ' ')));
}

export function messageOf(thrown: unknown): string {
  if (KvferryError.is(thrown)) return `${thrown.code}: ${thrown.reason}`;
  return thrown instanceof Error ? thrown.message : String(thrown);
}
