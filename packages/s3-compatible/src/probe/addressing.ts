import { randomBytes } from 'node:crypto';
import { KvferryError } from '@kvferry/core';
import type { SignedRequests } from '@kvferry/s3-protocol';
import type { AddressingStyle } from '../profile.ts';
import { errorOf, messageOf, type Trial } from './trial.ts';
import type { ProbeFinding } from './types.ts';

/** Ways to the bucket that lead to one and the same place, the better first, and what each way met. */
export interface FoundWays {
  readonly ways: readonly { readonly style: AddressingStyle; readonly way: SignedRequests }[];
  readonly findings: readonly ProbeFinding[];
}

/** What says nothing about addressing, and keeps everything else from being found out. */
const FATAL = new Set(['UNAUTHENTICATED', 'CONFIG_INVALID', 'ABORTED']);

/**
 * Finds out which ways lead to the bucket: an absent key has to be absent there, what is written has to be read, and by every other way too. Throws where no
 * way does.
 *
 * @param openWay Opens a way, or says why it cannot be tried.
 */
export async function findWays(
  trial: Trial,
  styles: readonly AddressingStyle[],
  openWay: (style: AddressingStyle) => Promise<SignedRequests | string>,
): Promise<FoundWays> {
  const findings: ProbeFinding[] = [];
  const ways: { style: AddressingStyle; way: SignedRequests; value: Uint8Array }[] = [];
  const problems: KvferryError[] = [];
  const note = (style: AddressingStyle, status: ProbeFinding['status'], seen: string): void => {
    findings.push({ subject: `addressing.${style}`, status, seen });
  };
  for (const style of ['virtual', 'path'] as const) {
    const way = styles.includes(style) ? await openWay(style) : 'not tried: the other way was asked for';
    if (typeof way === 'string') {
      note(style, 'unknown', way);
      continue;
    }
    try {
      const value = await tryWay(trial, style, way);
      const [first] = ways;
      if (first === undefined || (await trial.holds(way, nameFor(first.style), first.value))) {
        ways.push({ style, way, value });
        note(style, 'yes', 'what is written is read');
      } else {
        note(style, 'no', `it leads to another place than '${first.style}' does`);
      }
    } catch (thrown) {
      const error = KvferryError.from(thrown);
      if (FATAL.has(error.code) && !isAddressingProblem(error)) throw error;
      problems.push(error);
      note(style, 'no', messageOf(error));
    }
  }
  if (ways.length > 0) return { ways, findings };
  // Not before every way was tried: a store that reads the bucket elsewhere denies what it takes for another one (MinIO, to who may use only this one).
  const denied = problems.find(({ code }) => code === 'PERMISSION_DENIED');
  if (denied !== undefined) throw denied;
  const [first] = problems;
  if (first === undefined)
    throw new KvferryError('CONFIG_INVALID', `no way to the bucket can be tried: ${textOf(findings)}`);
  if (problems.length === 1) throw first;
  throw new KvferryError(first.code, `neither way leads to the bucket: ${textOf(findings)}`, {
    retry: first.retry,
    cause: first,
  });
}

/** Writes and reads one key. Gives its value; throws what it met. */
async function tryWay(trial: Trial, style: AddressingStyle, way: SignedRequests): Promise<Uint8Array> {
  const absent = await trial.send(way, { operation: 'get', method: 'GET', key: trial.key('absent') });
  const verdict = absent.status === 200 ? undefined : way.judge({ operation: 'get' }, absent);
  if (verdict === undefined) throw new KvferryError('UNKNOWN', 'a key that nobody wrote is there');
  // Without the right to list, AWS answers 403 for an absent key: what is written tells.
  if (verdict !== 'miss' && verdict.code !== 'PERMISSION_DENIED') throw verdict;
  const value = randomBytes(64);
  const key = trial.key(nameFor(style));
  const headers = ['content-type', 'application/octet-stream'];
  const stored = await trial.send(way, { operation: 'put', method: 'PUT', key, headers, body: value });
  if (stored.status !== 200) throw errorOf(way, 'put', stored);
  if (!(await trial.holds(way, nameFor(style), value)))
    throw new KvferryError('UNKNOWN', 'what is written is not read');
  return value;
}

/** The key that is written in this way. */
function nameFor(style: AddressingStyle): string {
  return `addressing-${style}`;
}

/** Whether the advice is to address the bucket in another way. */
function isAddressingProblem(error: KvferryError): boolean {
  return error.code === 'CONFIG_INVALID' && error.reason.includes('addressing');
}

function textOf(findings: readonly ProbeFinding[]): string {
  return findings.map(({ seen, subject }) => `${subject}: ${seen}`).join('; ');
}
