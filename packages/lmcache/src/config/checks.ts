import type { ConfigFinding } from '../types.ts';
import { findings, type Subject } from './findings.ts';
import { isSame, type Setting, type Settings } from './settings.ts';
import { type AddressDecision, decideAddress } from './store-address.ts';
import { awsDomain, directoryBucketZone, isIpAddress } from './store-host.ts';
import { PLACEHOLDER } from './yaml-document.ts';

/** What the values mean together: where the remote lies, and all there is to say. */
export interface Checked {
  readonly findings: readonly ConfigFinding[];
  /** `undefined`: no remote, or none that can be told. */
  readonly address: Extract<AddressDecision, { status: 'decided' }> | undefined;
}

/** Checks the values in force for what LMCache accepts and cannot work with, and for what contradicts itself. */
export function checkSettings(settings: Settings): Checked {
  const found: ConfigFinding[] = [];
  const remoteUrl = settings.get('remote_url').value;
  const remote = typeof remoteUrl === 'string' && remoteUrl !== '' ? remoteUrl : undefined;
  const s3 = remote?.startsWith('s3://') ?? false;
  checkNumbers(settings, remote !== undefined, found);
  checkNames(settings, s3, found);
  checkPlugins(settings, found);
  checkCredentials(settings, found);
  checkKeyForm(settings, found);
  checkRefusals(settings, found);
  if (s3) checkObjects(settings, found);
  const address = remote === undefined ? undefined : checkAddress(settings, remote, found);
  if (s3) checkRegion(settings, found);
  if (address?.host !== undefined) checkHost(settings, address, found);
  checkPlaceholders(settings, found);
  const inError = new Set(found.filter(({ severity }) => severity === 'error').map(({ key }) => key));
  checkEffects(settings, inError, found);
  return { findings: found, address };
}

/** Hashes that vLLM knows and kvferry does not compute. */
const VLLM_HASHES: ReadonlySet<unknown> = new Set(['sha256', 'xxhash', 'xxhash_cbor']);
const HASHES: ReadonlySet<unknown> = new Set(['builtin', 'sha256_cbor', 'sha256_cbor_64bit']);

const GIB = 2 ** 30;
/** More than any model has context, and few enough that a chunk's bytes can be counted. */
const MOST_CHUNK_TOKENS = 2 ** 31 - 1;

function checkNumbers(settings: Settings, remote: boolean, found: ConfigFinding[]): void {
  const positive = (path: string, unit: string): void => {
    const { value, spec } = settings.get(path);
    const usable = typeof value === 'number' && value > 0 && Number.isFinite(value);
    if (!usable) found.push(findings.notPositive(settings.subject(path), unit, String(spec.default)));
  };
  positive('chunk_size', 'tokens');
  const chunk = settings.get('chunk_size').value;
  if (typeof chunk === 'number' && chunk > MOST_CHUNK_TOKENS) {
    found.push(findings.chunkTooLong(settings.subject('chunk_size')));
  }
  positive('blocking_timeout_secs', 'seconds');
  positive('lookup_timeout_ms', 'milliseconds');
  positive('pin_timeout_sec', 'seconds');
  positive('extra_config.s3_num_io_threads', 'requests');
  checkPoolSize(settings, remote, found);
  const least = settings.get('min_retrieve_tokens').value;
  const at = settings.subject('min_retrieve_tokens');
  if (typeof least !== 'number') found.push(findings.notConvertible(at, 'a whole number', '0'));
  else if (least < 0) found.push(findings.negative(at));
}

function checkPoolSize(settings: Settings, remote: boolean, found: ConfigFinding[]): void {
  const { value, spec } = settings.get('max_local_cpu_size');
  const at = settings.subject('max_local_cpu_size');
  if (typeof value !== 'number' || Number.isNaN(value)) {
    found.push(findings.notPositive(at, 'GiB', String(spec.default)));
  } else if (value <= 0) {
    // Without a remote LMCache takes it as no CPU pool.
    found.push(remote ? findings.notPositive(at, 'GiB', String(spec.default)) : findings.noPool(at));
  } else if (value * GIB < 1) found.push(findings.poolTooSmall(at));
  else if (value * GIB > Number.MAX_SAFE_INTEGER) found.push(findings.poolTooLarge(at));
}

