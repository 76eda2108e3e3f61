/**
 * What a page looks like, found out inside of a browser. The function is sent there, so it stands alone; and since Node knows no DOM, what it uses of one is written
 * down here.
 */
export function inspectPage(): PageFindings {
  const { document, getComputedStyle } = globalThis as unknown as PageGlobals;
  const root = document.documentElement;

  function luminance(colour: readonly number[]): number {
    const [red = 0, green = 0, blue = 0] = colour.slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.040_45 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }

  /** By WCAG 2. */
  function contrast(one: readonly number[], other: readonly number[]): number {
    const [darker = 0, lighter = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (lighter + 0.05) / (darker + 0.05);
  }

  function colourOf(text: string): number[] {
    return (text.match(/[\d.]+/g) ?? []).map(Number);
  }

  function backgroundOf(element: PageElement | null): number[] {
    for (let at = element; at !== null; at = at.parentElement) {
      const colour = colourOf(getComputedStyle(at).backgroundColor);
      if (colour[3] !== 0) return colour;
    }
    return [255, 255, 255];
  }

  function isShown(element: PageElement): boolean {
    const { width, height } = element.getBoundingClientRect();
    return width > 1 && height > 1;
  }

  const overflowing: string[] = [];
  const pale: string[] = [];
  const covered: string[] = [];

  for (const element of document.querySelectorAll('body *')) {
    const text = [...element.childNodes]
      .filter(({ nodeType }) => nodeType === 3)
      .map(({ textContent }) => textContent)
      .join('')
      .trim();
    if (text === '' || !isShown(element)) continue;
    const isInFigure = element.closest('svg') !== null;
    if (isInFigure && element.tagName.toLowerCase() !== 'text') continue;
    const style = getComputedStyle(element);
    const ratio = contrast(colourOf(isInFigure ? style.fill : style.color), backgroundOf(element));
    if (ratio < 4.5) pale.push(`${ratio.toFixed(2)}: ${text}`);
    const box = element.getBoundingClientRect();
    const around = isInFigure ? element.closest('svg')?.getBoundingClientRect() : undefined;
    const isOutside =
      around !== undefined &&
      (box.left < around.left - 1 ||
        box.right > around.right + 1 ||
        box.top < around.top - 1 ||
        box.bottom > around.bottom + 1);
    if (isOutside || box.left < 0 || box.right > root.clientWidth + 0.5) overflowing.push(text);
    if (!isInFigure && style.display !== 'inline' && element.scrollWidth > element.clientWidth + 1)
      overflowing.push(text);
  }

  const figures = [...document.querySelectorAll('figure')].map((figure) => {
    const drawings = [...figure.querySelectorAll('svg')].filter(isShown);
    for (const drawing of drawings) {
      const texts = [...drawing.querySelectorAll('text')].filter((each) => each.textContent !== '');
      for (const [index, one] of texts.entries()) {
        for (const other of texts.slice(index + 1)) {
          const [a, b] = [one.getBoundingClientRect(), other.getBoundingClientRect()];
          const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
          const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
          // The boxes of two lines of text share a little above and below their letters.
          if (width > 1 && height > 4) covered.push(`${figure.id}: ${one.textContent} and ${other.textContent}`);
        }
      }
    }
    const sizes = drawings.map((drawing) => drawing.getBoundingClientRect());
    return { id: figure.id, sizes: sizes.map(({ width, height }) => ({ width, height })) };
  });

  return { scrollsSideways: root.scrollWidth > root.clientWidth, overflowing, pale, covered, figures };
}

export interface PageFindings {
  readonly scrollsSideways: boolean;
  /** Texts that leave their box, their figure or the page. */
  readonly overflowing: readonly string[];
  /** Texts with a contrast below 4.5, and how much it is. */
  readonly pale: readonly string[];
  /** Labels of a figure that lie upon each other. */
  readonly covered: readonly string[];
  /** Of each figure the drawings that are shown. */
  readonly figures: readonly {
    readonly id: string;
    readonly sizes: readonly { readonly width: number; readonly height: number }[];
  }[];
}

interface PageGlobals {
  readonly document: {
    readonly documentElement: PageElement;
    querySelectorAll(selector: string): Iterable<PageElement>;
  };
  getComputedStyle(element: PageElement): {
    readonly color: string;
    readonly fill: string;
    readonly backgroundColor: string;
    readonly display: string;
  };
}

interface PageElement {
  readonly id: string;
  readonly tagName: string;
  readonly textContent: string;
  readonly parentElement: PageElement | null;
  readonly childNodes: Iterable<{ readonly nodeType: number; readonly textContent: string }>;
  readonly clientWidth: number;
  readonly scrollWidth: number;
  closest(selector: string): PageElement | null;
  querySelectorAll(selector: string): Iterable<PageElement>;
  getBoundingClientRect(): {
    readonly left: number;
    readonly right: number;
    readonly top: number;
    readonly bottom: number;
    readonly width: number;
    readonly height: number;
  };
}
