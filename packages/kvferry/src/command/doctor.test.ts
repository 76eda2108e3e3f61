import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type Simulator, type SimulatorOptions, startSimulator } from '@kvferry/s3-simulator';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { CHECKS, type Check } from '../doctor/check.ts';
import type { DoctorReport } from '../doctor/examine.ts';
import { commandFiles, type FilesOf } from '../testing/command-files.ts';
import { type RunOptions, runCommand, startCommand } from '../testing/run-command.ts';
import { CHUNK_TOKENS, lay, layOwn, NAMES, RANK_FILES } from '../testing/stored-objects.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';

const bucket = 'my-bucket';
/** 2 planes, 1 layer, 16 tokens, 8 elements of 2 bytes. */
const CHUNK_BYTES = 512;
/** No machine asks for where it runs. */
const env = { AWS_EC2_METADATA_DISABLED: 'true' };

const { model } = RANK_FILES;

async function start(options: SimulatorOptions = {}): Promise<Simulator> {
  const simulator = await startSimulator({ buckets: [bucket], ...options });
  onTestFinished(() => simulator.close());
  return simulator;
}

interface Given {
  /** The file. */
  readonly file: string;
  /** `--config` alone; with the model; with model and tokens. */
  readonly config: readonly string[];
  readonly engine: readonly string[];
  readonly tokens: readonly string[];
}

async function files(simulator: Simulator, changes: Partial<FilesOf> = {}): Promise<Given> {
  const { flags } = await commandFiles(simulator, { ...RANK_FILES, ...changes });
  return { file: flags[1] ?? '', config: flags.slice(0, 2), engine: flags.slice(0, 4), tokens: flags };
}

/** Changes a file that `files` wrote. */
async function edit(file: string, from: string | RegExp, to: string): Promise<void> {
  const text = await readFile(file, 'utf8');
  expect(text).toMatch(from);
  await writeFile(file, text.replace(from, to));
}

interface Examined extends DoctorReport {
  readonly code: number | null;
  readonly text: string;
  of(name: Check['check']): Check;
  /** Names of the checks that are so. */
  are(status: Check['status']): string[];
}

async function doctor(args: readonly string[], options: RunOptions = {}): Promise<Examined> {
  const { code, out, err } = await runCommand(['doctor', ...args, '--json'], { env, ...options });
  const report = JSON.parse(out.toString()) as DoctorReport;
  return {
    ...report,
    code,
    text: out.toString() + err,
    of: (name) => report.checks.find(({ check }) => check === name) as Check,
    are: (status) => report.checks.filter((check) => check.status === status).map(({ check }) => check),
  };
}

const always = Number.POSITIVE_INFINITY;

describe('a store that is well', () => {
  test('has one line for each check, in order, and the configuration is not written to it', async () => {
    const simulator = await start();
    const { checks, code, status, contents, are } = await doctor((await files(simulator)).config);
    expect(checks.map(({ check }) => check)).toEqual([...CHECKS]);
    expect({ code, status, problems: are('problem'), warnings: are('warning') }).toEqual({
      code: 0,
      status: 'ok',
      problems: [],
      warnings: [],
    });
    expect(are('unknown')).toEqual(['put', 'delete', 'machine-region']);
    expect(contents).toMatchObject({ objects: 0, complete: true });
    expect(new Set(simulator.requests.map(({ method }) => method))).toEqual(new Set(['GET', 'HEAD']));
  });

  test('is told with what it is: place, way, protocol, who asks without a secret', async () => {
    const simulator = await start();
    const given = await files(simulator);
    const { of, text } = await doctor(given.config);
    expect(of('endpoint').found).toBe(`${simulator.url}, bucket my-bucket, by the s3 backend`);
    expect(of('addressing').found).toMatch(/^path/);
    expect(of('protocol').found).toBe('HTTP/1.1');
    expect(of('identity').found).toMatch(/^static .*…/);
    expect(of('clock').found).toBe("as the store's");
    const person = await runCommand(['doctor', ...given.config], { env });
    expect(person.out.toString()).toContain('No problem found.');
    for (const said of [text, person.out.toString()]) {
      expect(said).not.toContain(simulator.credentials.secretAccessKey);
      expect(said).not.toContain(simulator.credentials.accessKeyId);
    }
  });

  test('over TLS shows whose certificate it trusts', async () => {
    const simulator = await start({ scheme: 'https', http2: 'offered' });
    const given = await files(simulator);
    const ca = join(await temporaryFolder(), 'ca.pem');
    await writeFile(ca, simulator.ca ?? '');
    await edit(given.file, 'disable_tls: True', 's3_prefer_http2: True');
    await edit(given.file, 'provider: aws', `provider: aws\n    ca_file: ${ca}`);
    const { of, code } = await doctor(given.config);
    expect(code).toBe(0);
    expect(of('certificate')).toMatchObject({
      status: 'ok',
      found: expect.stringMatching(/^trusted: kvferry S3 simulator, issued by .*authority, valid until 20\d\d-/),
    });
    expect(of('protocol').found).toBe('HTTP/2');
  });

  test('of another kind has the checks that make sense for it', async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'lmcache.yaml');
    await writeFile(file, `remote_url: "file://${join(folder, 'kv')}"\n`);
    const { checks, code, are } = await doctor(['--config', file, '--write']);
    expect(code).toBe(0);
    expect(checks.map(({ check }) => check)).toEqual([
      'endpoint',
      'get',
      'list',
      'put',
      'delete',
      'contents',
      'configuration',
      'match',
    ]);
    expect(are('ok')).toHaveLength(8);
  });

  test('keeps what the file alone is blamed for beside it', async () => {
    const simulator = await start();
    const given = await files(simulator, { config: `chunk_size: ${CHUNK_TOKENS}\nchunk_sice: 16` });
    const { of, code, status } = await doctor(given.config);
    expect({ code, status }).toEqual({ code: 0, status: 'warning' });
    expect(of('configuration')).toMatchObject({
      status: 'warning',
      found: expect.stringContaining(`${given.file}:2: chunk_sice`),
      fix: expect.stringContaining('chunk_size'),
    });
  });
});

