/** So many in a row are no accident. */
const IN_A_ROW = 3;
/** Of all that was tried; and no fewer than those in a row. */
const SHARE = 0.01;

/**
 * Says when a phase that reads has failed. One read that failed after the backend's own attempts is in its row, and does not end the phase; the third in a row
 * does, and so does the third at all as long as failures are more than 1 % of what was tried. A phase in which nothing came has failed too, however little was tried.
 */
export class FailureRule {
  #tried = 0;
  #failures = 0;
  #inARow = 0;

  get nothingCame(): boolean {
    return this.#failures > 0 && this.#failures === this.#tried;
  }

  succeeded(): void {
    this.#tried += 1;
    this.#inARow = 0;
  }

  /** Whether this failure is one too many. */
  failed(): boolean {
    this.#tried += 1;
    this.#failures += 1;
    this.#inARow += 1;
    return this.#inARow >= IN_A_ROW || (this.#failures >= IN_A_ROW && this.#failures > this.#tried * SHARE);
  }
}
