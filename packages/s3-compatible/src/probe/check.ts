import type { SignedAnswer, SignedRequests } from '@kvferry/s3-protocol';
import type { StoreProfile } from '../profile.ts';
import { errorOf, messageOf, type Trial, type TrialRequest } from './trial.ts';
import type { ProbeFinding, ProbeSubject } from './types.ts';

/** Some subjects that are found out together. */
export interface Check {
  readonly subjects: readonly ProbeSubject[];
  /** Notes a finding for each subject. What it throws, or leaves out, makes the rest of them unknown. */
  run(bench: Bench): Promise<void>;
}

/** What checks work with: a way to the store, and a place for what they find. */
export class Bench {
  readonly trial: Trial;
  readonly way: SignedRequests;
  /** What was found out, as the profile has it. */
  readonly learned: Partial<{ -readonly [Field in keyof StoreProfile]: StoreProfile[Field] }> = {};
  readonly #findings: Map<ProbeSubject, ProbeFinding>;

  constructor(trial: Trial, way: SignedRequests, findings: Map<ProbeSubject, ProbeFinding>) {
    this.trial = trial;
    this.way = way;
    this.#findings = findings;
  }

  /** Runs a check. Never throws: `outOfTime` says why nothing more can be tried, where that is so. */
  async run(check: Check, outOfTime: () => string | undefined): Promise<void> {
    let why = outOfTime();
    try {
      if (why === undefined) await check.run(this);
    } catch (thrown) {
      why = outOfTime() ?? messageOf(thrown);
    }
    for (const subject of check.subjects) {
      if (!this.#findings.has(subject))
        this.note(subject, 'unknown', why ?? 'not tried: what it builds on does not hold');
    }
  }

  note(subject: ProbeSubject, status: ProbeFinding['status'], seen: string): void {
    this.#findings.set(subject, { subject, status, seen });
  }

  /** Whether a subject was found to hold. */
  holds(subject: ProbeSubject): boolean {
    return this.#findings.get(subject)?.status === 'yes';
  }

  /** PUT of an own key, with its CRC32C where the store takes one. */
  put(name: string, body: Uint8Array, headers: readonly string[] = []): Promise<SignedAnswer> {
    return this.trial.send(this.way, this.putRequest(name, body, headers));
  }

  putRequest(name: string, body: Uint8Array, headers: readonly string[] = []): TrialRequest {
    const checksum = this.learned.checksum === 'none' ? [] : ['x-amz-checksum-crc32c', this.way.crc32c(body)];
    return {
      operation: 'put',
      method: 'PUT',
      key: this.trial.key(name),
      headers: ['content-type', 'application/octet-stream', ...checksum, ...headers],
      body,
    };
  }

  /** PUT that has to succeed, for what follows to say anything. */
  async lay(name: string, body: Uint8Array): Promise<void> {
    const answer = await this.put(name, body);
    if (answer.status !== 200) throw this.error('put', answer);
  }

  get(name: string, headers: readonly string[] = []): Promise<SignedAnswer> {
    return this.trial.send(this.way, { operation: 'get', method: 'GET', key: this.trial.key(name), headers });
  }

  /** Whether a key holds exactly these bytes. */
  holdsBytes(name: string, bytes: Uint8Array): Promise<boolean> {
    return this.trial.holds(this.way, name, bytes);
  }

  /** Whether a key is absent. Throws for an answer that does not say. */
  async isAbsent(name: string): Promise<boolean> {
    const answer = await this.get(name);
    if (answer.status === 200) return false;
    const verdict = this.way.judge({ operation: 'get' }, answer);
    if (verdict !== 'miss') throw verdict;
    return true;
  }

  /** What an answer that was none to go on with means. */
  error(operation: 'put' | 'get' | 'list' | 'delete', answer: SignedAnswer): Error {
    return errorOf(this.way, operation, answer);
  }
}