describe('with --write', () => {
  test('PUT and DELETE are tried on a key of its own, and nothing is left', async () => {
    const simulator = await start();
    const given = await files(simulator, { kvferry: ['key_prefix: tenant'] });
    const { are } = await doctor([...given.config, '--write']);
    expect(are('ok')).toEqual(expect.arrayContaining(['get', 'list', 'put', 'delete']));
    const put = simulator.requests.filter(({ method }) => method === 'PUT');
    expect(put).toMatchObject([{ url: expect.stringMatching(/^\/my-bucket\/tenant\/kvferry-doctor-/) }]);
    expect(simulator.listKeys(bucket)).toEqual([]);
  });

  test.each<[string, Parameters<Simulator['addFault']>[0]]>([
    [
      'a write that is answered with an error',
      { match: { method: 'PUT' }, times: always, effect: { kind: 'status-after-success', status: 500 } },
    ],
    [
      'a read that fails',
      { match: { method: 'GET', key: /doctor/ }, after: 1, times: always, effect: { kind: 'status', status: 500 } },
    ],
    [
      'a value that comes back changed',
      { match: { method: 'GET', key: /doctor/ }, after: 1, times: always, effect: { kind: 'flip', atByte: 3 } },
    ],
  ])('nothing is left behind %s', async (_, fault) => {
    const simulator = await start();
    const given = await files(simulator);
    simulator.addFault(fault);
    await doctor([...given.config, '--write']);
    // DeleteObjects, as the backend removes.
    expect(simulator.requests.filter(({ method, status }) => method === 'POST' && status === 200)).toHaveLength(1);
    expect(simulator.listKeys(bucket)).toEqual([]);
  });

  test('nor behind Ctrl-C', async () => {
    const simulator = await start();
    const given = await files(simulator);
    const interrupt = new AbortController();
    simulator.addFault({
      match: { method: 'GET', key: /doctor/ },
      after: 1,
      effect: { kind: 'stall', afterBytes: 'head' },
    });
    const run = runCommand(['doctor', ...given.config, '--write'], { env, signal: interrupt.signal });
    await expect.poll(() => simulator.requests.filter(({ method }) => method === 'PUT')).toHaveLength(1);
    await expect.poll(() => simulator.requests.filter(({ state }) => state === 'open')).toHaveLength(1);
    interrupt.abort();
    expect((await run).code).toBe(130);
    expect(simulator.listKeys(bucket)).toEqual([]);
  });

  test('a right to write that is missing is a problem, and so is one to remove, which names what is left', async () => {
    const simulator = await start();
    const given = await files(simulator);
    const denied = { kind: 'status', status: 403, code: 'AccessDenied' } as const;
    const allow = simulator.addFault({ match: { method: 'PUT' }, times: always, effect: denied });
    const noPut = await doctor([...given.config, '--write']);
    expect(noPut).toMatchObject({ code: 1 });
    expect(noPut.are('problem')).toEqual(['put']);
    expect(noPut.of('put').fix).toContain('s3:PutObject');
    allow();
    simulator.addFault({ match: { method: 'DELETE' }, times: always, effect: denied });
    simulator.addFault({ match: { method: 'POST' }, times: always, effect: denied });
    const noDelete = await doctor([...given.config, '--write']);
    expect(noDelete.are('problem')).toEqual(['delete']);
    const [left] = simulator.listKeys(bucket);
    expect(noDelete.of('delete').found).toContain(`left in the store: ${left}`);
  });
});

