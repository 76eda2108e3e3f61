import { KvferryError } from '@kvferry/core';
import { formatBytes, formatCount } from 'kvferry/terminal';
import { compareSummaries } from '../analysis/comparison.ts';
import { PEER_NOTES } from '../peers/names.ts';
import { answerOf, headline, movedText, neededText } from './answer.ts';
import { CAVEATS_TITLE, figureText, REPEAT_NOTE } from './comparison-text.ts';
import { busyFigure } from './figures/busy.ts';
import { type Figure, figureMarkup } from './figures/figure.ts';
import { operationLatencyFigure, readLatencyFigure } from './figures/latency.ts';
import { peerFigure } from './figures/peers.ts';
import { planFigure } from './figures/plan.ts';
import { promptFigure } from './figures/prompts.ts';
import { sweepFigures } from './figures/sweep.ts';
import { throughputFigures } from './figures/throughput.ts';
import { type Content, html, Markup } from './markup.ts';
import { NONE } from './rate-columns.ts';
import { type RecordedRun, type ShownRun, shownRun } from './run-data.ts';
import { STYLE } from './style.ts';
import {
  columns,
  costTable,
  curveTable,
  errorTable,
  hardwareTable,
  operationTable,
  peerTable,
  phaseTable,
  processTable,
  promptTable,
  table,
} from './tables.ts';
import { dateText, dollarsText, durationText, rateText, threeDigits } from './units.ts';
import { limitText, sentence, workloadText } from './words.ts';

/**
 * One run, or two side by side, as one HTML document: no script, and nothing to be fetched from anywhere, by policy too. Throws INVALID_ARGUMENT for none, and for
 * more than two.
 */
