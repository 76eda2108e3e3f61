import { KvferryError } from '@kvferry/core';
import type { CredentialProvider, SessionRequest, SigningCredentials } from '@kvferry/s3-protocol';
import { beforeEach, describe, expect, it } from 'vitest';
import { SessionProvider } from './session-provider.ts';

const MINUTE_MS = 60_000;
const START_MS = Date.parse('2026-03-01T12:00:00Z');

/** What the tests set, and see. */
let nowMs: number;
let storeMs: number;
let lifetimeMs: number;
let base: SigningCredentials;
let sent: { readonly answer: () => void; readonly fail: (error: Error) => void; readonly signal: AbortSignal }[];
let provider: SessionProvider;

beforeEach(() => {
  nowMs = START_MS;
  storeMs = START_MS;
  lifetimeMs = 5 * MINUTE_MS;
  base = { accessKeyId: 'AKIDBASE', secretAccessKey: 's3cret' };
  sent = [];
  const credentials: CredentialProvider = {
    get: () => base,
    invalidate: () => {},
    describe: () => 'static AKID…SE',
  };
  provider = new SessionProvider(credentials, send, () => nowMs);
});

const send: SessionRequest = ({ method, query, signedHeaders, signal }) => {
  expect([method, query, ...signedHeaders]).toEqual(['GET', 'session=', 'x-amz-create-session-mode', 'ReadWrite']);
  const number = sent.length + 1;
  return new Promise((resolve, reject) => {
    const answer = () =>
      resolve({ headers: new Map([['date', new Date(storeMs).toUTCString()]]), body: documentOf(number) });
    sent.push({ answer, fail: reject, signal });
    signal.addEventListener('abort', () => reject(new KvferryError('ABORTED', 'aborted')));
  });
};

function documentOf(number: number): Uint8Array {
  const expiration = new Date(storeMs + lifetimeMs).toISOString();
  return Buffer.from(
    `<?xml version="1.0"?><CreateSessionResult><Credentials><SessionToken>t${number}&amp;</SessionToken>` +
      `<SecretAccessKey>k${number}</SecretAccessKey><AccessKeyId>ASIA${number}</AccessKeyId>` +
      `<Expiration>${expiration}</Expiration></Credentials></CreateSessionResult>`,
  );
}

const session = (number: number) => ({
  accessKeyId: `ASIA${number}`,
  secretAccessKey: `k${number}`,
  sessionToken: `t${number}&`,
});