describe('a store that cannot be used is one problem, and the line to change', () => {
  const blocked = ['get', 'list', 'put', 'delete', 'contents', 'match'];

  test('where nobody listens', async () => {
    const simulator = await start();
    const given = await files(simulator);
    await simulator.close();
    const { are, code, of, status } = await doctor(given.config);
    expect({ code, status, problems: are('problem') }).toEqual({ code: 1, status: 'problem', problems: ['endpoint'] });
    expect(of('endpoint')).toMatchObject({
      found: expect.stringContaining('nothing answers at'),
      fix: `${given.file}:3: remote_url: s3://127.0.0.1:${simulator.port}`,
    });
    expect(are('unknown')).toEqual(expect.arrayContaining(blocked));
  });

  test('where a flag names the place, the flag', async () => {
    const given = await files(await start());
    const { of } = await doctor([...given.config, '--endpoint', 'http://127.0.0.1:1']);
    expect(of('endpoint')).toMatchObject({ status: 'problem', fix: '--endpoint http://127.0.0.1:1' });
  });

  test('where no such bucket is', async () => {
    const given = await files(await start({ buckets: ['another'] }));
    const { are, of } = await doctor(given.config);
    expect(are('problem')).toEqual(['endpoint']);
    expect(of('endpoint')).toMatchObject({
      found: expect.stringContaining('no bucket "my-bucket"'),
      fix: expect.stringMatching(/lmcache\.yaml:\d+: bucket: my-bucket$/),
    });
  });

  test('where no token service answers, which is not the store', async () => {
    const simulator = await start();
    const given = await files(simulator);
    await edit(given.file, /^.*aws_(access|secret).*\n/gm, '');
    const folder = await temporaryFolder();
    const token = join(folder, 'token');
    await writeFile(token, 'token');
    const { ended } = startCommand(['doctor', ...given.config, '--json'], {
      env: {
        HOME: folder,
        AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/r',
        AWS_WEB_IDENTITY_TOKEN_FILE: token,
        AWS_ENDPOINT_URL_STS: 'http://127.0.0.1:1',
      },
    });
    const { code, out } = await ended;
    const { checks } = JSON.parse(out.toString()) as DoctorReport;
    expect(code).toBe(1);
    expect(checks.filter(({ status }) => status === 'problem')).toMatchObject([
      {
        check: 'identity',
        found: expect.stringContaining('ECONNREFUSED 127.0.0.1:1'),
        fix: expect.stringContaining('whichever source of credentials is meant'),
      },
    ]);
    expect(checks.find(({ check }) => check === 'endpoint')?.status).toBe('ok');
    expect(simulator.requests.every(({ method }) => method === 'HEAD')).toBe(true);
  });

  test('where the secret is wrong, which is told nowhere', async () => {
    const simulator = await start();
    const given = await files(simulator);
    const wrong = 'this-is-the-wrong-secret';
    await edit(given.file, simulator.credentials.secretAccessKey, wrong);
    const { are, code, of, text } = await doctor(given.config);
    expect({ code, problems: are('problem') }).toEqual({ code: 1, problems: ['identity'] });
    expect(of('identity').fix).toMatch(/lmcache\.yaml:\d+: aws_secret_access_key: \(set\)$/);
    expect(of('endpoint').status).toBe('ok');
    expect(text).not.toContain(wrong);
  });

  test('where the store does not know the key id', async () => {
    const simulator = await start();
    const given = await files(simulator);
    await edit(given.file, simulator.credentials.accessKeyId, 'AKIAANOTHER000001');
    const { of } = await doctor(given.config);
    expect(of('identity').fix).toMatch(/lmcache\.yaml:\d+: aws_access_key_id: \(set\)$/);
  });

  test('where the region is another', async () => {
    const simulator = await start({ region: 'eu-west-1' });
    const given = await files(simulator);
    await edit(given.file, 's3_region: "eu-west-1"', 's3_region: "us-east-1"');
    const { are, of } = await doctor(given.config);
    expect(are('problem')).toEqual(['region']);
    expect(of('region')).toMatchObject({
      found: expect.stringContaining('"eu-west-1"'),
      fix: expect.stringMatching(/lmcache\.yaml:\d+: s3_region: "eu-west-1"$/),
    });
    expect(of('endpoint').status).toBe('ok');
  });

  test('where the certificate is not trusted', async () => {
    const simulator = await start({ scheme: 'https' });
    const given = await files(simulator);
    await edit(given.file, '  disable_tls: True\n', '');
    const { are, of } = await doctor(given.config);
    expect(are('problem')).toEqual(['certificate']);
    expect(of('certificate')).toMatchObject({
      found: expect.stringContaining('is not trusted'),
      fix: expect.stringMatching(/lmcache\.yaml:\d+: add under kvferry: ca_file: /),
    });
    expect(are('unknown')).toEqual(expect.arrayContaining(blocked));
  });

  test('where the file of authorities cannot be read', async () => {
    const given = await files(await start({ scheme: 'https' }), { kvferry: ['ca_file: /nowhere/ca.pem'] });
    await edit(given.file, '  disable_tls: True\n', '');
    const { are, of } = await doctor(given.config);
    expect(are('problem')).toEqual(['certificate']);
    expect(of('certificate')).toMatchObject({
      found: 'tls.caFile: /nowhere/ca.pem cannot be read (ENOENT)',
      fix: expect.stringMatching(/lmcache\.yaml:\d+: ca_file: \/nowhere\/ca\.pem$/),
    });
    await edit(given.file, '    ca_file: /nowhere/ca.pem\n', '');
    vi.stubEnv('AWS_CA_BUNDLE', '/nowhere/ca.pem');
    onTestFinished(() => void vi.unstubAllEnvs());
    const named = await doctor(given.config);
    expect(named.of('certificate').fix).toBe('AWS_CA_BUNDLE, in the environment');
  });

  test('where the bucket is to stand in the host', async () => {
    const simulator = await start({ addressing: 'host' });
    const given = await files(simulator);
    const { are, of } = await doctor(given.config);
    expect(are('problem')).toEqual(['addressing']);
    expect(of('addressing').fix).toMatch(/addressing: virtual/);
  });

  test('where the bucket is to stand in the path, and its name in the host is taken for nothing', async () => {
    const simulator = await start({ addressing: 'path', hosts: ['objects.localhost'] });
    const given = await files(simulator, { kvferry: ['addressing: virtual', 'key_prefix: team-a'] });
    await edit(given.file, 's3://127.0.0.1', 's3://objects.localhost');
    const { are, of } = await doctor(given.config);
    expect(are('problem')).toEqual(['addressing']);
    expect(of('addressing')).toMatchObject({
      found: expect.stringContaining('the store looked for the bucket'),
      fix: expect.stringMatching(/lmcache\.yaml:\d+: addressing: path$/),
    });
  });

  test('where it speaks plain http, and the file does not say so', async () => {
    const given = await files(await start());
    await edit(given.file, '  disable_tls: True\n', '');
    const { are, of } = await doctor(given.config);
    expect(are('problem')).toEqual(['endpoint']);
    expect(of('endpoint')).toMatchObject({
      found: expect.stringContaining('it speaks plain http'),
      fix: expect.stringMatching(/lmcache\.yaml:\d+: add under extra_config: disable_tls: True$/),
    });
  });

  test('where it speaks plain http, and the endpoint says https', async () => {
    const simulator = await start();
    const given = await files(simulator, { kvferry: [`endpoint: ${simulator.url.replace('http:', 'https:')}`] });
    await edit(given.file, '  disable_tls: True\n', '');
    const { of } = await doctor(given.config);
    expect(of('endpoint').fix).toMatch(/lmcache\.yaml:\d+: endpoint: https:/);
  });

  test('where it is overloaded', async () => {
    const simulator = await start();
    const given = await files(simulator);
    simulator.addFault({
      match: { method: 'GET' },
      times: always,
      effect: { kind: 'status', status: 503, code: 'SlowDown' },
    });
    const { are, of } = await doctor(given.config);
    expect(are('problem')).toEqual(['endpoint']);
    expect(of('endpoint')).toMatchObject({ found: expect.stringContaining('SlowDown'), fix: null });
  });
});

