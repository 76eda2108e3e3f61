import { relative } from 'node:path';
import type { ConfigEntry, ConfigSource } from '@kvferry/lmcache';
import type { LoadedConfig } from 'kvferry';
import { formatBytes, formatCount, formatMilliseconds, formatRate, formatSeconds, plainTable } from 'kvferry/terminal';
import pc from 'picocolors';
import type { TransferCost } from '../shared/cpu-clock.ts';
import type { LatencySummary } from '../shared/latencies.ts';
import type { CacheFacts, ReaderResult } from './messages.ts';
import type { MainJobResult, Plan } from './run.ts';

/** The configuration in force: every key that has an effect here, its value, and where that came from. */
export function configurationText(loaded: LoadedConfig): string {
  const rows = entriesInForce(loaded).map((entry) => [entry.key, entry.shown, sourceText(entry)]);
  return `${pc.bold('Configuration in force')}\n${indentedTable([], rows)}`;
}

/** What has an effect here and a value; a map is shown by its entries. */
function entriesInForce(loaded: LoadedConfig): readonly ConfigEntry[] {
  const { entries } = loaded;
  const maps = new Set(entries.map((entry) => entry.key.slice(0, Math.max(0, entry.key.lastIndexOf('.')))));
  return entries.filter((entry) => {
    if (entry.effect !== 'yes' || maps.has(entry.key)) return false;
    return entry.source.kind !== 'default' || entry.shown !== 'not set';
  });
}

function sourceText(entry: ConfigEntry): string {
  const text = sourceName(entry.source);
  return entry.source.kind === 'default' ? pc.dim(text) : text;
}

/** `file.yaml:3`, the name of a variable, or `default`. */
function sourceName(source: ConfigSource): string {
  switch (source.kind) {
    case 'default':
      return 'default';
    case 'file':
      return `${relative(process.cwd(), source.file)}:${source.line}`;
    case 'environment':
      return source.variable;
  }
}

/** What is going to be moved. */
export function planText(plan: Plan, model: string): string {
  const { corpus } = plan;
  return [
    pc.bold('What is moved'),
    indentedTable(
      [],
      [
        ['text', `${corpus.description}: ${formatCount(corpus.tokens.length)} tokens (${corpus.tokenizer} tokenizer)`],
        ['model', `${model}, made-up KV in its layout`],
        ['chunks', `${formatCount(plan.chunks)} of ${plan.chunkTokens} tokens, ${formatBytes(plan.chunkBytes)} each`],
        ['bytes', formatBytes(plan.bytes)],
      ],
    ),
  ].join('\n');
}

/** What came out. */
export function resultText(result: MainJobResult): string {
  const { plan, reader } = result;
  const verdict =
    reader.mismatches === 0 && reader.verifiedBytes === plan.bytes
      ? pc.green(`all ${formatBytes(reader.verifiedBytes)} loaded by the second process equal what was stored`)
      : pc.red(
          `${formatBytes(reader.verifiedBytes)} of ${formatBytes(plan.bytes)} equal; ${reader.mismatches} chunks do not`,
        );
  const { again } = reader.cache;
  return [
    pc.bold('Result'),
    indentedTable(
      ['', 'throughput', 'time', 'client CPU', 'request p50 / p99', 'first byte p50 / p99'],
      [
        transferRow('store', result.store, result.storeLatencies),
        transferRow('retrieve', reader.retrieve, reader.latencies),
        ...(again === null ? [] : [transferRow('once more', again, undefined)]),
      ],
    ),
    `  lookup    ${lookupText(plan, reader)}`,
    `  cache     ${memoryText(reader.cache)}`,
    `            ${sourcesText(reader.cache)}`,
    `  ${verdict}`,
  ].join('\n');
}

function lookupText(plan: Plan, { lookup, cache }: ReaderResult): string {
  const found = cache.asyncLoading ? 'found and loaded ahead' : 'found';
  const tokens = `${formatCount(lookup.hitTokens)} of ${formatCount(plan.usedTokens)} tokens`;
  const counted = cache.asyncLoading ? '; retrieve counts from its beginning' : '';
  return `${tokens} ${found} in ${formatSeconds(lookup.seconds)}${counted}`;
}

function memoryText({ local, budgetBytes, mostBytes, keptBytes, keptChunks, evictions }: CacheFacts): string {
  const used = `at most ${formatBytes(mostBytes)} of ${formatBytes(budgetBytes)} in use`;
  if (local === 'staging-only')
    return `local tier off (local_cpu): memory only stages, ${used}, ${formatBytes(keptBytes)} kept`;
  const kept = `${formatCount(keptChunks)} chunks (${formatBytes(keptBytes)}) kept`;
  return `local tier on, ${local}: ${used}, ${kept}, ${formatCount(evictions)} evicted`;
}

function sourcesText({ localHits, remoteHits, probes, probeRounds, again }: CacheFacts): string {
  const first = `${formatCount(remoteHits)} chunks from the store, ${formatCount(localHits)} were in memory when asked for`;
  const ofAgain = again === null ? '' : ` (${formatCount(again.localChunks)} of them the second time)`;
  return `${first}${ofAgain}; ${formatCount(probes)} probes in ${formatCount(probeRounds)} round trips`;
}

/** Without latencies where no request was made. */
function transferRow(name: string, cost: TransferCost, latencies: LatencySummary | undefined): string[] {
  const pair = (of: 'totalMs' | 'firstByteMs'): string => {
    if (latencies === undefined || latencies.requests === 0) return '–';
    return `${formatMilliseconds(latencies[of].p50)} / ${formatMilliseconds(latencies[of].p99)}`;
  };
  return [
    name,
    formatRate(cost.bytesPerSecond),
    formatSeconds(cost.seconds),
    `${cost.cpuSecondsPerGiB.toFixed(2)} s/GiB`,
    pair('totalMs'),
    pair('firstByteMs'),
  ];
}

/** The result as one JSON document. */
export function resultJson(result: MainJobResult, loaded: LoadedConfig, model: string): object {
  const { plan, reader } = result;
  return {
    backend: plan.backend,
    endpoint: plan.endpoint,
    model,
    text: plan.corpus.description,
    tokens: plan.corpus.tokens.length,
    chunkTokens: plan.chunkTokens,
    chunkBytes: plan.chunkBytes,
    chunks: plan.chunks,
    bytes: plan.bytes,
    store: { ...result.store, latencies: result.storeLatencies },
    lookup: reader.lookup,
    retrieve: { ...reader.retrieve, latencies: reader.latencies },
    verifiedBytes: reader.verifiedBytes,
    mismatches: reader.mismatches,
    cache: reader.cache,
    configuration: entriesInForce(loaded).map((entry) => ({
      key: entry.key,
      value: entry.shown,
      source: sourceName(entry.source),
    })),
  };
}

function indentedTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return plainTable(head, rows).replaceAll(/^/gm, '  ');
}
