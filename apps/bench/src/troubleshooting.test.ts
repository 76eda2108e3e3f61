import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KvferryError, type RemoteBackend } from '@kvferry/core';
import { type S3Options, s3 } from '@kvferry/s3';
import { type Simulator, type SimulatorOptions, startSimulator } from '@kvferry/s3-simulator';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';

// Every line of docs/troubleshooting.md is provoked, on a store and options that do not agree, and what kvferry says is compared with what
// stands there. Then what the message asks for is done, and works.

vi.mock('node:dns/promises', async (original) => ({
  ...(await original<typeof import('node:dns/promises')>()),
  // What a resolver says, without asking one.
  lookup: async (host: string) => {
    throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND' });
  },
}));

const root = join(import.meta.dirname, '../../..');
const document = readFileSync(join(root, 'docs/troubleshooting.md'), 'utf8');

/** As LMCache writes it, and one with folders, as kvferry's own form has them. */
const KEYS = [
  'meta-llama_Llama-3.1-8B@1@0@49bc192c478bfc2e@bfloat16',
  'kv1/49/0123456789abcdef/49bc192c478bfc2e',
] as const;
const VALUE = new Uint8Array(1000).fill(7);
const SECRET = 's3cret-of-the-test';
const credentials = { accessKeyId: 'AKIAEXAMPLE00007Q', secretAccessKey: SECRET };

type Operation = 'open' | 'stat' | 'get' | 'put' | 'delete' | 'list';
const ALL: readonly Operation[] = ['stat', 'get', 'put', 'delete', 'list'];

interface Situation {
  readonly options: S3Options;
  /** Which of the operations this goes wrong for. Default: all. */
  readonly operations?: readonly Operation[];
  /** What the message asks for. */
  readonly cure?: Partial<S3Options>;
}