describe('what surrounds the requests', () => {
  test.each([
    [20 * 60_000, 'problem', /20 min behind/],
    [-20 * 60_000, 'problem', /20 min ahead of/],
    [3 * 60_000, 'warning', /3 min behind/],
  ] as const)('a clock that is %i ms off', async (offsetMs, status, found) => {
    const given = await files(await start({ now: () => Date.now() + offsetMs }));
    const { are, code, of } = await doctor(given.config);
    expect(of('clock')).toMatchObject({
      status,
      found: expect.stringMatching(found),
      fix: expect.stringContaining('NTP'),
    });
    // Requests are signed by the store's clock, so all else is found out.
    expect(are('problem')).toEqual(status === 'problem' ? ['clock'] : []);
    expect(code).toBe(status === 'problem' ? 1 : 0);
  });

  test('a machine in another region is a warning', async () => {
    const given = await files(await start());
    const there = await doctor(given.config, { env: { ...env, AWS_REGION: 'eu-central-1' } });
    expect(there.of('machine-region')).toMatchObject({
      status: 'warning',
      found: expect.stringMatching(/eu-central-1, says AWS_REGION, and the bucket in us-east-1/),
    });
    expect(there.code).toBe(0);
    const here = await doctor(given.config, { env: { ...env, AWS_REGION: 'us-east-1' } });
    expect(here.of('machine-region').status).toBe('ok');
  });

  test("the instance's metadata tells the region, and silence is waited out", async () => {
    const metadata = createServer((request, response) => {
      const answer = request.url === '/latest/api/token' && request.method === 'PUT' ? 'token' : 'ap-south-1';
      response.end(answer);
    });
    metadata.listen(0, '127.0.0.1');
    await once(metadata, 'listening');
    onTestFinished(() => void metadata.close());
    const { port } = metadata.address() as AddressInfo;
    const given = await files(await start());
    const told = await doctor(given.config, {
      env: { AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${port}/` },
    });
    expect(told.of('machine-region')).toMatchObject({
      status: 'warning',
      found: expect.stringContaining('ap-south-1'),
    });
    metadata.removeAllListeners('request');
    const silent = await doctor(given.config, {
      env: { AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${port}` },
    });
    expect(silent.of('machine-region').status).toBe('unknown');
    metadata.closeAllConnections();
  });

  test("the store's word on where the bucket is stands beside s3_region", async () => {
    const simulator = await start();
    const given = await files(simulator);
    const tell = (region: string) =>
      simulator.addFault({
        match: { method: 'HEAD' },
        effect: { kind: 'status', status: 403, headers: { 'x-amz-bucket-region': region } },
      });
    tell('us-east-1');
    expect((await doctor(given.config)).of('region')).toMatchObject({
      status: 'ok',
      found: 'us-east-1, as the store says too',
    });
    tell('eu-north-1');
    expect((await doctor(given.config)).of('region')).toMatchObject({
      status: 'warning',
      found: expect.stringContaining('eu-north-1'),
    });
  });
});

