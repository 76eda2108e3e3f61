import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { busyWindow, bytesWithin, type Flow, throughputOf, type Window } from './window.ts';

const spans = (...pairs: readonly (readonly [number, number])[]): Window[] =>
  pairs.map(([startMs, endMs]) => ({ startMs, endMs }));

describe('busyWindow', () => {
  it.each([
    ['of one slot, reaches from its first request to its last', 1, spans([10, 20], [20, 35]), [10, 35]],
    ['begins with the last slot to start, and ends with the first that stops', 2, spans([0, 40], [5, 30]), [5, 30]],
    ['bridges what happens while a slot is between two requests', 2, spans([0, 10], [12, 50], [1, 40]), [1, 40]],
    ['takes it that a slot begins where it ended', 2, spans([0, 10], [10, 20], [0, 15], [15, 30]), [0, 20]],
    ['does not mind requests that take no time', 1, spans([5, 5], [6, 9]), [6, 9]],
    ['does not mind more requests than slots', 2, spans([0, 10], [1, 10], [2, 10]), [1, 10]],
  ] as const)('%s', (_, concurrency, requests, [startMs, endMs]) => {
    expect(busyWindow(requests, concurrency)).toEqual({ startMs, endMs });
  });

  it('is none where the loop was never as wide as that', () => {
    expect(busyWindow(spans([0, 10], [10, 20]), 2)).toBeUndefined();
    expect(busyWindow([], 1)).toBeUndefined();
  });

  it('is what counting at every moment gives', () => {
    const span = fc
      .tuple(fc.nat(30), fc.nat(10))
      .map(([startMs, lengthMs]) => ({ startMs, endMs: startMs + lengthMs }));
    fc.assert(
      fc.property(fc.array(span, { maxLength: 20 }), fc.integer({ min: 1, max: 4 }), (requests, concurrency) => {
        const full = Array.from({ length: 41 }, (_, moment) => moment + 0.5).filter(
          (moment) => requests.filter(({ startMs, endMs }) => startMs < moment && moment < endMs).length >= concurrency,
        );
        const [first] = full;
        const last = full.at(-1);
        const expected =
          first === undefined || last === undefined ? undefined : { startMs: first - 0.5, endMs: last + 0.5 };
        expect(busyWindow(requests, concurrency)).toEqual(expected);
      }),
    );
  });
});

describe('bytesWithin', () => {
  const flow: Flow = { startMs: 100, endMs: 200, bytes: 1000 };

  it.each([
    ['all of it', { startMs: 0, endMs: 300 }, 1000],
    ['its head', { startMs: 0, endMs: 125 }, 250],
    ['its tail', { startMs: 190, endMs: 300 }, 100],
    ['its middle', { startMs: 140, endMs: 160 }, 200],
    ['nothing of it', { startMs: 200, endMs: 300 }, 0],
  ])('counts %s', (_, window, bytes) => {
    expect(bytesWithin(flow, window)).toBeCloseTo(bytes);
  });

  it('counts what took no time in its moment', () => {
    const moment = { startMs: 100, endMs: 100, bytes: 7 };
    expect(bytesWithin(moment, { startMs: 0, endMs: 100 })).toBe(7);
    expect(bytesWithin(moment, { startMs: 101, endMs: 200 })).toBe(0);
  });
});

describe('throughputOf', () => {
  it('tells the seconds apart, and drops the last where it is not whole', () => {
    const flows = [
      { startMs: 0, endMs: 1000, bytes: 10 },
      { startMs: 1000, endMs: 3000, bytes: 60 },
      { startMs: 3000, endMs: 3900, bytes: 9000 },
    ];
    expect(throughputOf(flows, { startMs: 0, endMs: 3900 })).toEqual({ fastest: 30, median: 30, slowest: 10 });
  });

  it('scales a window that is shorter than a second', () => {
    const flows = [{ startMs: 0, endMs: 500, bytes: 100 }];
    expect(throughputOf(flows, { startMs: 100, endMs: 350 })).toEqual({ fastest: 200, median: 200, slowest: 200 });
  });

  it('counts only what falls into the window', () => {
    const flows = [{ startMs: -1000, endMs: 3000, bytes: 400 }];
    expect(throughputOf(flows, { startMs: 0, endMs: 2000 })).toEqual({ fastest: 100, median: 100, slowest: 100 });
  });

  it('is none where nothing moved, and none of a window without length', () => {
    expect(throughputOf([], { startMs: 0, endMs: 2000 })).toBeNull();
    expect(throughputOf([{ startMs: 0, endMs: 9, bytes: 1 }], { startMs: 5, endMs: 5 })).toBeNull();
  });
});