export function reportHtml(runs: readonly RecordedRun[]): string {
  const shown = runs.map((run, index) => shownRun(run, runs.length === 1 ? '' : index === 0 ? 'A' : 'B'));
  const [first] = shown;
  if (first === undefined || shown.length > 2) {
    throw new KvferryError('INVALID_ARGUMENT', `a report shows one run or two, not ${shown.length}`);
  }
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>${titleOf(shown)}</title>
<style>${new Markup(STYLE)}</style>
</head>
<body class="${shown.length === 1 ? 'one' : 'two'}">
${opening(shown, first)}
${figures(shown)}
${comparison(shown)}
${shown.map(details)}
${footer(shown)}
</body>
</html>
`.text;
}

function titleOf(runs: readonly ShownRun[]): string {
  const stores = runs.map(({ summary }) => `${summary.backend} on ${summary.target}`);
  return `${[...new Set(stores)].join(' and ')} – kvferry-bench`;
}

function opening(runs: readonly ShownRun[], first: ShownRun): Markup {
  const heading = runs.length === 1 ? headline(first.summary) : 'Two runs compared';
  return html`<header>
<p class="eyebrow">kvferry-bench · ${runs.length === 1 ? subtitle(first) : 'the same figures of both, A in blue and B in orange'}</p>
${runs.map(trouble)}
${caveats(runs)}
<h1>${heading}</h1>
${runs.map((run) => html`<p class="muted">${marked(run)}${storeText(run)}</p>`)}
</header>
<dl class="tiles">${tiles(runs)}</dl>
${runs.map(answers)}
`;
}

function subtitle({ summary: { backend, target, model, startedAt } }: ShownRun): string {
  return `${backend} on ${target} · ${model} · ${dateText(startedAt)}`;
}

function storeText(run: ShownRun): string {
  const { store, sharesMachine } = run.summary;
  const which = run.letter === '' ? '' : `${run.name}: ${subtitle(run)}. `;
  const shared = sharesMachine ? ' Store and client shared one machine.' : '';
  return `${which}Store: ${sentence(store)}${shared} ${movedText(run.summary)}.`;
}

/** The letter of a run, where there are two. */
function marked({ letter }: ShownRun): Content {
  return letter === '' ? undefined : html`<span class="letter ${letter.toLowerCase()}">${letter}</span> `;
}

function trouble(run: ShownRun): Content {
  const { trouble: what } = answerOf(run.summary);
  if (what === null) return undefined;
  const problems = run.summary.problems.map((problem) => html`<li>${sentence(problem)}</li>`);
  return html`<section class="trouble" role="note"><h2>${marked(run)}${sentence(what)}</h2>${
    problems.length === 0 ? undefined : html`<ul>${problems}</ul>`
  }</section>`;
}

/** The large figures. */
function tiles(runs: readonly ShownRun[]): Markup[] {
  const tile = (name: string, value: (run: ShownRun) => Content, under: (run: ShownRun) => string): Markup => {
    const values = runs.map((run) => html`<dd class="big">${marked(run)}<span>${value(run)}</span></dd>`);
    const texts = runs.map((run) => ({ letter: run.letter, text: under(run) }));
    const areSame = texts.every(({ text }) => text === texts[0]?.text);
    const below = (areSame ? texts.slice(0, 1) : texts).map(
      ({ letter, text }) => html`<dd class="under">${areSame || letter === '' ? '' : `${letter}: `}${text}</dd>`,
    );
    return html`<div><dt>${name}</dt>${values}${below}</div>`;
  };
  return [
    tile(
      'Reading, sustained',
      ({ summary }) => (summary.concurrency === null ? '–' : withUnit(rateText(summary.bytesPerSecond))),
      ({ summary: { concurrency, limitedBy } }) => {
        if (concurrency === null || limitedBy === null) return 'nothing could be read';
        return `${concurrency} at a time; limited by ${limitText(limitedBy)}`;
      },
    ),
    tile(
      'A chunk, p99',
      ({ summary: { chunkMilliseconds } }) =>
        chunkMilliseconds === null ? '–' : withUnit(durationText(chunkMilliseconds.p99)),
      ({ summary: { chunkBytes, model, chunkMilliseconds, concurrency } }) => {
        const median =
          chunkMilliseconds === null ? '' : `median ${durationText(chunkMilliseconds.p50)}, ${concurrency} at a time; `;
        return `${median}${formatBytes(chunkBytes)} of ${model}`;
      },
    ),
    tile(
      'Loading beats recomputing',
      ({ summary: { breakEvenTokens: tokens, concurrency, plan } }) => {
        if (concurrency === null || plan.prefillTokensPerSecond === 0) return '–';
        if (tokens === null) return html`not <small>on this store</small>`;
        return html`<small>from</small> ${formatCount(tokens)} <small>tokens</small>`;
      },
      ({ summary }) => {
        const { concurrency, plan } = summary;
        const { hardware, prefillTokensPerSecond: rate } = plan;
        if (rate === 0) return 'how fast the model is computed is not known';
        const computed = `on ${hardware}, ${formatCount(Math.round(rate))} tokens/s`;
        const isBeaten = concurrency === null || plan.breakEvenTokens !== null;
        return isBeaten ? computed : `${computed}; that takes ${neededText(plan.neededBytesPerSecond)}`;
      },
    ),
    tile(
      'Conformance',
      ({ summary: { conformance } }) => {
        if (conformance === null) return 'not run';
        const { passed, failed } = conformance;
        if (failed > 0) return html`<span class="bad">${formatCount(failed)} failed</span>`;
        return html`<span class="good">${formatCount(passed)} passed</span>`;
      },
      ({ summary: { conformance } }) => {
        if (conformance === null) return 'the suite tells whether the store keeps the contract';
        const { level, passed, failed, skipped } = conformance;
        const others = failed > 0 ? `${formatCount(passed)} passed` : `${failed} failed`;
        return `${others}, ${skipped} skipped; level ${level}`;
      },
    ),
  ];
}

/** Sets the unit of a figure smaller. */
function withUnit(text: string): Markup {
  const [value, unit] = text.split(' ');
  return html`${value} <small>${unit}</small>`;
}

/** The sentences under the figures: why. */
function answers(run: ShownRun): Markup {
  const { summary } = run;
  const { limit, breakEven, conformance } = answerOf(summary);
  const failures = summary.conformance?.failures ?? [];
  const cpu =
    summary.cpuSecondsPerGiB === null
      ? undefined
      : `The client spent ${threeDigits(summary.cpuSecondsPerGiB)} CPU seconds per GiB.`;
  const reason = summary.plan.curve.length === 0 ? undefined : sentence(summary.plan.reason);
  const failed = failures.map(
    ({ id, title, reason: why }) => html`<li><strong>${title}</strong> <code>${id}</code>: ${sentence(why)}</li>`,
  );
  return html`<div class="answers">
<section><h3>${marked(run)}What limited it</h3><p>${limit ?? 'Nothing could be read.'} ${cpu}</p></section>
<section><h3>Loading or recomputing</h3><p>${sentence(breakEven)} ${reason}</p></section>
<section><h3>The contract</h3><p>${sentence(conformance)}</p>${failed.length === 0 ? undefined : html`<ul class="failures">${failed}</ul>`}</section>
</div>
${summary.notes.length === 0 ? undefined : html`<ul class="notes">${summary.notes.map((note) => html`<li>${sentence(note)}</li>`)}</ul>`}
`;
}

/** The figures of two runs, side by side. */
function comparison([before, after]: readonly ShownRun[]): Content {
  if (before === undefined || after === undefined) return undefined;
  const { metrics } = compareSummaries(before.summary, after.summary);
  const workloads = new Map(
    [...before.phases, ...after.phases].map(({ id, workload }) => [id, workloadText(workload)]),
  );
  return html`<h2>Figure by figure</h2>
${table(
  'A before, B after',
  [...columns('', 'figure', 'A', 'B', 'B / A'), { head: 'B is', is: 'text' }],
  metrics.map((compared) => {
    const { phase, metric, ratio, verdict } = compared;
    return [
      phase === null ? 'the whole run' : (workloads.get(phase) ?? phase),
      metric,
      figureText(compared, 'before'),
      figureText(compared, 'after'),
      ratio === null ? NONE : threeDigits(ratio),
      html`<span class="${VERDICT_CLASSES[verdict]}">${verdict}</span>`,
    ];
  }),
)}
<p class="muted">${REPEAT_NOTE}</p>
`;
}

const VERDICT_CLASSES = { better: 'good', worse: 'bad', 'within the spread': 'muted', unknown: 'muted' } as const;

/** In what two runs differ beside their figures. It comes first, since it changes what the figures mean. */
function caveats([before, after]: readonly ShownRun[]): Content {
  if (before === undefined || after === undefined) return undefined;
  const { caveats: sentences } = compareSummaries(before.summary, after.summary);
  if (sentences.length === 0) return undefined;
  return html`<section class="trouble mild" role="note"><h2>${CAVEATS_TITLE}.</h2><ul>${sentences.map((text) => html`<li>${sentence(text)}</li>`)}</ul></section>`;
}

function figures(runs: readonly ShownRun[]): Content {
  const all: Figure[] = [
    ...throughputFigures(runs),
    ...sweepFigures(runs),
    ...[busyFigure, readLatencyFigure, operationLatencyFigure, promptFigure, planFigure, peerFigure].flatMap(
      (make) => make(runs) ?? [],
    ),
  ];
  if (all.length === 0) return undefined;
  return html`<h2>Figures</h2>
<div class="figures">${all.map(figureMarkup)}</div>
`;
}

function details(run: ShownRun): Markup {
  const tables = [
    phaseTable,
    promptTable,
    processTable,
    operationTable,
    errorTable,
    peerTable,
    curveTable,
    hardwareTable,
    costTable,
  ];
  return html`<h2>${marked(run)}In numbers</h2>
<div class="tables">
${tables.map((make) => make(run))}
</div>
${run.summary.peers.length === 0 ? undefined : html`<p class="muted">${PEER_NOTES.join(' ')}</p>`}
${run.summary.plan.curve.length === 0 ? undefined : html`<p class="muted">Rate of computing: ${sentence(run.summary.plan.prefillSource)}</p>`}
`;
}

function footer(runs: readonly ShownRun[]): Markup {
  return html`<footer>
${runs.map(facts)}
<p>GB/s are 10⁹ bytes per second, MiB and GiB are 2²⁰ and 2³⁰ bytes. Bytes are those of values. Percentiles are by nearest rank, over the stretch in which all slots were busy.
To work the figures out again: <code>${commandText(runs)}</code></p>
</footer>
`;
}

function facts(run: ShownRun): Markup {
  const { head, summary } = run;
  const { bounds } = summary;
  const limits = [
    `${formatCount(bounds.seconds)} s`,
    formatBytes(bounds.bytes),
    `${formatCount(bounds.objects)} objects`,
    `${formatCount(bounds.requests)} requests`,
    ...(bounds.dollars === null ? [] : [dollarsText(bounds.dollars)]),
  ];
  const rows: [string, string][] = [
    ['Run', `${run.letter === '' ? '' : `${run.letter}: `}${run.name}, begun ${dateText(summary.startedAt)}`],
    ['Bounds', `at most ${limits.join(', ')}`],
  ];
  if (head !== undefined) {
    const { machine, client, model } = head;
    const setting = [
      client.maxRequestsInFlight === null ? undefined : `at most ${client.maxRequestsInFlight} requests in flight`,
      client.ioThreads === null ? undefined : `${client.ioThreads} I/O threads`,
      client.scheme ?? undefined,
      client.addressing === null ? undefined : `${client.addressing}-style addresses`,
    ].filter((part) => part !== undefined);
    rows.push(
      [
        'Machine',
        `${machine.processor}, ${machine.cores} cores, ${machine.platform}, load ${machine.loadBefore.map((load) => load.toFixed(1)).join(' ')} before`,
      ],
      [
        'Versions',
        [
          `Node ${machine.node}`,
          ...run.peers.flatMap(({ client: name, version }) => (version === null ? [] : [`${name} ${version}`])),
        ].join(', '),
      ],
      ['Store', `${head.store}; ${head.place}; as ${head.identity}`],
      [
        'Model',
        `${model.name} (${model.source}), ${model.dtype}, ${formatCount(model.bytesPerToken)} bytes per token, chunks of ${model.chunkTokens} tokens: ${formatBytes(model.chunkBytes)}`,
      ],
      ['Client', setting.join(', ')],
    );
  }
  return html`<dl>${rows.filter(([, text]) => text !== '').map(([name, text]) => html`<dt>${name}</dt><dd>${text}</dd>\n`)}</dl>`;
}

function commandText(runs: readonly ShownRun[]): string {
  return `kvferry-bench ${runs.length === 1 ? 'analyze' : 'compare'} ${runs.map(({ name }) => quoted(name)).join(' ')}`;
}

/** A word for a shell. */
function quoted(name: string): string {
  return /^[\w./:@%+=-]+$/.test(name) ? name : `'${name.replaceAll("'", `'\\''`)}'`;
}
