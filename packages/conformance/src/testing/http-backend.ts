import { Agent, type ClientRequest, type IncomingMessage, request as startRequest } from 'node:http';
import { crc32 } from 'node:zlib';
import {
  type BackendDriver,
  type Batch,
  type Capabilities,
  type DeleteResult,
  defineBackend,
  type ErrorCode,
  type GetResult,
  type Key,
  KvferryError,
  type ListEntry,
  type PutMode,
  type PutResult,
  type RemoteBackend,
  type StatResult,
} from '@kvferry/core';

/** What a backend over {@link HttpStore} does at each turn where it can go wrong. A mutant has one of these another way. */
export interface HttpRules {
  /** How long a request may be silent, in milliseconds. */
  readonly silenceMs: number;
  /** What an answer other than success means. */
  readonly verdict: (status: number, code: string | undefined) => ErrorCode | 'miss';
  readonly verdictOfLoss: (code: ErrorCode) => ErrorCode | 'miss';
  /** Which answers' bodies go into the memory lent. */
  readonly bodyGoesIntoMemory: (status: number) => boolean;
  readonly putIsStored: (status: number) => boolean;
  readonly putFailureIs: (error: KvferryError) => { readonly status: 'stored' } | undefined;
  /** What happens to an answer whose connection has ended before its announced length. */
  readonly cutAnswerIs: 'lost' | 'whole';
  readonly tooLongIs: 'a failure' | 'cut';
  readonly onIdleEnd: 'nothing' | 'gives up';
  readonly sendsChecksum: boolean;
  readonly checksReads: boolean;
  readonly keepsFragments: boolean;
  /** `leaves`: the call settles and the request runs on. */
  readonly onAbort: 'ends the request' | 'ends every request' | 'leaves the request' | 'nothing';
  /** How much of an answer's body is waited for. */
  readonly bodyIs: 'all pieces' | 'the first piece';
  /** After a time-out. */
  readonly onSilence: 'ends the request' | 'leaves the request';
  readonly givesPlacesBack: boolean;
  readonly repeatsOnStale: boolean;
  readonly oneFailureIsAll: boolean;
  readonly heals: boolean;
  readonly onClose: 'ends connections' | 'keeps connections';
  readonly message: (text: string, secret: string) => string;
  readonly cause: (cause: unknown, secret: string) => unknown;
  readonly details: (secret: string) => Readonly<Record<string, string>>;
  readonly createReplaces: boolean;
  readonly opensAgain: boolean;
}

export const soundRules: HttpRules = {
  silenceMs: 600,
  verdict: (status, code) => {
    if (code === 'NoSuchKey') return 'miss';
    if (code === 'NoSuchBucket') return 'NAMESPACE_NOT_FOUND';
    if (code === 'SlowDown') return 'THROTTLED';
    if (code === 'BadDigest') return 'CORRUPT';
    if (status === 403) return 'PERMISSION_DENIED';
    return status >= 500 ? 'UNAVAILABLE' : 'UNKNOWN';
  },
  verdictOfLoss: (code) => code,
  bodyGoesIntoMemory: (status) => status === 200,
  putIsStored: (status) => status === 200,
  putFailureIs: () => undefined,
  cutAnswerIs: 'lost',
  tooLongIs: 'a failure',
  onIdleEnd: 'nothing',
  sendsChecksum: true,
  checksReads: true,
  keepsFragments: false,
  onAbort: 'ends the request',
  bodyIs: 'all pieces',
  onSilence: 'ends the request',
  givesPlacesBack: true,
  repeatsOnStale: true,
  oneFailureIsAll: false,
  heals: true,
  onClose: 'ends connections',
  message: (text) => text,
  cause: (cause) => cause,
  details: () => ({}),
  createReplaces: false,
  opensAgain: true,
};

export const HTTP_CAPABILITIES: Capabilities = {
  delete: true,
  list: true,
  create: true,
  limits: { maxValueBytes: 2 ** 31, maxKeyBytes: 512 },
};

export interface HttpBackendOptions {
  readonly connectTo: { readonly host: string; readonly port: number };
  readonly secret: string;
  readonly rules: HttpRules;
}

/** A backend over `HttpStore`: as small as a backend with a network can be, and sound with `soundRules`. */
export function httpBackend(options: HttpBackendOptions): RemoteBackend {
  return defineBackend(new HttpDriver(options));
}

/** Requests at once. */
const PLACES = 32;

interface Question {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly parts?: readonly Uint8Array[];
  readonly into?: Uint8Array;
  readonly signal: AbortSignal;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** Bytes in `into`, or the body. */
  readonly byteLength: number;
  readonly body: Buffer;
}

class HttpDriver implements BackendDriver {
  readonly info: BackendDriver['info'];
  readonly capabilities: Capabilities = HTTP_CAPABILITIES;
  readonly #options: HttpBackendOptions;
  readonly #rules: HttpRules;
  readonly #agent: Agent = new Agent({ keepAlive: true });
  readonly #kept: WeakSet<object> = new WeakSet();
  readonly #waiting: (() => void)[] = [];
  #free = PLACES;
  #broken = false;
  #openings = 0;