function checkNames(settings: Settings, s3: boolean, found: ConfigFinding[]): void {
  const serde = settings.get('remote_serde');
  if (serde.value !== 'naive') {
    const at = settings.subject('remote_serde');
    const known = serde.spec.choices?.includes(String(serde.value)) ?? false;
    if (!known) found.push(findings.unknownName(at, serde.spec.choices ?? [], '"naive"'));
    else found.push(s3 ? findings.serdeWithS3(at) : findings.serdeNotHere(at));
  }
  const policy = settings.get('cache_policy');
  if (!(policy.spec.choices?.includes(String(policy.value).toUpperCase()) ?? false)) {
    found.push(findings.unknownName(settings.subject('cache_policy'), policy.spec.choices ?? [], '"LRU"'));
  }
  const mode = settings.get('hidden_states_retrieve_mode');
  const modeText = String(mode.value ?? 'prefix_strict')
    .trim()
    .toLowerCase()
    .replaceAll('-', '_');
  if (!/^(?:prefix_?strict|skip_?missing_?chunks|legacy)$/.test(modeText)) {
    const at = settings.subject('hidden_states_retrieve_mode');
    found.push(findings.unknownName(at, mode.spec.choices ?? [], '"prefix_strict"'));
  }
  const hash = settings.get('pre_caching_hash_algorithm');
  if (HASHES.has(hash.value) || settings.extension.era === 'mp') return;
  const at = settings.subject('pre_caching_hash_algorithm');
  const known = VLLM_HASHES.has(hash.value) && settings.extension.vllm !== false;
  found.push(known ? findings.hashNotHere(at) : findings.unknownHash(at));
}

function checkPlugins(settings: Settings, found: ConfigFinding[]): void {
  const { value } = settings.get('remote_storage_plugins');
  if (Array.isArray(value) && value.some((name) => String(name).split('.')[0] === 's3')) {
    found.push(findings.pluginS3(settings.subject('remote_storage_plugins')));
  }
}

function checkCredentials(settings: Settings, found: ConfigFinding[]): void {
  const id = 'extra_config.aws_access_key_id';
  const secret = 'extra_config.aws_secret_access_key';
  const hasId = isText(settings.get(id));
  const hasSecret = isText(settings.get(secret));
  // One that could not be taken is an error already.
  const isFaulty = settings.isFaulty(id) || settings.isFaulty(secret);
  if (hasId && !hasSecret && !isFaulty) {
    found.push(findings.credentialAlone(settings.subject(id), 'aws_secret_access_key'));
  }
  if (hasSecret && !hasId && !isFaulty) {
    found.push(findings.credentialAlone(settings.subject(secret), 'aws_access_key_id'));
  }
  const { profile, sessionToken } = settings.extension;
  const both = (hasId && hasSecret) || isFaulty;
  if (profile !== undefined && both) {
    found.push(
      findings.kvferryConflict(
        settings.subject('extra_config.kvferry.profile'),
        'cannot stand beside aws_access_key_id and aws_secret_access_key.',
        'Remove the profile, or the two keys.',
      ),
    );
  }
  if (sessionToken !== undefined && !both) {
    found.push(
      findings.kvferryConflict(
        settings.subject('extra_config.kvferry.session_token'),
        'belongs to static keys, and they are not both there.',
        'Add: extra_config: aws_access_key_id: "…" and aws_secret_access_key: "…"',
      ),
    );
  }
}

/** What says how keys are made, and is in none of the keys that are made. */
function checkKeyForm(settings: Settings, found: ConfigFinding[]): void {
  const { era, keyFormat } = settings.extension;
  const own = keyFormat === 'kv1';
  const isSet = (name: string): boolean => settings.get(`extra_config.kvferry.${name}`).source.kind !== 'default';
  for (const name of ['revision', 'adapter', 'quantisation', 'cache_salt']) {
    if (own || !isSet(name) || (name === 'cache_salt' && era === 'mp')) continue;
    found.push(
      findings.kvferryConflict(
        settings.subject(`extra_config.kvferry.${name}`),
        "has no place in LMCache's keys, so it would keep nothing apart.",
        name === 'cache_salt'
          ? 'Add: extra_config: kvferry: { key_format: "kv1" }, or use a tag of the request. Or remove it.'
          : 'Add: extra_config: kvferry: { key_format: "kv1" }. Or remove it.',
      ),
    );
  }
  if (era !== 'mp') return;
  const hash = settings.get('pre_caching_hash_algorithm');
  if (hash.value !== hash.spec.default && hash.value !== 'blake3') {
    found.push(findings.unusedByMultiProcess(settings.subject('pre_caching_hash_algorithm')));
  }
  if (isSet('none_hash')) found.push(findings.unusedByMultiProcess(settings.subject('extra_config.kvferry.none_hash')));
}

