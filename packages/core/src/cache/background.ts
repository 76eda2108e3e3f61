/** Work that runs on after whoever began it has had an answer. Whoever closes waits until it is quiet. */
export class Background {
  readonly #running = new Set<Promise<unknown>>();

  /** Takes in a promise, whose rejection is then no unhandled one. Gives it back. */
  add<Work extends Promise<unknown>>(work: Work): Work {
    this.#running.add(work);
    const end = (): void => void this.#running.delete(work);
    work.then(end, end);
    return work;
  }

  async quiet(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled([...this.#running]);
  }
}
