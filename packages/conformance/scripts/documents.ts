import type { ConformanceCase, Need } from '../src/case.ts';
import { CONTRACT_VERSION, isProvisional, SUITE_VERSION } from '../src/versions.ts';

/** What the areas are called, by what stands in front of the number in their ids, `NET-` for those with a network apart. */
const areas: Readonly<Record<string, string>> = {
  CAP: 'Capabilities',
  LIFE: 'Life',
  STAT: 'Stat',
  GET: 'Get',
  PUT: 'Put',
  DEL: 'Delete',
  BATCH: 'Batches',
  ABORT: 'Aborts',
  KEYS: 'Keys',
  LIST: 'List',
  CONC: 'Concurrency',
  MEM: 'Memory',
  ERR: 'Errors',
  STRESS: 'Stress',
  CONN: 'Connections',
  FAIL: 'Failures',
  MISS: 'Misses',
  SECRET: 'Secrets',
};

/** What stands in front of a case's number: `GET` of `GET-07`. */
export function areaOf(id: string): string {
  return id.slice(0, id.lastIndexOf('-'));
}

/** `docs/conformance.md`: every case with its sentence of the contract. */
export function conformanceDocument(cases: readonly ConformanceCase[]): string {
  const sections = Map.groupBy(cases, ({ id }) => areaOf(id));
  const lines = [
    '# Conformance cases',
    '',
    '<!-- Generated from packages/conformance/src/cases. Do not edit: npm run generate -->',
    '',
    `${cases.length} cases of suite ${SUITE_VERSION} for contract ${CONTRACT_VERSION}. Each stands for a sentence of the contract, which is the comments of`,
    '[`RemoteBackend`](../packages/core/src/backend.ts), [`BackendDriver`](../packages/core/src/driver.ts), [`Key`](../packages/core/src/keys.ts) and [`KvferryError`](../packages/core/src/errors.ts). An id is for',
    'ever: it is never used again for something else. How to run them: [the guide](../packages/conformance/README.md).',
    '',
    'Level: `core` needs nothing but the backend; `network` has the fault proxy between backend and store; `stress` is asked for by name. A case whose needs are',
    'not met is skipped, with the reason. A provisional case is new: it does not count before the next major version of the suite.',
  ];
  for (const [area, ofArea] of sections) {
    lines.push('', `## ${areaName(area)}`, '');
    lines.push(
      '| case | what is tried | sentence of the contract | needs | level |',
      '| --- | --- | --- | --- | --- |',
    );
    for (const { id, title, sentence, needs, level, since } of ofArea) {
      const name = isProvisional(since) ? `${id} (provisional)` : id;
      lines.push(`| ${[name, title, sentence, needs.map(needText).join(', '), level].map(cell).join(' | ')} |`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function areaName(area: string): string {
  const overNetwork = area.startsWith('NET-');
  const name = areas[overNetwork ? area.slice('NET-'.length) : area] ?? area;
  return overNetwork ? `Over a network: ${name.toLowerCase()}` : name;
}

function needText(need: Need): string {
  return need.startsWith('no-') ? `no ${need.slice('no-'.length)}` : need;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
