import { describe, expect, it } from 'vitest';
import { cases } from '../cases/index.ts';
import { runConformance } from '../runner.ts';
import { HTTP_CAPABILITIES, type HttpRules, httpBackend, soundRules } from '../testing/http-backend.ts';
import { startHttpStore } from '../testing/http-store.ts';

/** A backend with a network that breaks one promise. */
interface NetworkMutant {
  readonly fault: string;
  /** The number of LMCache's own fault that it is, where it is one. */
  readonly lmcacheFault?: number;
  readonly rules: Partial<HttpRules>;
  /** The cases that are run: to let each mutant run all takes ten minutes, most of it spent in time limits. */
  readonly among: RegExp;
  /** The ids of those that fail, all of them. */
  readonly caught: readonly string[];
}

const { verdict } = soundRules;

const mutants: readonly NetworkMutant[] = [
  {
    fault: 'takes a refusal for a miss',
    lmcacheFault: 4,
    rules: { verdict: (status, code) => (status === 403 ? 'miss' : verdict(status, code)) },
    among: /^NET-(MISS|GET|SECRET)/,
    caught: ['NET-MISS-01', 'NET-MISS-06', 'NET-GET-01', 'NET-SECRET-01'],
  },
  {
    fault: 'takes a missing namespace for a miss',
    lmcacheFault: 4,
    rules: { verdict: (status, code) => (status === 404 ? 'miss' : verdict(status, code)) },
    among: /^NET-(MISS|GET|SECRET)/,
    caught: ['NET-MISS-02', 'NET-GET-03', 'NET-SECRET-02'],
  },
  {
    fault: 'takes a time-out for a miss',
    lmcacheFault: 4,
    rules: { verdictOfLoss: (code) => (code === 'TIMEOUT' ? 'miss' : code) },
    among: /^NET-(FAIL|BATCH|CONN)/,
    caught: ['NET-FAIL-04', 'NET-FAIL-08', 'NET-FAIL-10', 'NET-BATCH-03', 'NET-CONN-04'],
  },
  {
    fault: 'takes a lost connection for a miss',
    lmcacheFault: 4,
    rules: { verdictOfLoss: (code) => (code === 'CONNECTION' ? 'miss' : code), repeatsOnStale: false },
    among: /^NET-(FAIL|PUT|GET|BATCH)/,
    caught: [
      'NET-FAIL-01',
      'NET-FAIL-02',
      'NET-FAIL-03',
      'NET-FAIL-05',
      'NET-FAIL-06',
      'NET-FAIL-07',
      'NET-FAIL-09',
      'NET-FAIL-13',
      'NET-FAIL-14',
      'NET-PUT-01',
      'NET-PUT-02',
      'NET-PUT-04',
      'NET-PUT-05',
      'NET-PUT-08',
      'NET-GET-07',
      'NET-BATCH-01',
      'NET-BATCH-02',
      'NET-BATCH-04',
      'NET-BATCH-05',
      'NET-BATCH-06',
      'NET-BATCH-07',
    ],
  },
  {
    fault: 'has one code for all errors of the store',
    rules: { verdict: (_, code) => (code === 'NoSuchKey' ? 'miss' : 'UNAVAILABLE') },
    among: /^NET-(MISS|GET)/,
    caught: ['NET-MISS-01', 'NET-MISS-02', 'NET-MISS-03', 'NET-MISS-06'],
  },
  {
    fault: 'takes an answer that was cut off for a whole one',
    lmcacheFault: 31,
    rules: { cutAnswerIs: 'whole', checksReads: false },
    among: /^NET-(FAIL|GET|BATCH)/,
    caught: ['NET-FAIL-06', 'NET-FAIL-07', 'NET-FAIL-13', 'NET-FAIL-14', 'NET-GET-06', 'NET-GET-07', 'NET-BATCH-02'],
  },
  {
    fault: 'takes the first piece of an answer for the whole',
    rules: { bodyIs: 'the first piece', checksReads: false },
    among: /^NET-(FAIL-1[12]|GET)/,
    caught: ['NET-FAIL-11', 'NET-FAIL-12', 'NET-GET-06', 'NET-GET-07'],
  },
  {
    fault: 'says that it checks what it does not check',
    lmcacheFault: 8,
    rules: { checksReads: false },
    among: /^NET-(GET|PUT)/,
    caught: ['NET-GET-06'],
  },
  {
    fault: 'lets the store take what comes, unchecked',
    rules: { sendsChecksum: false },
    among: /^NET-(GET|PUT)/,
    caught: ['NET-PUT-07'],
  },
  {
    fault: 'has the store keep what came of a broken upload',
    rules: { keepsFragments: true },
    among: /^NET-(PUT|FAIL)/,
    caught: ['NET-PUT-01', 'NET-PUT-02', 'NET-PUT-03', 'NET-PUT-04'],
  },
  {
    fault: 'cuts a value that is too long for its memory',
    rules: { tooLongIs: 'cut' },
    among: /^NET-(GET)/,
    caught: ['NET-GET-08'],
  },
  {
    fault: 'reads an error document into the memory lent',
    rules: { bodyGoesIntoMemory: () => true },
    among: /^NET-(GET|MISS)/,
    caught: ['NET-GET-01', 'NET-GET-02', 'NET-GET-03', 'NET-GET-04', 'NET-GET-05'],
  },
  {
    fault: 'takes any answer to a put for stored',
    lmcacheFault: 15,
    rules: { putIsStored: () => true },
    among: /^NET-(MISS|PUT)/,
    caught: [
      'NET-MISS-01',
      'NET-MISS-02',
      'NET-MISS-03',
      'NET-MISS-04',
      'NET-MISS-05',
      'NET-MISS-06',
      'NET-PUT-06',
      'NET-PUT-07',
    ],
  },
  {
    fault: 'does not tell that a put failed',
    lmcacheFault: 32,
    rules: { putFailureIs: () => ({ status: 'stored' }) },
    among: /^NET-(FAIL|MISS|PUT|BATCH)/,
    caught: [
      'NET-FAIL-01',
      'NET-FAIL-02',
      'NET-FAIL-03',
      'NET-FAIL-04',
      'NET-FAIL-05',
      'NET-FAIL-09',
      'NET-FAIL-10',
      'NET-MISS-01',
      'NET-MISS-02',
      'NET-MISS-03',
      'NET-MISS-04',
      'NET-MISS-05',
      'NET-MISS-06',
      'NET-PUT-01',
      'NET-PUT-02',
      'NET-PUT-04',
      'NET-PUT-05',
      'NET-PUT-06',
      'NET-PUT-07',
      'NET-PUT-08',
      'NET-BATCH-06',
    ],
  },
  {
    fault: 'settles an abort and lets the request run on',
    lmcacheFault: 16,
    rules: { onAbort: 'leaves the request' },
    among: /^NET-(ABORT|PUT|CONN)/,
    caught: ['NET-ABORT-02', 'NET-ABORT-03', 'NET-ABORT-04'],
  },
  {
    fault: 'waits for the store though the caller aborts',
    lmcacheFault: 16,
    rules: { onAbort: 'nothing' },
    among: /^NET-(ABORT|PUT|CONN)/,
    caught: ['NET-ABORT-01', 'NET-ABORT-04', 'NET-ABORT-07'],
  },
  {
    fault: 'ends every call with the one that is aborted',
    rules: { onAbort: 'ends every request' },
    among: /^NET-(ABORT)/,
    caught: ['NET-ABORT-06'],
  },
  {
    fault: 'settles at a time-out and lets the request run on',
    lmcacheFault: 16,
    rules: { onSilence: 'leaves the request' },
    among: /^NET-(CONN|FAIL)/,
    caught: ['NET-CONN-04'],
  },
  {
    fault: 'keeps the places of aborted requests',
    rules: { givesPlacesBack: false },
    among: /^NET-(ABORT-05)/,
    caught: ['NET-ABORT-05'],
  },
  {
    fault: 'waits for ever',
    lmcacheFault: 26,
    rules: { silenceMs: 0 },
    among: /^NET-(FAIL-0[48])/,
    caught: ['NET-FAIL-04', 'NET-FAIL-08'],
  },
  {
    fault: 'loses the whole batch to one failure',
    lmcacheFault: 35,
    rules: { oneFailureIsAll: true, repeatsOnStale: false },
    among: /^NET-(BATCH)/,
    caught: ['NET-BATCH-01', 'NET-BATCH-02', 'NET-BATCH-03', 'NET-BATCH-04', 'NET-BATCH-05'],
  },
  {
    fault: 'gives up on a connection that ended as it was used again',
    rules: { repeatsOnStale: false },
    among: /^NET-(CONN)/,
    caught: ['NET-CONN-03'],
  },
  {
    fault: 'gives up when a connection ends that is idle',
    rules: { onIdleEnd: 'gives up' },
    among: /^NET-(CONN-0[23])/,
    caught: ['NET-CONN-02', 'NET-CONN-03'],
  },
  {
    fault: 'stays broken after a failure',
    lmcacheFault: 3,
    rules: { heals: false },
    among: /^NET-(CONN|FAIL|BATCH)/,
    caught: [
      'NET-FAIL-01',
      'NET-FAIL-02',
      'NET-FAIL-03',
      'NET-FAIL-05',
      'NET-FAIL-06',
      'NET-FAIL-07',
      'NET-FAIL-09',
      'NET-FAIL-13',
      'NET-FAIL-14',
      'NET-CONN-05',
      'NET-CONN-06',
    ],
  },
  {
    fault: 'keeps its connections after close',
    rules: { onClose: 'keeps connections' },
    among: /^NET-(CONN|ABORT)/,
    caught: ['NET-CONN-01'],
  },
  {
    fault: 'names its secret in messages',
    rules: { message: (text, secret) => `${text} (${secret})` },
    among: /^NET-(SECRET)/,
    caught: ['NET-SECRET-01', 'NET-SECRET-02', 'NET-SECRET-03', 'NET-SECRET-04', 'NET-SECRET-05', 'NET-SECRET-06'],
  },
  {
    fault: 'names its secret in the causes of its errors',
    rules: { cause: (cause, secret) => ({ cause, headers: { authorization: secret } }) },
    among: /^NET-(SECRET)/,
    caught: ['NET-SECRET-01', 'NET-SECRET-02', 'NET-SECRET-03', 'NET-SECRET-04', 'NET-SECRET-05', 'NET-SECRET-06'],
  },
  {
    fault: 'names its secret in what it says of itself',
    rules: { details: (secret) => ({ token: secret }) },
    among: /^NET-(SECRET)/,
    caught: ['NET-SECRET-07'],
  },
  {
    fault: 'replaces with create',
    rules: { createReplaces: true },
    among: /^NET-(PUT)/,
    caught: ['NET-PUT-08'],
  },
  {
    fault: 'opens once only',
    rules: { opensAgain: false },
    among: /^NET-(CONN|ABORT)/,
    caught: ['NET-ABORT-08', 'NET-CONN-05'],
  },
];

