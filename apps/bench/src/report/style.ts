/**
 * The look of a report. No file beside it, and no font but the system's. Colours are variables, which the figures use too: a dark scheme changes all of them, and
 * paper gets the light one. Series keep apart for those who see colours differently (blue and orange, light and dark), and each is at least 3:1 against the page.
 */
export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #ffffff; --raised: #f5f6f8; --band: #f1f3f6; --ink: #1b1f24; --muted: #59626d; --line: #dde1e6; --axis: #8a939d;
  --blue: #1466b0; --orange: #b3520a; --green: #14795a; --purple: #85408f; --bar: #8b97a5;
  --bad: #ab1f1f; --bad-paper: #fdf1f0; --good: #14744f;
  --seq-0: #6d9fcf; --seq-1: #4d88c0; --seq-2: #2f70ae; --seq-3: #1a5a96; --seq-4: #0f4377; --seq-5: #062a50;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #15181c; --raised: #1e2228; --band: #1c2026; --ink: #e6e9ed; --muted: #a2abb6; --line: #323941; --axis: #76808c;
    --blue: #6cb2f0; --orange: #f0a35e; --green: #59c9a0; --purple: #d29ada; --bar: #717d8b;
    --bad: #ff948c; --bad-paper: #33201f; --good: #63cf9f;
    --seq-0: #3f6f9e; --seq-1: #5687b8; --seq-2: #6ea0d0; --seq-3: #8cb9e3; --seq-4: #aed0f1; --seq-5: #d5e7fa;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 1040px; padding: 40px 40px 56px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif;
  overflow-wrap: break-word;
}
h1 { text-wrap: balance; font-size: 26px; line-height: 1.25; font-weight: 650; margin: 4px 0 6px; letter-spacing: -0.01em; }
h2 { font-size: 18px; font-weight: 650; margin: 52px 0 12px; padding-top: 14px; border-top: 1px solid var(--line); }
h3 { font-size: 15px; font-weight: 650; margin: 24px 0 6px; }
p { margin: 0 0 8px; max-width: 75ch; }
.muted, .eyebrow { color: var(--muted); }
.eyebrow { font-size: 13px; }
code { font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; overflow-wrap: anywhere; }
.trouble { background: var(--bad-paper); border-left: 4px solid var(--bad); padding: 14px 18px; margin: 18px 0; }
.trouble.mild { background: var(--raised); border-left-color: var(--axis); }
.trouble h2, .trouble.mild h2 { all: unset; font-size: 15px; display: block; font-weight: 650; color: var(--bad); margin-bottom: 4px; }
.trouble.mild h2 { color: var(--ink); }
.trouble ul, .notes { margin: 0; padding-left: 20px; max-width: 75ch; }
.tiles { display: grid; grid-template-columns: repeat(4, 1fr); gap: 0; margin: 26px 0 22px; padding: 0; border-top: 1px solid var(--line); border-bottom: 1px solid var(--line); }
.tiles > div { padding: 16px 16px 14px 0; min-width: 0; }
.tiles > div + div { border-left: 1px solid var(--line); padding-left: 16px; }
.tiles dt { font-size: 13px; color: var(--muted); }
.tiles dd { margin: 0; }
.tiles .big { font-size: 30px; line-height: 1.25; font-weight: 650; letter-spacing: -0.02em; font-variant-numeric: tabular-nums; }
.tiles .big small { font-size: 16px; font-weight: 500; letter-spacing: 0; }
.two .tiles .big { font-size: 24px; display: flex; gap: 8px; align-items: baseline; }
.letter { display: inline-block; min-width: 1.5em; padding: 0 .35em; border-radius: 3px; font-size: 12px; line-height: 1.5; font-weight: 650; text-align: center; color: var(--paper); letter-spacing: 0; }
.letter.a { background: var(--blue); }
.letter.b { background: var(--orange); }
.tiles .under { font-size: 13px; color: var(--muted); }
.answers { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 4px 32px; font-size: 14px; }
.answers h3 { font-size: 13px; margin: 0 0 2px; }
.answers p { margin: 0; }
.answers + .notes { margin-top: 14px; font-size: 14px; color: var(--muted); }
.answers + .answers, .notes + .answers { margin-top: 22px; }
.tables { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 14px 48px; align-items: start; }
.tables > .wide { grid-column: 1 / -1; }
.bad { color: var(--bad); }
.good { color: var(--good); }
.failures { margin: 4px 0 0; padding-left: 20px; }
.figures { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 34px 48px; margin-top: 18px; }
figure { margin: 0; min-width: 0; break-inside: avoid; }
figure.full { grid-column: 1 / -1; }
figcaption { font-size: 13px; line-height: 1.45; color: var(--muted); margin-bottom: 8px; }
figcaption strong { display: block; font-size: 15px; font-weight: 650; color: var(--ink); }
figure svg { display: block; width: 100%; height: auto; max-width: 960px; overflow: visible; --plot-background: var(--paper); }
figure svg text {  white-space: pre; font-variant-numeric: tabular-nums; }
figure svg.narrow { display: none; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 2px 18px; padding: 0; margin: 0 0 6px; font-size: 13px; }
.key { display: inline-block; width: 18px; height: 0; margin-right: 6px; vertical-align: middle; border-top: 2px solid var(--key); }
.key.dashed { border-top-style: dashed; }
.key.dot { width: 9px; height: 9px; border: 0; border-radius: 50%; background: var(--key); }
.key.block { width: 11px; height: 11px; border: 0; background: var(--key); }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; font-variant-numeric: tabular-nums; margin: 6px 0 10px; }
caption { text-align: left; font-weight: 650; font-size: 15px; padding: 10px 0 4px; }
th { font-weight: 500; color: var(--muted); text-align: left; vertical-align: bottom; line-height: 1.3; }
th, td { padding: 6px 12px 6px 0; border-bottom: 1px solid var(--line); }
tbody th { color: var(--ink); }
th.number, td.number { text-align: right; }
td.number { white-space: nowrap; }
th:last-child, td:last-child { padding-right: 0; }
tr { break-inside: avoid; }
footer { margin-top: 52px; padding-top: 18px; border-top: 1px solid var(--line); font-size: 13px; color: var(--muted); }
footer dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 20px; margin: 0 0 14px; }
footer dt { color: var(--muted); }
footer dd { margin: 0; color: var(--ink); min-width: 0; }
@media (max-width: 900px) {
  .tables { grid-template-columns: minmax(0, 1fr); }
  .figures { grid-template-columns: minmax(0, 1fr); }
  .tiles { grid-template-columns: 1fr 1fr; }
  .tiles > div:nth-child(odd) { border-left: 0; padding-left: 0; }
  .tiles > div:nth-child(n + 3) { border-top: 1px solid var(--line); }
}
@media (max-width: 640px) {
  body { padding: 24px 20px 40px; }
  h1 { font-size: 22px; }
  .answers { grid-template-columns: minmax(0, 1fr); gap: 14px; }
  .tiles .big { font-size: 24px; }
  .two .tiles .big { font-size: 18px; }
  figure svg.wide { display: none; }
  figure svg.narrow { display: block; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table, tbody, tr, th, td { display: block; }
  tr { padding: 8px 0; border-bottom: 1px solid var(--line); }
  th, td { border: 0; padding: 1px 0; }
  tbody th { font-weight: 650; }
  td { display: flex; justify-content: space-between; gap: 16px; }
  td::before { content: attr(data-label); color: var(--muted); text-align: left; white-space: normal; }
  td:empty { display: none; }
  th.number, td.number { text-align: right; white-space: normal; }
  footer dl { grid-template-columns: minmax(0, 1fr); gap: 0; }
  footer dd { margin-bottom: 8px; }
}
@page { size: A4; margin: 14mm; }
@media print {
  :root { color-scheme: light; }
  body { padding: 0; font-size: 12px; }
  h2 { margin-top: 28px; break-after: avoid; }
  .figures { gap: 22px 28px; grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .tiles { grid-template-columns: repeat(4, 1fr); }
  .tiles > div:nth-child(n) { border-top: 0; }
  .tiles > div:nth-child(n + 2) { border-left: 1px solid var(--line); padding-left: 12px; }
  .tiles .big { font-size: 20px; }
  figure.half svg.wide { display: none; }
  figure.half svg.narrow { display: block; }
  table { font-size: 11px; }
}
`;
