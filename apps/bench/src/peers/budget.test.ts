import { expect, test } from 'vitest';
import { shareBytes } from './budget.ts';

const race = { clients: 2, objects: 8, objectBytes: 10, concurrency: 4, rounds: 3 };

test.each([
  // Of 100 objects each: 4 for the proof, the rest for a warm-up and three rounds.
  ['plenty', 2 * 100 * 10, { proof: 4, warmUp: 24, turn: 24, rounds: 3 }],
  ['enough for fewer rounds', 2 * 14 * 10, { proof: 3, warmUp: 5, turn: 5, rounds: 1 }],
  ['enough for one turn of all slots', 2 * 5 * 10, { proof: 1, warmUp: 0, turn: 4, rounds: 1 }],
  ['one object to prove and one to read', 2 * 2 * 10, { proof: 1, warmUp: 0, turn: 1, rounds: 1 }],
  ['too little', 2 * 2 * 10 - 1, undefined],
])('%s', (_, maxBytes, expected) => {
  expect(shareBytes({ ...race, maxBytes })).toEqual(expected);
});

test.each([1, 2, 3, 5, 9, 17, 64, 1000])('what is shared out is never more than the bound: %i objects', (objects) => {
  const maxBytes = objects * 10;
  const budget = shareBytes({ ...race, maxBytes });
  const each = budget === undefined ? 0 : budget.proof + budget.warmUp + budget.rounds * budget.turn;
  expect(each * race.clients * race.objectBytes).toBeLessThanOrEqual(maxBytes);
});
