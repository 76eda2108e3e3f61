import { parseHTML } from 'linkedom';
import { describe, expect, test } from 'vitest';
import { summarize } from '../analysis/summarize.ts';
import { exampleRecords, failedRecords } from '../results/example-run.ts';
import type { RequestRow, RunRecord } from '../results/records.ts';
import { reportHtml } from './report-html.ts';
import { exampleRun, failedRun, recorded, slowerRun } from './testing/example-reports.ts';

const HOSTILE = `</title></style></svg><script>alert(1)</script><img src="https://example.com/x" onerror='alert(2)'>&amp;"'`;

function parsed(text: string): Element {
  return parseHTML(text).document as unknown as Element;
}

/** What linkedom gives, as far as it is needed here; there is no DOM among the types of Node. */
interface Element {
  readonly id: string;
  readonly textContent: string;
  readonly outerHTML: string;
  readonly parentElement: { readonly tagName: string } | null;
  getAttribute(name: string): string | null;
  querySelector(selector: string): Element | null;
  querySelectorAll(selector: string): Iterable<Element>;
}

function textsOf(document: Element, selector: string): string[] {
  return [...document.querySelectorAll(selector)].map(({ textContent }) => textContent.replace(/\s+/g, ' ').trim());
}

describe('one run', () => {
  const text = reportHtml([exampleRun()]);
  const document = parsed(text);

  test('opens with the answer, the limit, the break-even and the conformance with its failures', () => {
    expect(textsOf(document, 'h1')).toEqual([
      expect.stringMatching(/^[\d.]+ GB\/s sustained, p99 \d+ ms per chunk of 32 MiB, 16 at a time$/),
    ]);
    expect(textsOf(document, '.tiles dt')).toEqual([
      'Reading, sustained',
      'A chunk, p99',
      'Loading beats recomputing',
      'Conformance',
    ]);
    const [limit, plan, contract] = textsOf(document, '.answers section');
    expect(limit).toContain('Limited by the store.');
    expect(plan).toMatch(/Loading beats recomputing from [\d,]+ tokens on/);
    expect(contract).toContain('141 passed, 1 failed, 3 skipped');
    expect(contract).toContain('list.modified');
    expect(document.querySelector('.trouble')).toBeNull();
  });

  test('has all figures, each drawn wide and narrow with a title and a description', () => {
    const figures = [...document.querySelectorAll('figure')];
    expect(figures.map(({ id }) => id)).toEqual([
      'throughput',
      'sweep-throughput',
      'sweep-latency',
      'busy',
      'read-latency',
      'operation-latency',
      'prompts',
      'plan',
      'peers',
    ]);
    for (const figure of figures) {
      const drawings = [...figure.querySelectorAll('svg')];
      expect(drawings.map((svg) => svg.getAttribute('class'))).toEqual(['wide', 'narrow']);
      for (const svg of drawings) {
        const named = svg.getAttribute('aria-labelledby')?.split(' ') ?? [];
        expect(named.map((id) => document.querySelector(`#${id}`)?.textContent)).toEqual([
          expect.stringMatching(/./),
          expect.stringMatching(/./),
        ]);
      }
    }
  });

  test('is whole: the footer closes the body, and the tables stand under their heads', () => {
    expect(document.querySelector('footer')?.parentElement?.tagName).toBe('BODY');
    expect(text.trimEnd().endsWith('</html>')).toBe(true);
    for (const table of document.querySelectorAll('table')) {
      const heads = [...table.querySelectorAll('thead th')].length;
      for (const row of table.querySelectorAll('tbody tr')) {
        expect([...row.querySelectorAll('th, td')]).toHaveLength(heads);
      }
    }
  });

  test('names nothing that a browser would fetch or run', () => {
    expect(document.querySelector('script, img, iframe, object, embed, video, audio, base')).toBeNull();
    const policy = document.querySelector('meta[http-equiv="Content-Security-Policy"]')?.getAttribute('content');
    expect(policy).toBe("default-src 'none'; style-src 'unsafe-inline'; img-src data:");
    expect([...document.querySelectorAll('link')].map((link) => link.getAttribute('href'))).toEqual(['data:,']);
    const style = document.querySelector('style')?.textContent ?? '';
    expect(style).not.toMatch(/url\(|@import|@font-face/);
  });

  test('ends with machine, date, versions, bounds and how to work it out again', () => {
    const footer = document.querySelector('footer')?.textContent ?? '';
    for (const told of [
      'Example processor, 4 cores',
      '29 July 2026',
      'Node v24.21.0',
      'undici 8.13.1',
      'at most 110 s',
    ]) {
      expect(footer).toContain(told);
    }
    expect(footer).toContain('kvferry-bench analyze results/example');
  });
});

test('where loading never wins, it is not on this store, beside what it would take', () => {
  const records = exampleRecords();
  const summary = summarize(records, { hardware: 'my-own', prefillTokensPerSecond: 64_476 });
  const document = parsed(reportHtml([{ name: 'never', records, summary }]));
  const tile = textsOf(document, '.tiles div').find((text) => text.startsWith('Loading beats recomputing'));
  expect(tile).toMatch(/not on this store ?on my-own, 64,476 tokens\/s; that takes more than 8\.5\d GB\/s$/);
  // With attention, it wins for long prompts on the hardware of the table.
  const hardware = textsOf(document, 'tbody tr').find((text) => text.startsWith('b200'));
  expect(hardware).toMatch(/[\d,]+ tokens$/);
});

test('where no rate of computing is known, nothing is said to be never', () => {
  const records = exampleRecords();
  const summary = summarize(records, { hardware: 'abacus' });
  const document = parsed(reportHtml([{ name: 'unknown', records, summary }]));
  const tile = textsOf(document, '.tiles div').find((text) => text.startsWith('Loading beats recomputing'));
  expect(tile).toMatch(/–\s*how fast the model is computed is not known$/);
});

test('of a run that failed, what went wrong comes first', () => {
  const document = parsed(reportHtml([failedRun()]));
  const [first] = document.querySelectorAll('section, h1');
  expect(first?.getAttribute('class')).toBe('trouble');
  expect(first?.textContent).toContain('The store failed while chunks were read 16 at a time');
  expect(textsOf(document, '#throughput svg.wide')[0]).toContain('failed: CONNECTION');
});

test('of two runs, every figure shows both, and what sets them apart comes first', () => {
  const document = parsed(reportHtml([exampleRun(), slowerRun()]));
  expect(document.querySelector('section')?.textContent).toContain('Not the same target: embedded before, minio after');
  const figures = [...document.querySelectorAll('figure')];
  expect(figures.slice(0, 2).map(({ id }) => id)).toEqual(['throughputa', 'throughputb']);
  for (const { outerHTML } of figures.slice(2)) {
    expect(outerHTML).toContain('var(--blue)');
    expect(outerHTML).toContain('var(--orange)');
  }
  const rows = textsOf(document, 'table:first-of-type tbody tr');
  expect(rows).toContainEqual(expect.stringMatching(/^the whole run ?chunk p99.*1\.50 ?worse$/));
  expect(document.querySelector('footer')?.textContent).toContain(
    'kvferry-bench compare results/example results/slower',
  );
});

test('no text of a run becomes markup', () => {
  const records = exampleRecords().map((record): RunRecord => {
    switch (record.kind) {
      case 'run': {
        const model = { ...record.model, name: HOSTILE, source: HOSTILE, dtype: HOSTILE };
        const machine = { ...record.machine, processor: HOSTILE, node: HOSTILE, platform: HOSTILE };
        const notes = [HOSTILE];
        const [store, place, identity, target, backend] = [HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE];
        return { ...record, model, machine, notes, store, place, identity, target, backend };
      }
      case 'peer':
        return record.status === 'measured'
          ? { ...record, client: `${record.client}${HOSTILE}`, version: HOSTILE }
          : { ...record, reason: HOSTILE };
      case 'request':
        return record.status === 'failed' ? { ...record, error: HOSTILE } : record;
      case 'phase':
        return record.id === 'sweep-32'
          ? { ...record, endedBy: 'failed', error: { code: 'CONNECTION', message: HOSTILE } }
          : record;
      case 'conformance':
        return { ...record, level: HOSTILE, failures: [{ id: HOSTILE, title: HOSTILE, reason: HOSTILE }] };
      case 'end':
        return { ...record, status: 'failed', error: HOSTILE };
      default:
        return record;
    }
  });
  const text = reportHtml([recorded(HOSTILE, records)]);
  const document = parsed(text);
  expect(document.querySelector('script, img')).toBeNull();
  // Neither in an attribute: no quote and no angle bracket of the text is left as it was.
  expect(text).not.toContain('<img');
  expect(text).not.toContain('<script');
  expect(text).not.toContain("onerror='");
  expect(document.querySelector('.trouble')?.textContent).toContain(HOSTILE);
  expect(document.querySelector('title')?.textContent).toContain('alert(1)');
});

test('a run of many requests is no larger file than one of few', () => {
  const records = exampleRecords();
  const at = records.findIndex((record) => record.kind === 'phase' && record.id === 'sweep-32');
  const rows = records.filter(
    (record): record is RequestRow => record.kind === 'request' && record.phase === 'sweep-32',
  );
  const many = Array.from({ length: 20_000 }, (_, index): RequestRow => {
    const row = rows[index % rows.length] as RequestRow;
    const shift = (index % 97) / 10;
    return { ...row, endMs: row.endMs + shift, bytes: 1000 };
  });
  const text = reportHtml([recorded('many', [...records.slice(0, at), ...many, ...records.slice(at)])]);
  expect(text.length).toBeLessThan(200_000);
});

test.each([0, 1, 80, 900])('a run that was cut off after %i records is shown as such', (length) => {
  const document = parsed(reportHtml([recorded('cut', failedRecords().slice(0, length))]));
  expect(document.querySelector('.trouble')?.textContent).toContain('cut off');
  expect(document.querySelector('footer')).not.toBeNull();
});

test.each([0, 3])('%i runs are an error', (count) => {
  const runs = Array.from({ length: count }, failedRun);
  expect(() => reportHtml(runs)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
});
