import { type CallOptions, type Key, keyProblem, type RemoteBackend } from '@kvferry/core';
import type { ConfigFinding } from '@kvferry/lmcache';
import type { FirstLook, S3Endpoint } from '@kvferry/s3-protocol';
import { bareBackendFor, describeRemote } from '../backend-for.ts';
import { groupText } from '../inspect/group-text.ts';
import { type InspectReport, inspectStore, nameOf } from '../inspect/inspect-store.ts';
import { frontOf, keyPrefixOf } from '../key-prefix.ts';
import type { LoadedConfig } from '../load-config.ts';
import { formatBytes, formatCount } from '../terminal/index.ts';
import { CHECKS, type Check, type CheckName, ok, problem, unknown, warning } from './check.ts';
import { type KnownEngine, knownEngine, type NamedEngine } from './engine.ts';
import { type FirstAnswer, firstAnswer, type Trouble, troubleOf } from './first-answer.ts';
import { machineRegion } from './machine-region.ts';
import { matchNames } from './match-names.ts';
import { matchTokens } from './match-tokens.ts';
import { lookAt, placeOf } from './place.ts';
import { getCheck, listCheck, REQUEST_MS, tryToWrite } from './rights.ts';
import { certificateCheck, clockCheck, machineRegionCheck, regionCheck } from './surroundings.ts';
import { type Outcome, within } from './within.ts';