const SECRET = 'wJalrXUtnFEMI-not-to-be-told';

/** The ids of the network cases that a backend with these rules fails. */
async function failuresOf(rules: Partial<HttpRules>, among: RegExp): Promise<string[]> {
  const store = await startHttpStore();
  const report = await runConformance(
    {
      capabilities: HTTP_CAPABILITIES,
      upstream: store.url,
      createTarget: ({ connectTo = { host: '', port: 0 } }) => ({
        create: () => httpBackend({ connectTo, secret: SECRET, rules: { ...soundRules, ...rules } }),
        rawRead: async (key) => store.values.get(key),
        secrets: [SECRET],
        close: () => store.close(),
      }),
    },
    { level: 'network', filter: ({ id }) => among.test(id) },
  );
  return report.cases.filter(({ status }) => status !== 'passed').map(({ id }) => id);
}

/** Each has time limits to wait for, a hanging one that of a case. */
const LIMIT_MS = 120_000;

it('lets the sound backend pass', { timeout: LIMIT_MS }, async () => {
  expect(await failuresOf({}, /^NET-/)).toEqual([]);
});

describe('catches a backend that', () => {
  for (const { fault, rules, among, caught } of mutants) {
    it(fault, { timeout: LIMIT_MS }, async () => {
      expect(await failuresOf(rules, among)).toEqual(caught);
    });
  }
});

it('has a mutant for every network case', () => {
  const seen = new Set(mutants.flatMap(({ caught }) => caught));
  const network = cases.filter(({ id }) => id.startsWith('NET-'));
  expect(network.filter(({ id }) => !seen.has(id)).map(({ id }) => id)).toEqual([]);
});
