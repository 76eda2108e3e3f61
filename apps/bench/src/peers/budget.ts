/** How many objects each client reads. */
export interface ObjectBudget {
  /** Once, to prove that it reads them right. These alone are read in its turns. */
  readonly proof: number;
  /** To warm up; 0: not at all. */
  readonly warmUp: number;
  /** In a turn at most. */
  readonly turn: number;
  readonly rounds: number;
}

/**
 * Shares out `maxBytes` between clients: a quarter for the proof at most, the rest evenly between warm-up and rounds, which get fewer where a turn would have
 * less than one object for each request in flight. `undefined` where not even one object could be read in a turn.
 */
export function shareBytes(race: {
  readonly clients: number;
  readonly objects: number;
  readonly objectBytes: number;
  readonly concurrency: number;
  readonly rounds: number;
  readonly maxBytes: number;
}): ObjectBudget | undefined {
  const share = Math.floor(race.maxBytes / race.objectBytes / race.clients);
  const proof = Math.min(race.objects, race.concurrency, Math.max(1, Math.floor(share / 4)));
  const left = share - proof;
  if (left < 1) return undefined;
  const rounds = Math.max(1, Math.min(race.rounds, Math.floor(left / race.concurrency) - 1));
  const even = Math.floor(left / (rounds + 1));
  // Warm or not, a turn in which slots stand idle says less.
  const turn = even >= race.concurrency ? even : Math.min(left, race.concurrency);
  return { proof, warmUp: Math.min(turn, left - rounds * turn), turn, rounds };
}