describe('rights to read', () => {
  const denied = { kind: 'status', status: 403, code: 'AccessDenied' } as const;
  const list = { method: 'GET', query: /list-type/ };

  test('without LIST a cache works, so it is a warning', async () => {
    const simulator = await start();
    const given = await files(simulator);
    simulator.addFault({ match: list, times: always, effect: denied });
    const { are, code, contents, of } = await doctor(given.config);
    expect({ code, problems: are('problem'), contents }).toEqual({ code: 0, problems: [], contents: null });
    expect(of('list')).toMatchObject({ status: 'warning', fix: expect.stringContaining('s3:ListBucket') });
    expect(of('match').status).toBe('unknown');
  });

  test('without LIST misses may be denied too, as AWS has it: then every miss is an error', async () => {
    const simulator = await start();
    const given = await files(simulator);
    simulator.addFault({ match: { method: 'GET' }, times: always, effect: denied });
    const { are, of } = await doctor(given.config);
    expect(are('problem')).toEqual(['get', 'list']);
    expect(of('get').fix).toContain('s3:GetObject');
  });

  test('what is there tells whether GET is allowed where misses are denied', async () => {
    const simulator = await start();
    const given = await files(simulator);
    simulator.addFault({ match: { method: 'GET', key: /doctor/ }, times: always, effect: denied });
    expect((await doctor(given.config)).of('get').fix).toContain('s3:GetObject');
    await lay(simulator, NAMES.lmcache);
    const { of } = await doctor(given.config);
    expect(of('get')).toMatchObject({
      status: 'problem',
      found: expect.stringMatching(/every miss is an error/),
      fix: expect.stringContaining('s3:ListBucket'),
    });
  });

  test('a prefix that is all that may be listed is listed', async () => {
    const simulator = await start();
    const given = await files(simulator, { kvferry: ['key_prefix: tenant'] });
    await lay(simulator, [`tenant/${NAMES.lmcache[0]}`]);
    simulator.addFault({
      match: { method: 'GET', query: /list-type=2&?(?!.*prefix=tenant)/ },
      times: always,
      effect: denied,
    });
    const { contents, of } = await doctor(given.config);
    expect(of('list').status).toBe('ok');
    expect(contents).toMatchObject({ prefix: 'tenant/', objects: 1 });
  });
});