/** Combinations with which LMCache stops at start; their features are not here, so kvferry goes on. */
function checkRefusals(settings: Settings, found: ConfigFinding[]): void {
  const missing = (names: readonly string[]): string[] =>
    names.filter((name) => isSame(settings.get(name).value, null));
  const refuse = (key: string, why: string, fix: string): void => {
    found.push(findings.lmcacheRefuses(settings.subject(key), why, fix));
  };
  const needs = (key: string, names: readonly string[]): void => {
    if (settings.get(key).value !== true) return;
    const absent = missing(names);
    if (absent.length > 0)
      refuse(key, `It needs ${absent.join(', ')} as well.`, `Add ${absent.join(', ')}, or write: ${key}: False`);
  };
  const isOn = (key: string): boolean => settings.get(key).value === true;
  needs('enable_controller', [
    'lmcache_instance_id',
    'controller_pull_url',
    'controller_reply_url',
    'lmcache_worker_ports',
  ]);
  needs('enable_p2p', ['p2p_host', 'p2p_init_ports', 'p2p_lookup_ports', 'transfer_channel']);
  needs('enable_pd', ['pd_role', 'pd_buffer_size', 'pd_buffer_device']);
  if (isOn('enable_p2p') && isOn('local_cpu_use_hugepages')) {
    refuse('local_cpu_use_hugepages', 'It does not go with enable_p2p.', 'Write: local_cpu_use_hugepages: False');
  }
  if (isOn('enable_pd') && isOn('enable_p2p')) {
    refuse('enable_pd', 'It does not go with enable_p2p.', 'Write: enable_p2p: False');
  }
  const mode = settings.get('pd_backend_mode');
  if (isOn('enable_pd') && !(mode.spec.choices?.includes(String(mode.value)) ?? false)) {
    refuse('pd_backend_mode', 'It is sync or async.', 'Write: pd_backend_mode: "async"');
  }
  if (isOn('enable_async_loading') && isText(settings.get('external_lookup_client'))) {
    refuse('external_lookup_client', 'It does not go with enable_async_loading.', 'Remove one of the two.');
  }
  if (
    isOn('enable_scheduler_bypass_lookup') &&
    settings.get('extra_config.save_only_first_rank').value !== true &&
    settings.get('extra_config.remote_enable_mla_worker_id_as0').value !== true
  ) {
    refuse(
      'enable_scheduler_bypass_lookup',
      'It needs save_only_first_rank or remote_enable_mla_worker_id_as0, which are on by themselves for MLA only.',
      'Write: enable_scheduler_bypass_lookup: False',
    );
  }
}

/** What makes LMCache drop at PUT what it is told to store: an S3 object is one full chunk. */
function checkObjects(settings: Settings, found: ConfigFinding[]): void {
  if (settings.get('save_unfull_chunk').value === true) {
    found.push(findings.unfullChunkWithS3(settings.subject('save_unfull_chunk')));
  }
  if (settings.get('enable_blending').value === true) {
    found.push(findings.unfullChunkWithS3(settings.subject('enable_blending')));
  }
  if (settings.get('use_layerwise').value === true)
    found.push(findings.layerwiseWithS3(settings.subject('use_layerwise')));
  const meta = settings.get('extra_config.save_chunk_meta');
  if (meta.value === true) found.push(findings.chunkMetaWithS3(settings.subject('extra_config.save_chunk_meta')));
}

function checkRegion(settings: Settings, found: ConfigFinding[]): void {
  const region = settings.get('extra_config.s3_region');
  if (isText(region)) return;
  const nextBest = settings.get('extra_config').source.kind === 'default' ? 'remote_url' : 'extra_config';
  const source = region.source.kind === 'default' ? settings.get(nextBest).source : region.source;
  const stray = settings.stray('s3_region');
  const at: Subject = { key: region.path, value: region.value === '' ? '""' : '', source };
  found.push(stray === undefined ? findings.regionMissing(at) : findings.regionAtTopLevel(at, stray));
}

function checkAddress(settings: Settings, remoteUrl: string, found: ConfigFinding[]): Checked['address'] {
  const region = settings.get('extra_config.s3_region').value;
  const decision = decideAddress({
    remoteUrl,
    // A missing region is a finding of its own; the rest of the address is looked at all the same.
    region: typeof region === 'string' && region !== '' ? region : 'us-east-1',
    disableTls: settings.get('extra_config.disable_tls').value === true,
    kvferry: settings.extension,
  });
  if (decision.status === 'decided') return decision;
  found.push(findings.badAddress(settings.subject(decision.key), decision.problem, decision.fix));
  return undefined;
}

