/**
 * More than this between the store's clock and ours explains a refused signature: S3 takes 15 minutes, some stores 5.
 */
const SKEW_MS = 4 * 60_000;

/** The time by which requests are signed: the machine's clock, corrected by the store's where the two are far apart. */
export class ServerClock {
  #offsetMs = 0;

  /** Added to the machine's clock, in milliseconds. 0 until a skew was seen. */
  get offsetMs(): number {
    return this.#offsetMs;
  }

  now(): number {
    return Date.now() + this.#offsetMs;
  }

  /**
   * Takes over the store's clock, read from a `Date` header (or S3's `ServerTime`), where it is over 4 minutes from
   * `signedAtMs`, the time in the refused signature. Says whether signing again is worth a try. It compares with the
   * time of signing, not with now: of many requests that were refused together, each is worth one.
   */
  correct(serverDate: string | undefined, signedAtMs: number): boolean {
    const serverMs = serverDate === undefined ? Number.NaN : Date.parse(serverDate);
    if (Number.isNaN(serverMs) || Math.abs(serverMs - signedAtMs) <= SKEW_MS) return false;
    if (Math.abs(serverMs - this.now()) > SKEW_MS) {
      this.#offsetMs = serverMs - Date.now();
      warnOnce(this.#offsetMs);
    }
    return true;
  }
}

let warned = false;

/** One warning per process: the clock is the machine's, whatever the backend. */
function warnOnce(offsetMs: number): void {
  if (warned) return;
  warned = true;
  const minutes = Math.round(Math.abs(offsetMs) / 60_000);
  process.emitWarning(
    `this machine's clock is ${minutes} min ${offsetMs > 0 ? 'behind' : 'ahead of'} the store's; requests are signed by the store's clock from now on. Set the machine's clock (NTP)`,
    { type: 'KvferryWarning', code: 'KVFERRY_CLOCK_SKEW' },
  );
}
