import { Presets, SingleBar } from 'cli-progress';

/** A bar on standard error, for a terminal only, and only for what takes longer than a second. */
export class Progress {
  readonly #counts: string;
  #phase = '';
  #startedMs = 0;
  #bar: SingleBar | undefined;

  /** `counts`: what stands behind the bar, such as `{value}/{total} chunks, {eta_formatted} left`, or values of the caller's own. */
  constructor(counts: string) {
    this.#counts = counts;
  }

  update(phase: string, done: number, total: number, values: Readonly<Record<string, string>> = {}): void {
    if (!process.stderr.isTTY) return;
    if (phase !== this.#phase) {
      this.stop();
      this.#phase = phase;
      this.#startedMs = performance.now();
    }
    if (this.#bar === undefined && done < total && performance.now() - this.#startedMs > 1000) {
      const format = `  {phase} {bar} ${this.#counts}`;
      this.#bar = new SingleBar({ format, clearOnComplete: true, hideCursor: true }, Presets.shades_classic);
      this.#bar.start(total, done, { phase, ...values });
    }
    this.#bar?.update(done, values);
  }

  /** Prints something while the bar is out of the way; the next `update` brings it back. */
  aside(print: () => void): void {
    this.stop();
    print();
  }

  stop(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }
}