/** What is examined. */
export interface Patient {
  readonly loaded: LoadedConfig;
  /** A store to use in place of the one that the configuration names. */
  readonly endpoint: string | undefined;
  /** The engine, where one was named: it makes the comparison sharper. */
  readonly engine: NamedEngine | undefined;
  /** Tokens that the engine has stored, where there are some. They need the engine. */
  readonly tokens: Uint32Array | undefined;
  /** Whether a key may be written and removed. */
  readonly write: 'try' | 'never';
  /** Names that are listed at most. */
  readonly maxKeys: number;
  /** Where the region of this machine may stand. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What came out. Plain data: it survives JSON. */
export interface DoctorReport {
  readonly config: string;
  /** As `scheme://namespace`. */
  readonly backend: string;
  /** The worst of the checks; what is unknown does not count. */
  readonly status: 'ok' | 'warning' | 'problem';
  /** In the order of `CHECKS`. A check may have several entries; those that make no sense for the kind of store have none. */
  readonly checks: readonly Check[];
  /** What lies in the store, where it lists. */
  readonly contents: InspectReport | null;
}

/** An examination under way. */
interface Ward extends Patient {
  readonly backend: RemoteBackend;
  readonly known: KnownEngine | undefined;
  /** Where the bucket is; `undefined` for stores that do not speak S3. */
  readonly place: S3Endpoint | undefined;
  readonly keyPrefix: string;
  /** `keyPrefix` with its slash. */
  readonly front: string;
  readonly signal: AbortSignal;
}

/** Two attempts of a request end before its limit, with an error that says more than that. */
const PATIENCE = { maxAttempts: 2, timeouts: { connectMs: 3000, firstByteMs: 4000, stallMs: 4000 } } as const;
const LOOK_MS = 8000;
const LIST_MS = 20_000;
const MATCH_MS = 20_000;

/**
 * Looks at everything between a configuration and its chunks, and says for each thing whether it is well, and what to change. Only with `write: 'try'` it
 * writes, one key of its own, and removes it again. Each request has its limit; where one finds the store dead, or whoever asks refused, those behind it
 * are not made.
 *
 * Rejects with CONFIG_INVALID and INVALID_ARGUMENT for what names no store or no engine, and with ABORTED.
 */
export async function examine(patient: Patient, options: CallOptions = {}): Promise<DoctorReport> {
  const { signal = new AbortController().signal } = options;
  const { endpoint, engine, loaded } = patient;
  const { config, file } = loaded;
  const known = engine === undefined ? undefined : await knownEngine(config, engine);
  const backend = await bareBackendFor(loaded, { endpoint, ...PATIENCE });
  const keyPrefix = keyPrefixOf(config);
  const ward = {
    ...patient,
    backend,
    known,
    place: placeOf(backend, loaded),
    keyPrefix,
    front: frontOf(keyPrefix),
    signal,
  };
  try {
    const { checks, contents } = await examineWard(ward);
    const has = (status: Check['status']): boolean => checks.some((check) => check.status === status);
    const status = has('problem') ? 'problem' : has('warning') ? 'warning' : 'ok';
    return { config: file, backend: nameOf(backend), status, checks, contents };
  } finally {
    await within(REQUEST_MS, new AbortController().signal, () => backend.close());
  }
}

async function examineWard(ward: Ward): Promise<Pick<DoctorReport, 'checks' | 'contents'>> {
  const { backend, endpoint, env, front, loaded, place, signal } = ward;
  const [looked, first, machine] = await Promise.all([
    place === undefined ? undefined : within(LOOK_MS, signal, (limit) => lookAt(place, loaded, limit)),
    firstAnswer(backend, front, signal),
    place === undefined ? undefined : machineRegion(env, signal),
  ]);
  signal.throwIfAborted();
  const look = looked?.status === 'done' ? looked.value : undefined;
  const trouble =
    first.status === 'refused' ? await troubleOf(first, { loaded, endpoint, place, look }, signal) : undefined;
  const inside =
    first.status === 'refused' ? { checks: notAsked(trouble), contents: null } : await lookInside(ward, first);
  const checks = [
    ...whereAndWho(ward, trouble, look !== undefined),
    ...inside.checks,
    ...(place === undefined ? [] : surroundings(place, { look, machine, loaded, trouble })),
    ...configurationChecks(ward),
  ];
  // The trouble is told in the place of what would be told there.
  const told = trouble === undefined ? checks : [...checks.filter(isOther(trouble.check.check)), trouble.check];
  const rank = ({ check }: Check): number => CHECKS.indexOf(check);
  return { checks: told.toSorted((one, other) => rank(one) - rank(other)), contents: inside.contents };
}

function isOther(name: CheckName): (check: Check) => boolean {
  return ({ check }) => check !== name;
}

/** Where the store is, how it is spoken to, and who asks. `isThere`: something answered there. */
function whereAndWho({ backend, loaded, place }: Ward, trouble: Trouble | undefined, isThere: boolean): Check[] {
  const { info } = backend;
  if (place === undefined) return [ok('endpoint', describeRemote(loaded))];
  const { addressing, endpoint, identity = '', protocol = '' } = info.details;
  const where = `${endpoint}, bucket ${info.namespace}, by the ${info.scheme} backend`;
  const way =
    addressing === 'path' ? "path: the bucket's name is in the path" : "virtual: the bucket's name is in the host";
  const name = trouble?.check.check;
  const reached = trouble === undefined || (isThere && name !== 'endpoint' && name !== 'certificate');
  if (!reached) {
    return [
      unknown('endpoint', where),
      unknown('addressing', way),
      unknown('protocol', 'nothing was spoken'),
      unknown('identity', `${identity}; the store was not asked`),
    ];
  }
  const isTaken = trouble === undefined;
  return [
    ok('endpoint', where),
    isTaken ? ok('addressing', way) : unknown('addressing', way),
    ok('protocol', protocol === 'h2' ? 'HTTP/2' : protocol === 'http/1.1' ? 'HTTP/1.1' : protocol),
    isTaken ? ok('identity', identity) : unknown('identity', `${identity}; the store took no request yet`),
  ];
}

/** The rest, where nothing more can be asked. */
function notAsked(trouble: Trouble | undefined): Check[] {
  const names = ['get', 'list', 'put', 'delete', 'contents', 'match'] as const;
  return names.map((name) => unknown(name, `not asked: ${trouble?.check.check} comes first`));
}

function surroundings(
  place: S3Endpoint,
  seen: {
    readonly look: FirstLook | undefined;
    readonly machine: Awaited<ReturnType<typeof machineRegion>>;
    readonly loaded: LoadedConfig;
    readonly trouble: Trouble | undefined;
  },
): Check[] {
  const { loaded, look, machine, trouble } = seen;
  const region = trouble?.region ?? look?.region;
  return [
    clockCheck(look),
    certificateCheck(place, look, loaded),
    regionCheck(place, region, trouble === undefined, loaded),
    machineRegionCheck(place, region, machine, loaded),
  ];
}

/** What is allowed, what lies in the store, and whether the configuration finds it. */
async function lookInside(
  ward: Ward,
  first: Exclude<FirstAnswer, { readonly status: 'refused' }>,
): Promise<Pick<DoctorReport, 'checks' | 'contents'>> {
  const { backend, front, signal, write } = ward;
  const all = await listNames(ward, ['', front]);
  const { listed, example } = all;
  const written = write === 'try' ? await tryToWrite(backend, front, signal) : undefined;
  const get = await getCheck(first, backend, { listed: example, written }, signal);
  const notTried = 'not tried; --write tries it on a key of its own';
  const report = listed.status === 'done' ? listed.value : null;
  return {
    checks: [
      get,
      listCheck(listed, first.status === 'answered'),
      written?.put ?? unknown('put', notTried),
      written?.delete ?? unknown('delete', notTried),
      report === null ? unknown('contents', 'the store does not list') : contentsCheck(report),
      ...(await matchChecks(ward, all)),
    ],
    contents: report,
  };
}

/** What a store lists, the names of chunks by their hashes, and one key. */
interface Listed {
  readonly listed: Outcome<InspectReport>;
  readonly names: ReadonlyMap<string, string>;
  readonly example: Key | undefined;
}

/** Lists under the first of these prefixes that may be listed: whoever has a prefix of his own is often allowed nothing else. */
async function listNames(ward: Ward, [prefix = '', ...others]: readonly string[]): Promise<Listed> {
  const { backend, keyPrefix, maxKeys, signal } = ward;
  const names = new Map<string, string>();
  let example: Key | undefined;
  const listed = await within(LIST_MS + REQUEST_MS, signal, (limit) =>
    inspectStore(backend, {
      prefix,
      keyPrefix,
      maxKeys,
      maxMs: LIST_MS,
      signal: limit,
      onObject: (name, described) => {
        if ('hash' in described) names.set(described.hash, name);
        if (keyProblem(name) === undefined) example ??= name;
      },
    }),
  );
  const isDenied = listed.status === 'failed' && listed.error.code === 'PERMISSION_DENIED';
  const isOther = others[0] !== undefined && others[0] !== prefix;
  if (isDenied && isOther) return listNames(ward, others);
  return { listed, names, example };
}

/** What lies under the name of the engine's model, where the listing ended before all was seen. */
async function listModel(ward: Ward, report: InspectReport): Promise<Listed | undefined> {
  const { known } = ward;
  if (report.complete || known === undefined) return undefined;
  const { example, system } = known.expected;
  // kvferry's own names lie scattered.
  return system === 'kvferry' ? undefined : listNames(ward, [example.slice(0, example.indexOf('@') + 1)]);
}

const MOST_NAMED = 3;

function contentsCheck({ bytes, complete, groups, objects }: InspectReport): Check {
  if (objects === 0) return ok('contents', 'nothing');
  const named = groups.slice(0, MOST_NAMED).map((group) => `${groupText(group)} (${formatCount(group.objects)})`);
  const more = groups.length - MOST_NAMED;
  const rest = more > 0 ? `; and ${more} more` : '';
  const count = `${complete ? '' : 'the first '}${formatCount(objects)} ${objects === 1 ? 'object' : 'objects'}`;
  return ok('contents', `${count}, ${formatBytes(bytes)}: ${named.join('; ')}${rest}`);
}

async function matchChecks(ward: Ward, all: Listed): Promise<Check[]> {
  const { backend, front, known, loaded, signal, tokens } = ward;
  const checks: Check[] = [];
  if (known?.random !== undefined) checks.push(problem('match', known.random.reason));
  let listed: ReadonlyMap<string, string> | undefined;
  if (all.listed.status === 'done') {
    const whole = all.listed.value;
    const own = await listModel(ward, whole);
    const ofModel = own?.listed.status === 'done' && own.listed.value.objects > 0 ? own.listed.value : undefined;
    checks.push(...matchNames({ loaded, engine: known, report: ofModel ?? whole }));
    listed = new Map([...all.names, ...(own?.names ?? [])]);
  }
  if (known !== undefined && tokens !== undefined) {
    const matched = await within(MATCH_MS, signal, (limit) =>
      matchTokens(backend, { loaded, engine: known, front, listed }, tokens, limit),
    );
    checks.push(matched.status === 'done' ? matched.value : problem('match', matched.error.reason));
  }
  if (checks.length > 0) return checks;
  return [unknown('match', 'the store does not list; --model and --tokens ask for the chunks of one sequence')];
}

/** What reading the file alone showed. */
function configurationChecks({ endpoint, loaded }: Ward): Check[] {
  // Placeholders of a store that is not opened do not matter.
  const findings = loaded.findings.filter(({ scope }) => scope === 'always' || endpoint === undefined);
  if (findings.length === 0) return [ok('configuration', `${loaded.file}: nothing to say`)];
  return findings.map((finding) => warning('configuration', placed(finding), finding.fix));
}

function placed({ problem, source }: ConfigFinding): string {
  const text = problem.replace(/\.$/, '');
  if (source.kind === 'file') return `${source.file}${source.line === 0 ? '' : `:${source.line}`}: ${text}`;
  return source.kind === 'environment' ? `${source.variable}: ${text}` : text;
}