describe('names in the store tell what does not match', () => {
  const line = (key: string, value: string): RegExp => new RegExp(`${key}: ${value}`);

  test.each<[string, readonly string[], Partial<FilesOf>, Check['status'], RegExp]>([
    ['the multi-process server', NAMES.multiProcess, {}, 'problem', line('era', '"mp"')],
    ['LMCache 0.4.1 to 0.4.5', NAMES.lmcacheBytes, {}, 'problem', line('era', '"0.4.1"')],
    ['LMCache as it is now', NAMES.lmcache, { kvferry: ['era: mp'] }, 'problem', /:\d+: era: "current"$/],
    ['LMCache as it is now', NAMES.lmcache, { kvferry: ['key_format: kv1'] }, 'problem', /:\d+: key_format: lmcache$/],
    [
      'the multi-process server',
      NAMES.multiProcess,
      { kvferry: ['key_format: kv1'] },
      'problem',
      /key_format: lmcache; and .*era: "mp"/,
    ],
    ['an LMCache that nobody reads', NAMES.lmcacheWithFormat, {}, 'problem', /^null$/],
    ["vLLM's object tier", NAMES.vllm, {}, 'problem', /:3: remote_url/],
    ["SGLang's HiCache", NAMES.sglangNixl, {}, 'problem', /:3: remote_url/],
    ["kvferry's own", ['kv1/ab/0123456789abcdef/ab12'], {}, 'problem', line('key_format', 'kv1')],
    ["Python's hash", ['m@1@0@-5@half'], {}, 'problem', /:2: pre_caching_hash_algorithm: builtin; or.*vllm: False/],
    [
      'a digest',
      ['m@1@0@ffffffffffffffff@half'],
      { config: 'pre_caching_hash_algorithm: builtin' },
      'problem',
      /:1: pre_caching_hash_algorithm: sha256_cbor$/,
    ],
    ['a prefix', ['tenant/m@1@0@5@half'], {}, 'problem', line('key_prefix', '"tenant"')],
    ['no prefix', ['m@1@0@5@half'], { kvferry: ['key_prefix: tenant'] }, 'problem', /remove key_prefix/],
    [
      'LMCache as it is now, beside others',
      [...NAMES.lmcache, ...NAMES.multiProcess, ...NAMES.vllm],
      {},
      'ok',
      /^null$/,
    ],
    [
      "Python's hash, whose names stay the same",
      ['m@1@0@-5@half'],
      { config: 'pre_caching_hash_algorithm: builtin', kvferry: ['era: "0.4.1"'] },
      'ok',
      /^null$/,
    ],
    ['no chunk at all', [...NAMES.other, ...NAMES.healthCheck], {}, 'ok', /^null$/],
  ])('%s: %j', async (_, names, changes, status, fix) => {
    const simulator = await start();
    await lay(simulator, names);
    const { code, of } = await doctor((await files(simulator, changes)).config);
    expect(of('match')).toMatchObject({ status });
    expect(String(of('match').fix)).toMatch(fix);
    expect(code).toBe(status === 'problem' ? 1 : 0);
  });

  test.each<[string, object, RegExp, RegExp]>([
    ['model', { model_name: 'other/m' }, /model org_m, not other_m/, /model\.json: "model_name": "org_m"/],
    ['world size', { world_size: 4 }, /world size 2, not 4/, /model\.json: "world_size": 2$/],
    ['rank', { worker_id: 0 }, /rank 1, not 0/, /model\.json: "worker_id": 1$/],
    ['dtype', { kv_dtype: 'bfloat16' }, /dtype half, not bfloat16/, /model\.json: "kv_dtype": "float16"$/],
    [
      'chunk size',
      { kv_shape: { layers: 1, kv_heads: 1, head_size: 16 } },
      /512 bytes, not 1,024/,
      /:1: chunk_size: 8$/,
    ],
    ['shape', { kv_shape: { layers: 3, kv_heads: 1, head_size: 8 } }, /no number of tokens/, /kv_shape and kv_dtype/],
  ])('with --model also another %s', async (_, change, found, fix) => {
    const simulator = await start();
    await lay(simulator, NAMES.lmcache);
    const { code, of } = await doctor((await files(simulator, { model: { ...model, ...change } })).engine);
    expect(of('match')).toMatchObject({
      status: 'problem',
      found: expect.stringMatching(found),
      fix: expect.stringMatching(fix),
    });
    expect(code).toBe(1);
  });

  test('a model file of any name is changed there, as no flag goes beside it', async () => {
    const simulator = await start();
    await lay(simulator, NAMES.lmcache);
    const given = await files(simulator);
    const file = join(await temporaryFolder(), 'engine-config.json');
    await writeFile(file, JSON.stringify({ ...model, worker_id: 0 }));
    const { of } = await doctor([...given.config, '--model', file]);
    expect(of('match').fix).toBe(`${file}: "worker_id": 1`);
  });

  test('with --model what fits is counted, and a chunk of another length is a warning', async () => {
    const simulator = await start();
    await lay(simulator, NAMES.lmcache);
    const given = await files(simulator);
    expect((await doctor(given.engine)).of('match')).toMatchObject({
      status: 'ok',
      found: expect.stringContaining('2 chunks of this engine'),
    });
    await lay(simulator, ['org_m@2@1@7@half'], 100);
    expect((await doctor(given.engine)).of('match')).toMatchObject({
      status: 'warning',
      found: expect.stringMatching(/^1 of 3 chunks/),
    });
  });

  test('flags are the lines of an engine that is named by flags', async () => {
    const simulator = await start();
    await lay(simulator, ['meta-llama_Llama-3.1-8B@4@0@5@bfloat16']);
    const { of } = await doctor([...(await files(simulator)).config, '--model', 'llama-3.1-8b', '--world-size', '2']);
    expect(of('match').fix).toBe('--world-size 4');
  });

  test("kvferry's own names say what they stand for", async () => {
    const simulator = await start();
    await layOwn(simulator, 'org/m');
    const kvferry = ['key_format: kv1'];
    const own = await files(simulator, { kvferry });
    const differing = async (changes: Partial<FilesOf>) =>
      (await doctor((await files(simulator, { kvferry, ...changes })).engine)).of('match');
    expect(await differing({ kvferry: [...kvferry, 'revision: abc'] })).toMatchObject({
      status: 'problem',
      fix: expect.stringMatching(/remove revision/),
    });
    expect(await differing({ config: 'chunk_size: 32\npre_caching_hash_algorithm: sha256_cbor' })).toMatchObject({
      fix: expect.stringMatching(/:1: chunk_size: 16$/),
    });
    expect(await differing({ model: { ...model, model_name: 'org/n' } })).toMatchObject({
      fix: expect.stringMatching(/"model_name": "org\/m"/),
    });
    expect(await differing({ model: { ...model, kv_shape: { layers: 2, kv_heads: 1, head_size: 8 } } })).toMatchObject({
      fix: expect.stringMatching(/kv_shape/),
    });
    expect(await differing({ model: { ...model, python_hash_seed: '1' } })).toMatchObject({
      found: expect.stringMatching(/hash_seed 5625442194607170974, not/),
      fix: expect.stringMatching(/seed/),
    });
    expect((await doctor(own.engine)).of('match')).toMatchObject({ status: 'ok' });
  });

  test('a listing that ended early is no proof, and a model is looked for by its name', async () => {
    const simulator = await start();
    await lay(
      simulator,
      Array.from({ length: 6 }, (_, index) => `a@01000100@0@${String(index).repeat(64)}`),
    );
    await lay(simulator, NAMES.lmcache);
    const given = await files(simulator);
    const early = ['--max-keys', '5'];
    expect((await doctor([...given.config, ...early])).of('match')).toMatchObject({
      status: 'warning',
      found: expect.stringContaining('the first 5 objects'),
    });
    expect((await doctor([...given.engine, ...early])).of('match')).toMatchObject({ status: 'ok' });
  });

  test('hashes that are random are a problem of their own', async () => {
    const simulator = await start();
    const given = await files(simulator, {
      config: `chunk_size: ${CHUNK_TOKENS}\npre_caching_hash_algorithm: builtin`,
      model: { ...model, python_hash_seed: null },
    });
    await lay(simulator, NAMES.lmcache);
    const { checks, code } = await doctor(given.tokens);
    expect(code).toBe(1);
    expect(checks.filter(({ check }) => check === 'match')[0]).toMatchObject({
      status: 'problem',
      found: expect.stringMatching(/random per process/),
    });
  });
});

