import type { ResponseHeaders } from './types.ts';

/**
 * The header lines of one response, looked through when somebody asks: of a dozen that S3 sends three or four are looked at, and a `Map` of
 * all of them cost more than the rest of the head's parsing.
 */
export class HeaderLines implements ResponseHeaders {
  readonly #text: string;
  /** The same in lower case, of the same length: latin1 keeps it. */
  readonly #lowered: string;
  /** Where each line begins in the text, and where the one after the last would. */
  readonly #starts: readonly number[];

  /** Lines that have been judged: a name, its colon, a value, CR LF. */
  constructor(text: string, lowered: string, starts: readonly number[]) {
    this.#text = text;
    this.#lowered = lowered;
    this.#starts = starts;
  }

  get(name: string): string | undefined {
    let value: string | undefined;
    for (let line = 0; line + 1 < this.#starts.length; line++) {
      const start = this.#starts[line] as number;
      const nameEnd = start + name.length;
      if (this.#lowered.charCodeAt(nameEnd) !== colon || !this.#lowered.startsWith(name, start)) continue;
      const another = this.#valueOf(line, nameEnd + 1);
      value = value === undefined ? another : `${value}, ${another}`;
    }
    return value;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  [Symbol.iterator](): IterableIterator<[name: string, value: string]> {
    const values = new Map<string, string>();
    for (let line = 0; line + 1 < this.#starts.length; line++) {
      const start = this.#starts[line] as number;
      const nameEnd = this.#lowered.indexOf(':', start);
      const name = this.#lowered.slice(start, nameEnd);
      const value = this.#valueOf(line, nameEnd + 1);
      const earlier = values.get(name);
      values.set(name, earlier === undefined ? value : `${earlier}, ${value}`);
    }
    return values.entries();
  }

  /** What stands in a line behind its colon, without the blanks around it. */
  #valueOf(line: number, behindColon: number): string {
    let start = behindColon;
    let end = (this.#starts[line + 1] as number) - 2;
    while (start < end && isBlank(this.#text.charCodeAt(start))) start++;
    while (end > start && isBlank(this.#text.charCodeAt(end - 1))) end--;
    return this.#text.slice(start, end);
  }
}

const colon = 0x3a;

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
