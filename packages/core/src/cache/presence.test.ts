import { describe, expect, test } from 'vitest';
import { noteVerdict, PresenceMemory, Suspects } from './presence.ts';

function memory(maxKeys = 10): { readonly presence: PresenceMemory; readonly clock: { nowMs: number } } {
  const clock = { nowMs: 0 };
  return { presence: new PresenceMemory({ maxKeys, forMs: 1000 }, () => clock.nowMs), clock };
}

describe('what is remembered of the remote', () => {
  test('is what was seen last', () => {
    const { presence } = memory();
    expect(presence.get('a')).toBeUndefined();
    presence.see('a', 'sure');
    expect(presence.get('a')).toBe('sure');
    presence.see('a', 'absent');
    expect(presence.get('a')).toBe('absent');
    presence.forget('a');
    expect(presence.get('a')).toBeUndefined();
  });

  test('is present by sight or by inference, which fills in for ignorance alone', () => {
    const { presence, clock } = memory();
    presence.infer('a');
    presence.see('b', 'sure');
    presence.see('c', 'absent');
    for (const key of ['b', 'c']) presence.infer(key);
    expect(['a', 'b', 'c', 'd'].map((key) => presence.get(key))).toEqual(['inferred', 'sure', 'absent', undefined]);
    expect(['a', 'b', 'c', 'd'].map((key) => presence.isPresent(key))).toEqual([true, true, false, false]);
    clock.nowMs = 999;
    presence.infer('b');
    clock.nowMs = 1000;
    expect(presence.get('b')).toBeUndefined();
  });

  test('is forgotten after its time, counted from when it was seen last', () => {
    const { presence, clock } = memory();
    presence.see('a', 'absent');
    presence.see('b', 'sure');
    clock.nowMs = 600;
    presence.see('b', 'sure');
    clock.nowMs = 1000;
    expect(presence.get('a')).toBeUndefined();
    expect(presence.get('b')).toBe('sure');
    clock.nowMs = 1600;
    expect(presence.get('b')).toBeUndefined();
    expect(presence.size).toBe(0);
  });

  test('is bounded in number: what was seen longest ago goes first', () => {
    const { presence } = memory(3);
    for (const key of ['a', 'b', 'c', 'a', 'd']) presence.see(key, 'sure');
    expect(['a', 'b', 'c', 'd'].map((key) => presence.isPresent(key))).toEqual([true, false, true, true]);
    expect(presence.size).toBe(3);
  });
});

describe('suspects', () => {
  test('are known until they are cleared, the latest of them', () => {
    const suspects = new Suspects(2);
    for (const key of ['a', 'b', 'a', 'c']) suspects.add(key);
    expect(['a', 'b', 'c'].map((key) => suspects.has(key))).toEqual([true, false, true]);
    suspects.clear('a');
    expect(suspects.has('a')).toBe(false);
  });
});

test.each([
  { status: 'hit', remembered: 'sure', isSuspect: false },
  { status: 'absent', remembered: 'absent', isSuspect: false },
  { status: 'wrong-size', remembered: 'absent', isSuspect: true },
  // Its size is right, so a search will find it again.
  { status: 'corrupt', remembered: 'inferred', isSuspect: true },
  { status: 'failed', remembered: 'inferred', isSuspect: false },
] as const)('of a chunk that is $status is remembered: $remembered', ({ status, remembered, isSuspect }) => {
  const { presence } = memory();
  const suspects = new Suspects(10);
  presence.infer('a');
  noteVerdict(presence, suspects, 'a', status);
  expect([presence.get('a'), suspects.has('a')]).toEqual([remembered, isSuspect]);
});
