import { randomBytes } from 'node:crypto';
import type { Bench, Check } from './check.ts';
import { answered } from './trial.ts';

const ROUNDS = 3;
const WRITERS = 8;
const IF_ABSENT = ['if-none-match', '*'] as const;

/** Whether `If-None-Match: *` keeps what is there: for one writer after another, and for several at once. */
export const createCheck: Check = {
  subjects: ['create.kept', 'create.raced'],
  async run(bench) {
    const kept = await tryTwice(bench);
    bench.note('create.kept', kept.status, kept.seen);
    if (kept.status !== 'yes') {
      bench.note('create.raced', kept.status, 'not tried: one writer after another shows it already');
      return;
    }
    const raced = await tryRaces(bench);
    bench.note('create.raced', raced.status, raced.seen);
    bench.learned.create = raced.status === 'yes';
  },
};

type Outcome = { readonly status: 'yes' | 'no' | 'unknown'; readonly seen: string };

async function tryTwice(bench: Bench): Promise<Outcome> {
  const [first, second] = [randomBytes(64), randomBytes(64)];
  const created = await bench.put('create', first, IF_ABSENT);
  if (created.status !== 200)
    return no(`a PUT with If-None-Match: * of an absent key is answered ${answered(created)}`);
  const repeated = await bench.put('create', second, IF_ABSENT);
  const isKept = await bench.holdsBytes('create', first);
  if (repeated.status === 412 && isKept)
    return yes(`the second PUT is answered ${answered(repeated)}, and the first value kept`);
  if (repeated.status === 412) return no('the second PUT is answered 412, and the first value is gone');
  const kept = isKept ? 'the first value kept' : 'the first value replaced';
  return no(`the second PUT is answered ${answered(repeated)}, not 412, and ${kept}`);
}

async function tryRaces(bench: Bench): Promise<Outcome> {
  const others = new Set<string>();
  for (let round = 1; round <= ROUNDS; round++) {
    const name = `race-${round}`;
    const values = Array.from({ length: WRITERS }, () => randomBytes(64));
    // Once each: a writer that is told to come back has lost, or makes no difference.
    const answers = await Promise.allSettled(
      values.map((value) => bench.trial.sendOnce(bench.way, bench.putRequest(name, value, IF_ABSENT))),
    );
    const winners = values.filter((_, index) => {
      const answer = answers[index];
      return answer?.status === 'fulfilled' && answer.value.status === 200;
    });
    const [winner] = winners;
    if (winner === undefined) return { status: 'unknown', seen: `of ${WRITERS} writers at once none was stored` };
    if (winners.length > 1) return no(`of ${WRITERS} writers at once ${winners.length} are told that theirs is stored`);
    if (!(await bench.holdsBytes(name, winner)))
      return no('of several writers at once, another is stored than is told so');
    for (const answer of answers) {
      if (answer.status === 'rejected') others.add('no answer');
      else if (answer.value.status !== 200) others.add(answered(answer.value));
    }
  }
  return yes(
    `${ROUNDS} times ${WRITERS} writers at once: one is stored each time, the others are answered ${[...others].join(', ')}`,
  );
}

function yes(seen: string): Outcome {
  return { status: 'yes', seen };
}

function no(seen: string): Outcome {
  return { status: 'no', seen };
}