const SITUATIONS: Readonly<Record<string, () => Promise<Situation | readonly Situation[]>>> = {
  'The bucket is in another region, and the store names it': async () => {
    const store = await startStore({ region: 'eu-west-1' });
    return { options: optionsFor(store), cure: { region: 'eu-west-1' } };
  },

  "The endpoint is that of another region than the bucket's": async () => {
    const store = await startStore();
    store.addFault({
      times: Number.POSITIVE_INFINITY,
      effect: {
        kind: 'status',
        status: 301,
        code: 'PermanentRedirect',
        message: 'The bucket is to be addressed by its own endpoint.',
        headers: { 'x-amz-bucket-region': 'eu-west-1' },
      },
    });
    return { options: optionsFor(store) };
  },

  'The store reads the bucket from the path alone, and it stands in the host': async () => {
    const store = await startStore({ addressing: 'path' });
    return {
      options: named(store, 'objects.example'),
      // What it says to a bulk delete is different from store to store.
      operations: ['stat', 'get', 'put', 'list'],
      cure: { addressing: 'path' },
    };
  },

  'The store takes the bucket in the host alone, and it stands in the path': async () => {
    const store = await startStore({ addressing: 'host' });
    return { options: { ...named(store, 's3.localhost'), addressing: 'path' }, cure: { addressing: 'virtual' } };
  },

  'The host name does not resolve': async () => {
    return { options: { ...base, endpoint: 'http://store.example' }, operations: ['stat', 'get', 'put'] };
  },

  'Nothing listens there': async () => {
    const store = await startStore();
    await store.close();
    return { options: optionsFor(store) };
  },

  'The store takes the connection and says nothing': async () => {
    const store = await startStore();
    store.addFault({ times: Number.POSITIVE_INFINITY, effect: { kind: 'stall', afterBytes: 'head' } });
    const options = { ...optionsFor(store), timeouts: { connectMs: 3000, firstByteMs: 200, stallMs: 3000 } };
    return { options, operations: ['stat', 'get'] };
  },

  'What answers is no S3 store': async () => {
    const endpoint = await startHttp(404, '<html><h1>Not Found</h1></html>');
    return { options: { ...base, endpoint }, operations: ['stat', 'get', 'put'] };
  },

  'There is no such bucket': async () => {
    const store = await startStore({ buckets: [] });
    return { options: optionsFor(store) };
  },

  'There are no credentials': async () => {
    const store = await startStore();
    return { options: { ...optionsFor(store), credentials: 'default' }, operations: ['open'], cure: { credentials } };
  },

  'The credentials come from a token service, and it is not reached': async () => {
    const store = await startStore();
    const folder = await mkdtemp(join(tmpdir(), 'kvferry-token-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'token'), 'token');
    vi.stubEnv('AWS_ROLE_ARN', 'arn:aws:iam::123456789012:role/r');
    vi.stubEnv('AWS_WEB_IDENTITY_TOKEN_FILE', join(folder, 'token'));
    vi.stubEnv('AWS_REGION', 'us-east-1');
    vi.stubEnv('AWS_ENDPOINT_URL_STS', 'http://127.0.0.1:1');
    return { options: { ...optionsFor(store), credentials: 'default' }, operations: ['open'], cure: { credentials } };
  },

  'The secret is wrong': async () => {
    const store = await startStore();
    const wrong = { ...credentials, secretAccessKey: 'another-s3cret' };
    return { options: { ...optionsFor(store), credentials: wrong }, cure: { credentials } };
  },

  'The store does not know the key id': async () => {
    const store = await startStore({ credentials: [{ accessKeyId: 'AKIAANOTHER000001', secretAccessKey: SECRET }] });
    const cure = { credentials: { accessKeyId: 'AKIAANOTHER000001', secretAccessKey: SECRET } };
    return { options: optionsFor(store), cure };
  },

  'The session token has expired': async () => {
    const temporary = { accessKeyId: 'ASIAEXAMPLE00007Q', secretAccessKey: SECRET, sessionToken: 'token' };
    const store = await startStore({ credentials: [{ ...temporary, expiresAtMs: Date.now() - 60_000 }, credentials] });
    return { options: { ...optionsFor(store), credentials: temporary }, cure: { credentials } };
  },

  'A key is absent, and `s3:ListBucket` is not granted': async () => {
    const store = await startStore();
    deny(store, ['GET', 'HEAD']);
    return { options: optionsFor(store), operations: ['stat', 'get'] };
  },

  'Writing is not granted': async () => {
    const store = await startStore();
    deny(store, ['PUT']);
    return { options: optionsFor(store), operations: ['put'] };
  },

  'The certificate is not trusted': async () => {
    const store = await startStore({ scheme: 'https' });
    return { options: { ...base, endpoint: store.url }, cure: { tls: { caFile: await fileOf(store.ca) } } };
  },

  "The certificate is another host's": async () => {
    const store = await startStore({ scheme: 'https' });
    const tls = { ca: store.ca };
    return { options: { ...named(store, 'store.example'), tls }, cure: { endpoint: store.url } };
  },

  'The endpoint is https, and the store speaks plain http': async () => {
    const store = await startStore();
    const cure = { endpoint: store.url, tls: false } as const;
    return { options: { ...base, endpoint: store.url.replace('http:', 'https:') }, cure };
  },

  'The endpoint is http, and the store speaks TLS': async () => {
    const store = await startStore({ scheme: 'https' });
    const cure = { endpoint: store.url, tls: { ca: store.ca } };
    const options = { ...base, endpoint: store.url.replace('https:', 'http:') };
    // Some servers answer, as Go's do.
    const endpoint = await startHttp(400, 'Client sent an HTTP request to an HTTPS server.\n');
    return [
      { options, operations: ['get', 'stat'], cure },
      { options: { ...base, endpoint }, operations: ['stat', 'get', 'put'] },
    ];
  },
};

/** The line that is no error. */
const CLOCK = 'The clock is wrong by an hour';

const base: S3Options = { bucket: 'my-bucket', region: 'us-east-1', credentials, maxAttempts: 1 };

beforeEach(() => {
  // The chain of AWS must find nothing of this machine, and ask nobody on the network.
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined);
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  vi.stubEnv('AWS_CONFIG_FILE', '/nowhere/config');
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nowhere/credentials');
});
afterEach(() => {
  vi.unstubAllEnvs();
});

const rows = rowsOf(document);

describe('docs/troubleshooting.md', () => {
  test('has a line for each situation, and a situation for each line', () => {
    expect(rows.map(({ wrong }) => wrong).sort()).toEqual([...Object.keys(SITUATIONS), CLOCK].sort());
  });

  test('names only keys of an LMCache file that there are', () => {
    const configuration = readFileSync(join(root, 'docs/configuration.md'), 'utf8');
    const keys = [...document.matchAll(/extra_config\.(?:kvferry\.)?(\w+)/g)].map(([, key]) => key);
    expect(keys.length).toBeGreaterThan(0);
    for (const key of keys) expect(configuration).toContain(`| \`${key}\` |`);
  });
});

describe('what kvferry says, and that it says what helps', () => {
  test.for(Object.entries(SITUATIONS))('%s', async ([wrong, provoke]) => {
    const { alternatives } = rowOf(wrong);
    const said = new Set<string>();
    for (const { cure, operations = ALL, options } of [await provoke()].flat()) {
      for (const error of await errorsOf(options, operations)) said.add(alternativeFor(error, alternatives));
      if (cure !== undefined) await expectCured(options, cure);
    }
    expect([...said].sort()).toEqual([...alternatives].sort());
  });

  test(CLOCK, async () => {
    const warnings: Error[] = [];
    const heard = (warning: Error) => warnings.push(warning);
    process.on('warning', heard);
    onTestFinished(() => {
      process.off('warning', heard);
    });
    const store = await startStore({ now: () => Date.now() + 3_600_000 });
    for (const backend of [await opened(optionsFor(store)), await opened(optionsFor(store))]) {
      expect(await backend.stat([...KEYS, ...KEYS])).toEqual(Array(4).fill({ status: 'miss' }));
      expect(await backend.put([{ key: KEYS[0], parts: [VALUE] }])).toEqual([{ status: 'stored' }]);
      expect(await backend.delete([KEYS[0]])).toEqual([{ status: 'deleted' }]);
    }
    // Warnings are reported in a turn of their own.
    await new Promise(setImmediate);
    const ours = warnings.filter(({ name }) => name === 'KvferryWarning');
    expect(ours).toHaveLength(1);
    const [warning] = ours;
    const { says } = rowOf(CLOCK);
    expect(`Works. One warning, \`${(warning as NodeJS.ErrnoException).code}\`: ${warning?.message}`).toBe(says);
  });
});

interface Row {
  readonly wrong: string;
  readonly says: string;
  readonly alternatives: readonly string[];
}

function rowsOf(markdown: string): Row[] {
  const lines = markdown.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| what is wrong'));
  return lines
    .filter((line) => !line.startsWith('| ---'))
    .map((line) => {
      const [wrong = '', says = '', ...rest] = line.slice(2, -2).split(' | ');
      expect(rest, `columns of: ${line}`).toHaveLength(1);
      return { wrong, says, alternatives: says.split('<br>') };
    });
}

function rowOf(wrong: string): Row {
  const row = rows.find((candidate) => candidate.wrong === wrong);
  if (row === undefined) throw new Error(`docs/troubleshooting.md has no line for: ${wrong}`);
  return row;
}

/** Which of the ways of saying it this error is. */
function alternativeFor(error: KvferryError, alternatives: readonly string[]): string {
  expect(error.message).not.toMatch(/s3cret|Signature=/);
  const text = `\`${error.code}\` ${error.reason}`;
  const match = alternatives.find((alternative) => patternOf(alternative).test(text));
  // Compared as texts, so that what differs is seen.
  if (match === undefined) expect(text).toBe(alternatives.join('\n'));
  return match ?? '';
}

/** What the message asks for, done: the same store takes the same requests. */
async function expectCured(options: S3Options, cure: Partial<S3Options>): Promise<void> {
  const backend = await opened({ ...options, ...cure });
  expect(await backend.put([{ key: KEYS[0], parts: [VALUE] }])).toEqual([{ status: 'stored' }]);
  const into = new Uint8Array(VALUE.byteLength);
  expect(await backend.get([{ key: KEYS[0], into }])).toMatchObject([{ status: 'hit', verified: 'checksum' }]);
  expect(into).toEqual(VALUE);
}

/** The text, where `…` stands for anything. */
function patternOf(text: string): RegExp {
  const parts = text.split('…').map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  // Masked key ids have a `…` of their own, which is anything too.
  return new RegExp(`^${parts.join('.*')}$`);
}

/** What each operation fails with, on each key. An operation that succeeds is a failure of the test. */
async function errorsOf(options: S3Options, operations: readonly Operation[]): Promise<KvferryError[]> {
  const backend = s3(options);
  onTestFinished(() => backend.close());
  if (operations.includes('open')) return [await failureOf('open', backend.open())];
  await backend.open();
  const errors: KvferryError[] = [];
  for (const operation of operations) {
    for (const key of KEYS) errors.push(await failureOf(operation, outcomeOf(backend, operation, key)));
  }
  return errors;
}

async function outcomeOf(backend: RemoteBackend, operation: Operation, key: string): Promise<unknown> {
  switch (operation) {
    case 'stat':
      return (await backend.stat([key]))[0];
    case 'get':
      return (await backend.get([{ key, into: new Uint8Array(VALUE.byteLength) }]))[0];
    case 'put':
      return (await backend.put([{ key, parts: [VALUE] }]))[0];
    case 'delete':
      return (await backend.delete([key]))[0];
    default: {
      for await (const entry of backend.list()) return entry;
      return 'an empty list';
    }
  }
}

async function failureOf(operation: Operation, outcome: Promise<unknown>): Promise<KvferryError> {
  let result: unknown;
  try {
    result = await outcome;
  } catch (thrown) {
    if (KvferryError.is(thrown)) return thrown;
    throw thrown;
  }
  const { error } = result as { readonly error?: unknown };
  if (!KvferryError.is(error)) throw new Error(`${operation} gave ${JSON.stringify(result)}`);
  return error;
}

async function opened(options: S3Options): Promise<RemoteBackend> {
  const backend = s3(options);
  onTestFinished(() => backend.close());
  await backend.open();
  return backend;
}

async function startStore(options: SimulatorOptions = {}): Promise<Simulator> {
  const store = await startSimulator({ buckets: ['my-bucket'], credentials: [credentials], ...options });
  onTestFinished(() => store.close());
  return store;
}

function optionsFor(store: Simulator): S3Options {
  return { ...base, endpoint: store.url };
}

/** The store under a host name, which nobody has to resolve. */
function named(store: Simulator, host: string): S3Options {
  const scheme = store.ca === undefined ? 'http' : 'https';
  return { ...base, endpoint: `${scheme}://${host}:${store.port}`, connectTo: { host: '127.0.0.1', port: store.port } };
}

function deny(store: Simulator, methods: readonly string[]): void {
  for (const method of methods) {
    store.addFault({
      match: { method },
      times: Number.POSITIVE_INFINITY,
      effect: { kind: 'status', status: 403, code: 'AccessDenied', message: 'Access Denied' },
    });
  }
}

async function startHttp(status: number, body: string): Promise<string> {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(status, { 'content-type': 'text/plain' }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function fileOf(content: string | undefined): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kvferry-troubleshooting-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'ca.pem'), content ?? '');
  return join(folder, 'ca.pem');
}