/** Opens the first session. */
async function opened(): Promise<void> {
  const first = provider.get();
  sent.at(-1)?.answer();
  await first;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('a session', () => {
  it('is opened by the first that asks, once for all who wait, and given at once from then on', async () => {
    const waiting = [provider.get(), provider.get(), provider.get()];
    expect(sent).toHaveLength(1);
    sent[0]?.answer();
    const given = await Promise.all(waiting);
    expect(given[0]).toEqual(session(1));
    expect(new Set([...given, provider.get()]).size).toBe(1);
    expect(sent).toHaveLength(1);
  });

  it('that could not be opened is asked for again by the next', async () => {
    const refused = new KvferryError('PERMISSION_DENIED', 'no');
    const waiting = [provider.get(), provider.get()];
    sent[0]?.fail(refused);
    await Promise.all(waiting.map((one) => expect(one).rejects.toBe(refused)));
    await opened();
    expect(provider.get()).toEqual(session(2));
  });

  it('is not waited for a minute before its end: it is renewed in the background, and once', async () => {
    await opened();
    nowMs += 4 * MINUTE_MS - 1;
    expect(provider.get()).toEqual(session(1));
    expect(sent).toHaveLength(1);
    nowMs += 1;
    storeMs = nowMs;
    expect([provider.get(), provider.get()]).toEqual([session(1), session(1)]);
    expect(sent).toHaveLength(2);
    sent[1]?.answer();
    await turn();
    expect(provider.get()).toEqual(session(2));
    nowMs += 3 * MINUTE_MS;
    expect(provider.get()).toEqual(session(2));
    expect(sent).toHaveLength(2);
  });

  it('that cannot be renewed ahead is asked for once in ten seconds, and waited for when it has ended', async () => {
    await opened();
    nowMs += 4 * MINUTE_MS;
    for (const expected of [2, 3, 4]) {
      for (let i = 0; i < 5; i++) expect(provider.get()).toEqual(session(1));
      expect(sent).toHaveLength(expected);
      sent.at(-1)?.fail(new KvferryError('UNAVAILABLE', 'not now'));
      await turn();
      nowMs += 10_000;
    }
    nowMs = START_MS + 5 * MINUTE_MS;
    storeMs = nowMs;
    const late = provider.get();
    expect(late).toBeInstanceOf(Promise);
    sent.at(-1)?.answer();
    expect(await late).toEqual(session(5));
  });

  it.each([-60, 60])(
    'lasts as long as the clock of the store says, %s minutes from this machine’s',
    async (minutes) => {
      storeMs = START_MS + minutes * MINUTE_MS;
      lifetimeMs = 4 * MINUTE_MS;
      await opened();
      nowMs += 3 * MINUTE_MS - 1;
      expect(provider.get()).toEqual(session(1));
      expect(sent).toHaveLength(1);
      nowMs += 1;
      expect(provider.get()).toEqual(session(1));
      expect(sent).toHaveLength(2);
    },
  );

  it('that is short is renewed after half of its time', async () => {
    lifetimeMs = 10_000;
    await opened();
    nowMs += 4999;
    provider.get();
    expect(sent).toHaveLength(1);
    nowMs += 1;
    provider.get();
    expect(sent).toHaveLength(2);
  });
});

describe('a refused session', () => {
  it('is renewed once, whoever says so', async () => {
    await opened();
    const refused = provider.get();
    for (let i = 0; i < 3; i++) provider.invalidate(refused as never);
    const waiting = [provider.get(), provider.get()];
    expect(sent).toHaveLength(2);
    sent[1]?.answer();
    expect(await Promise.all(waiting)).toEqual([session(2), session(2)]);
    // A refusal of the old one that comes late.
    provider.invalidate(refused as never);
    expect(provider.get()).toEqual(session(2));
    expect(sent).toHaveLength(2);
  });
});

describe('credentials that change', () => {
  it('give a new session; the old one serves until it is there', async () => {
    await opened();
    base = { accessKeyId: 'AKIDOTHER', secretAccessKey: 's3cret', sessionToken: 'token' };
    expect(provider.get()).toEqual(session(1));
    expect(sent).toHaveLength(2);
    sent[1]?.answer();
    await turn();
    expect(provider.get()).toEqual(session(2));
    expect(sent).toHaveLength(2);
  });

  it('do not, where the source gave the same again', async () => {
    await opened();
    base = { ...(base as object) } as SigningCredentials;
    expect(provider.get()).toEqual(session(1));
    expect(sent).toHaveLength(1);
  });
});

describe('an abort', () => {
  it('ends the request when nobody waits for it any more, and not before', async () => {
    const [one, other] = [new AbortController(), new AbortController()];
    const waiting = [provider.get(one.signal), provider.get(other.signal)] as Promise<unknown>[];
    one.abort();
    expect(sent[0]?.signal.aborted).toBe(false);
    const late = provider.get();
    other.abort();
    expect(sent[0]?.signal.aborted).toBe(false);
    sent[0]?.answer();
    expect(await Promise.all([late, ...waiting])).toEqual([session(1), session(1), session(1)]);
  });

  it('does not reach whoever asks behind it', async () => {
    const controller = new AbortController();
    const aborted = provider.get(controller.signal) as Promise<unknown>;
    controller.abort();
    expect(sent[0]?.signal.aborted).toBe(true);
    const next = provider.get();
    await expect(aborted).rejects.toMatchObject({ code: 'ABORTED' });
    expect(sent).toHaveLength(2);
    sent[1]?.answer();
    expect(await next).toEqual(session(2));
  });
});

it('an answer that is no session is UNKNOWN', async () => {
  const empty: SessionRequest = async () => ({ headers: new Map(), body: new Uint8Array() });
  const nobody = new SessionProvider({ get: () => base, invalidate: () => {}, describe: () => '' }, empty, () => nowMs);
  await expect(nobody.get()).rejects.toMatchObject({ code: 'UNKNOWN' });
});

it('says whose session it is, without a secret', () => {
  expect(provider.describe()).toBe('session of static AKID…SE');
});