describe('tokens tell the setting under which they are stored', () => {
  /** Stores the tokens' three chunks with the command. */
  async function store(simulator: Simulator, changes: Partial<FilesOf> = {}): Promise<void> {
    const given = await files(simulator, changes);
    const kv = join(await temporaryFolder(), 'kv');
    await writeFile(kv, new Uint8Array(3 * CHUNK_BYTES));
    expect(await runCommand(['store', ...given.tokens, '--kv', kv])).toMatchObject({ code: 0 });
  }

  const sha = `chunk_size: ${CHUNK_TOKENS}\npre_caching_hash_algorithm: sha256_cbor`;
  const python = `chunk_size: ${CHUNK_TOKENS}\npre_caching_hash_algorithm: builtin`;
  const list = { method: 'GET', query: /list-type/ };
  const denied = { kind: 'status', status: 403, code: 'AccessDenied' } as const;

  test('their own, which is well', async () => {
    const simulator = await start();
    await store(simulator);
    const { checks, code } = await doctor((await files(simulator)).tokens);
    expect(code).toBe(0);
    expect(checks.filter(({ check }) => check === 'match').map(({ status }) => status)).toEqual(['ok', 'ok']);
  });

  test.each<[string, Partial<FilesOf>, Partial<FilesOf>, RegExp]>([
    ['another seed', { model: { ...model, python_hash_seed: '42' } }, {}, /python_hash_seed: "42"/],
    ['no seed', { model: { ...model, python_hash_seed: null } }, {}, /python_hash_seed: "random"/],
    ['a seed of the file', {}, { kvferry: ['python_hash_seed: "1"'] }, /lmcache\.yaml:\d+: python_hash_seed: "0"$/],
    ['no vLLM', { config: sha, model: { ...model, vllm: false } }, {}, /vllm: False/],
    ["Python's hash", { config: python }, {}, /:2: pre_caching_hash_algorithm: builtin$/],
    [
      'an older Python',
      { config: python, kvferry: ['python_version: "3.10"'] },
      { config: python },
      /python_version: "3\.10"/,
    ],
    ['an older LMCache', { kvferry: ['era: "0.4.1"'] }, {}, /era: "0\.4\.1"/],
    ['the multi-process server', { kvferry: ['era: mp'] }, {}, /era: "mp"/],
    ["kvferry's own names", { kvferry: ['key_format: kv1'] }, {}, /key_format: kv1/],
    [
      'another chunk size',
      {},
      { config: 'chunk_size: 32\npre_caching_hash_algorithm: sha256_cbor' },
      /:1: chunk_size: 16$/,
    ],
    [
      'seed and hash',
      { config: python },
      { config: sha, model: { ...model, python_hash_seed: '7' } },
      /builtin; and .*python_hash_seed: "0"/,
    ],
  ])('%s, whether or not the store lists', async (_, stored, asked, fix) => {
    const simulator = await start();
    await store(simulator, stored);
    const given = await files(simulator, asked);
    for (const lists of [true, false]) {
      if (!lists) simulator.addFault({ match: list, times: always, effect: denied });
      const { checks, code } = await doctor(given.tokens);
      const last = checks.filter(({ check }) => check === 'match').at(-1);
      expect(last).toMatchObject({ status: 'problem', fix: expect.stringMatching(fix) });
      expect(code).toBe(1);
    }
  });

  test('under another rank, dtype or name', async () => {
    const simulator = await start();
    await store(simulator, { model: { ...model, world_size: 4, worker_id: 0, kv_dtype: 'bfloat16' } });
    const given = await files(simulator);
    const { checks } = await doctor(given.tokens);
    expect(checks.filter(({ check }) => check === 'match').map(({ fix }) => fix)).toEqual([
      expect.stringMatching(/"world_size": 4; and .*"kv_dtype": "bfloat16"; and .*"worker_id": 0$/),
      null,
    ]);
    simulator.addFault({ match: list, times: always, effect: denied });
    expect((await doctor(given.tokens)).of('match')).toMatchObject({
      status: 'problem',
      fix: expect.stringMatching(/"world_size": 4; and .*"kv_dtype": "bfloat16"; and .*"worker_id": 0/),
    });
  });

  test('and nowhere is no proof of anything', async () => {
    const simulator = await start();
    const { code, checks } = await doctor((await files(simulator)).tokens);
    expect(code).toBe(0);
    expect(checks.at(-1)).toMatchObject({
      check: 'match',
      status: 'warning',
      found: expect.stringMatching(/nobody stored it/),
    });
    const short = await files(simulator, { tokens: [1, 2, 3] });
    expect((await doctor(short.tokens)).checks.at(-1)).toMatchObject({
      status: 'warning',
      found: expect.stringMatching(/less than a chunk/),
    });
  });

  test('a first chunk of another length is a problem', async () => {
    const simulator = await start();
    await store(simulator);
    for (const name of simulator.listKeys(bucket)) await simulator.putObject(bucket, name, new Uint8Array(100));
    const { checks } = await doctor((await files(simulator)).tokens);
    expect(checks.at(-1)).toMatchObject({ status: 'problem', found: expect.stringMatching(/with 100 bytes, not 512/) });
  });
});