function checkHost(settings: Settings, address: NonNullable<Checked['address']>, found: ConfigFinding[]): void {
  const { target, host, bare } = address;
  if (target.kind === 'plugin' || host === undefined) return;
  const url = settings.subject('remote_url');
  const hostAt = settings.extension.endpoint === undefined ? url : settings.subject('extra_config.kvferry.endpoint');
  const regionSetting = settings.get('extra_config.s3_region');
  const region = isText(regionSetting) ? String(regionSetting.value) : undefined;
  if (bare) {
    const from = settings.extension.endpoint === undefined ? 'the region' : 'the endpoint';
    const isAddress = isIpAddress(target.endpointHost.replace(/:\d+$/, ''));
    found.push(findings.bareBucket(url, from, isAddress ? undefined : `${target.bucket}.${target.endpointHost}`));
  }

  if (region !== undefined && target.provider === 'aws' && isReal(region)) {
    const at = settings.subject(regionSetting.path);
    const hostRegion = isReal(host.region) ? host.region : undefined;
    if (region !== region.toLowerCase() && (hostRegion ?? region.toLowerCase()) === region.toLowerCase()) {
      found.push(findings.regionCase(at, region.toLowerCase()));
    } else if (hostRegion !== undefined && region !== hostRegion) found.push(findings.regionMismatch(at, hostRegion));
  }

  const zone = directoryBucketZone(target.bucket);
  if (host.express && isReal(target.bucket)) {
    if (zone === undefined) found.push(findings.notDirectoryBucket(hostAt, target.bucket, host.zone ?? '<zone>'));
    else if (isReal(host.zone) && zone !== host.zone) {
      found.push(findings.zoneMismatch(hostAt, target.bucket, zone, host.zone));
    }
  } else if (!host.express && host.provider === 'aws' && zone !== undefined) {
    found.push(
      findings.directoryBucketElsewhere(hostAt, target.bucket, zone, `${target.region}.${awsDomain(target.region)}`),
    );
  }

  const flag = 'extra_config.s3_enable_s3express';
  const flagged = settings.get(flag).value === true;
  if (flagged && !host.express) found.push(findings.expressFlagUnneeded(settings.subject(flag), target.endpointHost));
  if (host.express && !flagged) found.push(findings.expressFlagMissing(hostAt));
  const { addressing = 'auto', provider = 'aws' } = settings.extension;
  const own = { addressing: addressing !== 'auto', provider: provider !== 'aws' };
  for (const name of ['addressing', 'provider'] as const) {
    const at = settings.subject(`extra_config.kvferry.${name}`);
    if (host.express && own[name]) found.push(findings.notWithExpress(at, target.endpointHost));
  }
  if (target.scheme === 'http' && /\.amazonaws\.com(?:\.cn)?(?::\d+)?$/.test(target.endpointHost)) {
    const off = settings.get('extra_config.disable_tls').value === true;
    found.push(findings.tlsOffOnAws(off ? settings.subject('extra_config.disable_tls') : hostAt));
  }
}

function checkPlaceholders(settings: Settings, found: ConfigFinding[]): void {
  for (const { spec, path, value, node } of settings.all) {
    if (spec.here === undefined || node === undefined || typeof value !== 'string') continue;
    const names = [...new Set([...value.matchAll(PLACEHOLDER)].map(([, name = '']) => name))];
    const isExample = /(?:^|\/\/|[.@])your[-_]|^<[^<>]+>$|\/\/<[^<>]+>/i.test(value);
    if (names.length > 0 || isExample) found.push(findings.placeholder(settings.subject(path), names));
  }
}

function checkEffects(settings: Settings, inError: ReadonlySet<string>, found: ConfigFinding[]): void {
  for (const { spec, path, value, source } of settings.all) {
    if (spec.here !== undefined || source.kind === 'default' || inError.has(path) || isSame(value, spec.default))
      continue;
    const at = settings.subject(path);
    found.push(path === 'remote_config_url' ? findings.neverContacted(at) : findings.noEffect(at));
  }
}

function isText({ value }: Setting): boolean {
  return typeof value === 'string' && value !== '';
}

/** A part of an address with a placeholder in it contradicts nothing. */
function isReal(part: string | undefined): part is string {
  return part !== undefined && !part.includes('{');
}
