import assert from 'node:assert/strict';
import type { ErrorCode } from '@kvferry/core';
import type { ConformanceCase } from '../case.ts';
import type { Provocation } from '../types.ts';
import { assertAllFail, assertWorksAgain, callsOn, prepare } from './network-support.ts';

/** What a call answers when the store refuses, is overloaded or has no such namespace: its own code, and never a miss. */
export const cases: readonly ConformanceCase[] = [
  answered('NET-MISS-01', 'denied', 'a refusal', ['PERMISSION_DENIED'], ['never']),
  answered('NET-MISS-02', 'missingNamespace', 'a namespace that is not there', ['NAMESPACE_NOT_FOUND'], ['never']),
  // An answer without a body cannot name its reason, as that to a HEAD.
  answered(
    'NET-MISS-03',
    'throttled',
    'a request to slow down',
    ['THROTTLED'],
    ['later', 'exhausted'],
    ['UNAVAILABLE'],
  ),
  answered('NET-MISS-04', 'unavailable', 'a store that cannot serve', ['UNAVAILABLE'], ['later', 'exhausted']),
  // Of a protocol in which nothing can follow a success, what follows is the end of the connection.
  answered(
    'NET-MISS-05',
    'errorAfterSuccess',
    'an error behind a success',
    ['UNAVAILABLE', 'CONNECTION', 'UNKNOWN'],
    ['later', 'exhausted'],
  ),
  {
    id: 'NET-MISS-06',
    title: 'a batch under a refusal has no miss and no hit among its items, and does not reject',
    sentence: "Everything else is an item's `failed`.",
    level: 'network',
    needs: ['denied'],
    since: '1.0.0',
    async run(context) {
      const first = await context.open();
      const held = await prepare(context, first);
      const absent = context.keys(40);
      const all = absent.flatMap((key, index) => (index % 10 === 0 ? [held.present, key] : [key]));
      const backend = await context.provoke('denied');
      const results = [
        ...(await backend.stat(all)),
        ...(await backend.get(all.map((key) => ({ key, into: new Uint8Array(10) })))),
        ...(await backend.put(absent.map((key) => ({ key, parts: [new Uint8Array(10)] })))),
      ];
      const codes = results.map((result) => (result.status === 'failed' ? result.error.code : result.status));
      assert.deepEqual([...new Set(codes)], ['PERMISSION_DENIED'], 'the answers to a batch under a refusal');
    },
  },
];

/** Every operation under one answer, on keys that are there and that are not. */
function answered(
  id: string,
  provocation: Provocation,
  what: string,
  codes: readonly ErrorCode[],
  retries: readonly string[],
  codesOfStat: readonly ErrorCode[] = [],
): ConformanceCase {
  return {
    id,
    title: `${what} is ${codes[0]} for every operation, never a miss and never a success`,
    sentence:
      'A refusal is PERMISSION_DENIED, a namespace that is not there NAMESPACE_NOT_FOUND, a request to slow down THROTTLED, a store that cannot serve UNAVAILABLE, as far as the answer tells them apart (that to a HEAD of HTTP may not).',
    level: 'network',
    needs: [provocation],
    since: '1.0.0',
    async run(context) {
      const first = await context.open();
      const keys = await prepare(context, first);
      const backend = await context.provoke(provocation);
      const calls = callsOn(keys, context.capabilities);
      const errors = await assertAllFail(backend, calls, [...codes, ...codesOfStat], what);
      for (const error of errors) {
        const named = codes.includes(error.code) || error.operation === 'stat';
        assert.ok(named, `${what}: ${error.message}, where ${codes[0]} was due`);
        assert.ok(retries.includes(error.retry), `${what}: ${error.message}: retry is ${error.retry}`);
      }
      context.heal();
      // One that was provoked may stay so. What was deleted behind an error is gone.
      if (provocation !== 'errorAfterSuccess') await assertWorksAgain(context, await context.open(), keys);
    },
  };
}