describe('what cannot be meant', () => {
  test.each([
    ['a file that is not there', ['--config', 'no-such.yaml'], /no-such\.yaml/],
    ['tokens without a model', ['--tokens', 'x.json'], /--tokens needs --model/],
    ['an unknown flag', ['--fix'], /--fix/],
  ])('%s exits with 2', async (_, flags, message) => {
    const given = await files(await start());
    const args = flags[0] === '--config' ? flags : [...given.config, ...flags];
    const { code, out, err } = await runCommand(['doctor', ...args], { env });
    expect(code).toBe(2);
    expect(out.toString() + err).toMatch(message);
  });
});

test('as a process of its own: a line each, the line to change, and the exit code', async () => {
  const simulator = await start();
  await lay(simulator, NAMES.multiProcess);
  const { ended } = startCommand(['doctor', ...(await files(simulator)).config]);
  const { code, out, err } = await ended;
  expect({ code, err }).toEqual({ code: 1, err: '' });
  const text = out.toString();
  expect(text).toMatch(/^ok {9}endpoint {8}http/);
  expect(text).toMatch(
    /\nproblem {4}match {11}no name is of the form .*\n +change: .*:9: add under kvferry: era: "mp"/,
  );
  expect(text).toMatch(/\n1 problem\.\n$/);
});

test('nothing that a store says moves the cursor', async () => {
  const simulator = await start();
  await lay(simulator, ['evil\u001b[2J@2@1@5@half']);
  const { config, engine } = await files(simulator);
  for (const flags of [config, engine]) {
    const { out } = await runCommand(['doctor', ...flags], { env });
    expect(out.toString()).toContain('evil?[2J, world size 2, rank 1, half');
    expect(out.toString()).not.toContain('\u001b[2J');
  }
});
