import { describe, expect, test } from 'vitest';
import { KvferryError } from '../errors.ts';
import { afterAsking, beforeAsking } from './store-decisions.ts';

const usual = { isFull: true, hasRemote: true, stores: true, isSuspect: false, remembered: undefined } as const;
const skip = (reason: string) => ({ do: 'skip', reason });

describe('what is done for a chunk that is to be stored', () => {
  test.each([
    { title: 'asks for what it does not know', facts: usual, step: { do: 'ask' } },
    { title: 'asks for what is only inferred', facts: { ...usual, remembered: 'inferred' }, step: { do: 'ask' } },
    { title: 'asks for what was absent', facts: { ...usual, remembered: 'absent' }, step: { do: 'ask' } },
    { title: 'skips what was seen', facts: { ...usual, remembered: 'sure' }, step: skip('present') },
    {
      title: 'replaces a suspect',
      facts: { ...usual, remembered: 'sure', isSuspect: true },
      step: { do: 'put', mode: 'replace' },
    },
    { title: 'never sends a short one', facts: { ...usual, isFull: false }, step: skip('short') },
    {
      title: 'leaves it to another rank',
      facts: { ...usual, stores: false, isSuspect: true },
      step: skip('other-rank'),
    },
    { title: 'has nowhere to send it', facts: { ...usual, hasRemote: false, isFull: false }, step: skip('no-remote') },
  ] as const)('$title', ({ facts, step }) => {
    expect(beforeAsking(facts)).toEqual(step);
  });

  test('when the remote has answered', () => {
    expect(afterAsking({ status: 'hit', byteLength: 8 }, true)).toEqual(skip('present'));
    const absent = { status: 'absent', end: { status: 'miss' } } as const;
    expect(afterAsking(absent, true)).toEqual({ do: 'put', mode: 'create' });
    expect(afterAsking(absent, false)).toEqual({ do: 'put', mode: 'replace' });
    const short = { status: 'wrong-size', byteLength: 3, end: { status: 'miss' } } as const;
    expect(afterAsking(short, true)).toEqual({ do: 'put', mode: 'replace' });
    const failed = { status: 'failed', error: new KvferryError('TIMEOUT', 'late') } as const;
    expect(afterAsking({ status: 'failed', end: failed }, true)).toEqual({ do: 'fail', result: failed });
  });
});
