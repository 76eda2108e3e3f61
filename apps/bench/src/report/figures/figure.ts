import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { html, Markup } from '../markup.ts';

/** A figure of the report. */
export interface Figure {
  /** Letters, digits and dashes. */
  readonly id: string;
  readonly title: string;
  /** What is seen, in a sentence, for those who do not see it too. */
  readonly description: string;
  readonly size: 'half' | 'full';
  /** What the marks mean, where they do not say it themselves. */
  readonly legend: readonly LegendEntry[];
  draw(width: number): Plot.PlotOptions;
}

export interface LegendEntry {
  readonly text: string;
  readonly colour: string;
  readonly shape: 'line' | 'dashed' | 'dot' | 'block';
}

const WIDTHS = { half: 456, full: 960, narrow: 340 } as const;

/** A figure as markup: a drawing for wide pages and one for narrow ones, of which the page shows one. */
export function figureMarkup(figure: Figure): Markup {
  const { id, title, description, size, legend } = figure;
  const shown = legend.map(
    ({ text, colour, shape }) => html`<li><span class="key ${shape}" style="--key:${colour}"></span>${text}</li>`,
  );
  return html`<figure class="${size}" id="${id}">
<figcaption><strong>${title}</strong> ${description}</figcaption>
${shown.length === 0 ? undefined : html`<ul class="legend">${shown}</ul>`}
${drawing(figure, 'wide', WIDTHS[size])}
${drawing(figure, 'narrow', WIDTHS.narrow)}
</figure>
`;
}

function drawing(figure: Figure, kind: 'wide' | 'narrow', width: number): Markup {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const svg = Plot.plot({
    document: document as unknown as NonNullable<Plot.PlotOptions['document']>,
    width,
    style: { fontFamily: 'inherit', fontSize: '12px' },
    ...figure.draw(width),
  }) as unknown as Element;
  svg.querySelector('style')?.remove();
  shortenNumbers(svg);
  const id = `${figure.id}-${kind}`;
  for (const [name, text] of [
    ['desc', figure.description],
    ['title', figure.title],
  ] as const) {
    const child = document.createElementNS('http://www.w3.org/2000/svg', name);
    child.setAttribute('id', `${id}-${name}`);
    child.textContent = text;
    svg.insertBefore(child as unknown as Element, svg.firstChild);
  }
  svg.setAttribute('class', kind);
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-labelledby', `${id}-title ${id}-desc`);
  return new Markup(svg.outerHTML);
}

/** What linkedom gives, as far as it is needed here; there is no DOM among the types of Node. */
interface Element {
  readonly outerHTML: string;
  readonly firstChild: Element | null;
  readonly attributes: Iterable<{ readonly name: string; value: string }>;
  querySelector(selector: string): (Element & { remove(): void }) | null;
  querySelectorAll(selector: string): Iterable<Element>;
  setAttribute(name: string, value: string): void;
  insertBefore(child: Element, before: Element | null): void;
}

const GEOMETRY = /^(?:d|transform|points|x|y|x1|x2|y1|y2|cx|cy|r|width|height)$/;

/** A hundredth of a pixel is exact enough; sixteen digits would be half of the file. */
function shortenNumbers(svg: Element): void {
  for (const element of svg.querySelectorAll('*')) {
    for (const attribute of element.attributes) {
      if (!GEOMETRY.test(attribute.name)) continue;
      attribute.value = attribute.value.replace(/-?\d+\.\d{3,}(?:e-?\d+)?/g, (number) =>
        String(Number(Number(number).toFixed(2))),
      );
    }
  }
}