  constructor(options: HttpBackendOptions) {
    this.#options = options;
    this.#rules = options.rules;
    this.#agent.on('free', (socket) => {
      if (this.#kept.has(socket)) return;
      this.#kept.add(socket);
      socket.once('close', () => {
        if (this.#rules.onIdleEnd === 'gives up') this.#broken = true;
      });
    });
    this.info = { scheme: 'http-store', namespace: 'test', details: options.rules.details(options.secret) };
  }

  async open(signal: AbortSignal): Promise<void> {
    this.#openings += 1;
    if (!this.#rules.opensAgain && this.#openings > 1) throw new KvferryError('UNKNOWN', 'it was opened before');
    await this.#ask({ method: 'GET', path: '/keys/none', signal });
  }

  async stat(batch: Parameters<BackendDriver['stat']>[0]): Promise<void> {
    await this.#each(batch, async (key): Promise<StatResult> => {
      const answer = await this.#ask({
        method: 'GET',
        path: `/length/${encodeURIComponent(key)}`,
        signal: batch.signal,
      });
      if (answer === 'miss') return { status: 'miss' };
      return { status: 'hit', byteLength: Number(answer.body.toString()) };
    });
  }

  async get(batch: Parameters<BackendDriver['get']>[0]): Promise<void> {
    await this.#each(batch, async ({ key, into }): Promise<GetResult> => {
      const answer = await this.#ask({ method: 'GET', path: pathOf(key), into, signal: batch.signal });
      if (answer === 'miss') return { status: 'miss' };
      const { byteLength } = answer;
      if (this.#rules.checksReads && String(crc32(into.subarray(0, byteLength))) !== answer.headers['x-crc32']) {
        throw new KvferryError('CORRUPT', 'the checksum differs');
      }
      return { status: 'hit', byteLength, verified: 'checksum' };
    });
  }

  async put(batch: Parameters<BackendDriver['put']>[0], mode: PutMode): Promise<void> {
    await this.#each(batch, async ({ key, parts }): Promise<PutResult> => {
      const headers: Record<string, string> = {};
      if (this.#rules.sendsChecksum) headers['x-crc32'] = String(crc32(Buffer.concat(parts)));
      if (this.#rules.keepsFragments) headers['x-keep-fragments'] = '1';
      if (mode === 'create' && !this.#rules.createReplaces) headers['x-create'] = '1';
      try {
        const answer = await this.#ask({ method: 'PUT', path: pathOf(key), headers, parts, signal: batch.signal });
        return { status: answer !== 'miss' && answer.status === 412 ? 'exists' : 'stored' };
      } catch (thrown) {
        const disguised = this.#rules.putFailureIs(KvferryError.from(thrown));
        if (disguised !== undefined) return disguised;
        throw thrown;
      }
    });
  }

  async delete(batch: Parameters<BackendDriver['delete']>[0]): Promise<void> {
    await this.#each(batch, async (key): Promise<DeleteResult> => {
      await this.#ask({ method: 'DELETE', path: pathOf(key), signal: batch.signal });
      return { status: 'deleted' };
    });
  }

  async *list(prefix: string, signal: AbortSignal): AsyncGenerator<ListEntry> {
    const answer = await this.#ask({ method: 'GET', path: `/keys/${encodeURIComponent(prefix)}`, signal });
    if (answer === 'miss') return;
    for (const line of answer.body.toString().split('\n').slice(0, -1)) {
      const space = line.indexOf(' ');
      yield { key: line.slice(space + 1), byteLength: Number(line.slice(0, space)) };
    }
  }

  async close(): Promise<void> {
    if (this.#rules.onClose === 'ends connections') this.#agent.destroy();
  }

  async #each<Item, Result extends { readonly status: string }>(
    batch: Batch<Item, Result>,
    run: (item: Item) => Promise<Result>,
  ): Promise<void> {
    if (!this.#rules.oneFailureIsAll) return await batch.each(PLACES, run);
    const results = await Promise.all(batch.items.map(run));
    for (const [index, result] of results.entries()) batch.settle(index, result);
  }

  async #ask(question: Question): Promise<Answer | 'miss'> {
    if (this.#broken) throw new KvferryError('CONNECTION', 'the store failed before');
    await this.#take(question.signal);
    let aborted = false;
    try {
      const answer = await this.#send(question, false);
      if (question.method === 'PUT' ? this.#rules.putIsStored(answer.status) : answer.status < 300) return answer;
      if (answer.status === 412) return answer;
      const code = /<Code>(\w+)</.exec(answer.body.toString('latin1'))?.[1];
      const verdict = this.#rules.verdict(answer.status, code);
      if (verdict === 'miss') return 'miss';
      throw this.#error(verdict, `the store answered ${answer.status}`, undefined);
    } catch (thrown) {
      const error = KvferryError.from(thrown);
      aborted = error.code === 'ABORTED';
      if (!this.#rules.heals && error.code === 'CONNECTION') this.#broken = true;
      if (this.#rules.verdictOfLoss(error.code) === 'miss') return 'miss';
      throw error;
    } finally {
      if (this.#rules.givesPlacesBack || !aborted) this.#give();
    }
  }

  async #send(question: Question, isRepetition: boolean): Promise<Answer> {
    const { connectTo } = this.#options;
    const { method, path, headers, parts } = question;
    const byteLength = (parts ?? []).reduce((sum, part) => sum + part.byteLength, 0);
    const call = startRequest({
      ...connectTo,
      method,
      path,
      headers: { ...headers, ...(parts === undefined ? {} : { 'content-length': byteLength }) },
      agent: isRepetition ? false : this.#agent,
    });
    let answered = false;
    call.once('response', () => {
      answered = true;
    });
    const sent = this.#answerOf(call, question);
    for (const part of parts ?? []) call.write(part);
    call.end();
    try {
      return await sent;
    } catch (thrown) {
      const stale = this.#rules.repeatsOnStale && call.reusedSocket && !isRepetition && !answered;
      if (stale && KvferryError.is(thrown) && thrown.code === 'CONNECTION') return await this.#send(question, true);
      throw thrown;
    }
  }

  /** Settles when the request has ended, with all that belongs to it. */
  #answerOf(call: ClientRequest, { into, signal }: Question): Promise<Answer> {
    const rules = this.#rules;
    const done = Promise.withResolvers<Answer>();
    let answer: (() => Answer) | undefined;
    let failure: unknown;
    const fail = (error: unknown): void => {
      failure ??= error;
      call.destroy();
    };
    const onAbort = (): void => {
      const error = this.#error('ABORTED', 'the caller aborted', signal.reason);
      if (rules.onAbort === 'ends every request') this.#agent.destroy();
      if (rules.onAbort.startsWith('ends')) fail(error);
      else if (rules.onAbort === 'leaves the request') done.reject(error);
    };
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    call.setTimeout(rules.silenceMs, () => {
      const error = this.#error('TIMEOUT', `nothing moved for ${rules.silenceMs} ms`, undefined);
      if (rules.onSilence === 'ends the request') fail(error);
      else done.reject(error);
    });
    call.on('error', (error) => {
      failure ??= this.#error('CONNECTION', 'the connection ended', error);
    });
    call.once('response', (response) => {
      const { statusCode: status = 0, headers } = response;
      const announced = Number(headers['content-length'] ?? 0);
      const memory = rules.bodyGoesIntoMemory(status) ? into : undefined;
      const parts: Buffer[] = [];
      let byteLength = 0;
      const whole = (): Answer => ({ status, headers, byteLength, body: Buffer.concat(parts) });
      if (rules.tooLongIs === 'a failure' && status === 200 && memory !== undefined && announced > memory.byteLength) {
        const reason = `the value has ${announced} bytes`;
        fail(new KvferryError('BUFFER_TOO_SMALL', reason, { requiredBytes: announced }));
        return;
      }
      if (rules.cutAnswerIs === 'whole') answer = () => ({ ...whole(), byteLength: announced });
      response.on('data', (part: Buffer) => {
        memory?.set(
          part.subarray(0, Math.max(0, memory.byteLength - byteLength)),
          Math.min(byteLength, memory.byteLength),
        );
        if (memory === undefined || status !== 200) parts.push(part);
        byteLength += part.byteLength;
        if (rules.bodyIs === 'the first piece') {
          answer = whole;
          call.destroy();
        }
      });
      response.on('error', () => {});
      response.once('end', () => {
        answer = whole;
      });
    });
    call.once('close', () => {
      signal.removeEventListener('abort', onAbort);
      const cut = failure === undefined || (KvferryError.is(failure) && failure.code === 'CONNECTION');
      if (answer !== undefined && cut) done.resolve(answer());
      else done.reject(failure ?? this.#error('CONNECTION', 'the connection ended', undefined));
    });
    return done.promise;
  }

  #error(code: ErrorCode, text: string, cause: unknown): KvferryError {
    const { secret } = this.#options;
    return new KvferryError(code, this.#rules.message(text, secret), { cause: this.#rules.cause(cause, secret) });
  }

  async #take(signal: AbortSignal): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    const turn = Promise.withResolvers<void>();
    this.#waiting.push(turn.resolve);
    const onAbort = (): void => {
      const at = this.#waiting.indexOf(turn.resolve);
      if (at === -1) return;
      this.#waiting.splice(at, 1);
      turn.reject(new KvferryError('ABORTED', 'the caller aborted'));
    };
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await turn.promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #give(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}

function pathOf(key: Key): string {
  return `/value/${encodeURIComponent(key)}`;
}
