/** The least length of a window. */
const LEAST_MS = 200;

/**
 * Throughput in consecutive windows, each at least 200 ms long and at least as long as one read takes. The bytes of a read count evenly over the time from its
 * beginning to its end, so that long reads make no steps.
 */
export class ThroughputWindows {
  readonly #fromMs: number;
  readonly #bytesByBin: number[] = [];
  #reads = 0;
  #readMs = 0;
  #lastBin = 0;

  /** Reads begin at `fromMs` at the earliest. */
  constructor(fromMs: number) {
    this.#fromMs = fromMs;
  }

  add(startMs: number, endMs: number, bytes: number): void {
    this.#reads += 1;
    this.#readMs += endMs - startMs;
    const from = (startMs - this.#fromMs) / LEAST_MS;
    const to = (endMs - this.#fromMs) / LEAST_MS;
    const last = Math.floor(to);
    for (let bin = this.#bytesByBin.length; bin <= last; bin += 1) this.#bytesByBin.push(0);
    for (let bin = Math.floor(from); bin <= last; bin += 1) {
      const share = to === from ? 1 : (Math.min(to, bin + 1) - Math.max(from, bin)) / (to - from);
      this.#bytesByBin[bin] = (this.#bytesByBin[bin] as number) + bytes * share;
    }
  }

  /** Whether there may be a window more than when this was asked before. */
  hasNew(nowMs: number): boolean {
    const bin = Math.floor((nowMs - this.#fromMs) / LEAST_MS);
    if (bin === this.#lastBin) return false;
    this.#lastBin = bin;
    return true;
  }

  /** Bytes of each window that ends before `untilMs`, before which no read is under way any more that could add to one. */
  before(untilMs: number): number[] {
    const bins = Math.ceil(Math.max(LEAST_MS, this.#readMs / Math.max(1, this.#reads)) / LEAST_MS);
    const count = Math.floor((untilMs - this.#fromMs) / (bins * LEAST_MS));
    return Array.from({ length: Math.max(0, count) }, (_, window) => {
      let bytes = 0;
      for (let bin = window * bins; bin < (window + 1) * bins; bin += 1) bytes += this.#bytesByBin[bin] ?? 0;
      return bytes;
    });
  }
}
