/**
 * Keys kept at most. Each is a value that was read wrong and not yet replaced; past this, the oldest is forgotten and
 * `create` keeps it.
 */
const MAX_SUSPECTS = 10_000;

/**
 * Keys whose value was read wrong. A create-only put would keep a bad object alive for ever, since its key is taken; so
 * the next put of such a key replaces it.
 */
export class Suspects {
  readonly #keys = new Set<string>();

  add(key: string): void {
    this.#keys.add(key);
    if (this.#keys.size <= MAX_SUSPECTS) return;
    const [oldest] = this.#keys;
    if (oldest !== undefined) this.#keys.delete(oldest);
  }

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  delete(key: string): void {
    this.#keys.delete(key);
  }
}
