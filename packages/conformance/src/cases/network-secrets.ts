import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import type { RemoteBackend } from '@kvferry/core';
import type { ConformanceCase } from '../case.ts';
import type { WireFault } from '../proxy/types.ts';
import type { Provocation } from '../types.ts';
import { allAtOnce, callsOn, prepare } from './network-support.ts';
import { seen } from './support.ts';

const NO_SECRET = '`message` names operation and key in front of `reason`; neither ever holds a secret.';

/** What errors tell of secrets: nothing, in no part of them. */
export const cases: readonly ConformanceCase[] = [
  ...(['denied', 'missingNamespace', 'throttled', 'unavailable', 'errorAfterSuccess'] as const).map(underAnswer),
  {
    id: 'NET-SECRET-06',
    title: 'no error of the network, and nothing of its causes, holds a secret',
    sentence: NO_SECRET,
    level: 'network',
    needs: ['bytes'],
    since: '1.0.0',
    async run(context) {
      const { proxy, open, capabilities, secrets } = context;
      const backend = await open();
      const calls = callsOn(await prepare(context, backend), capabilities);
      const faults: readonly WireFault[] = [
        { kind: 'refuse' },
        { kind: 'reset', direction: 'down', afterBytes: 0 },
        { kind: 'reset', direction: 'up', afterBytes: 20 },
        { kind: 'truncate', direction: 'down', afterBytes: 20 },
        // Neither end understands the other any more.
        { kind: 'flip', direction: 'down', atByte: 0 },
        { kind: 'flip', direction: 'up', atByte: 0 },
      ];
      for (const fault of faults) {
        proxy.inject(fault);
        await assertDiscreet(backend, calls, secrets, fault.kind);
        proxy.clear();
      }
    },
  },
  {
    id: 'NET-SECRET-07',
    title: 'what a backend says of itself holds no secret, open or not',
    sentence:
      'Further facts worth showing to a person, such as endpoint and checksum in use; some are known only once it is open. No secret.',
    level: 'network',
    needs: ['bytes'],
    since: '1.0.0',
    async run({ create, secrets }) {
      const backend = create();
      for (const when of ['before open', 'when open']) {
        assertNoSecret(JSON.stringify(backend.info), secrets, `info ${when}`);
        await backend.open();
      }
    },
  },
];

function underAnswer(provocation: Provocation, index: number): ConformanceCase {
  return {
    id: `NET-SECRET-0${index + 1}`,
    title: `no error, and nothing of its causes, holds a secret: ${provocation}`,
    sentence: NO_SECRET,
    level: 'network',
    needs: [provocation],
    since: '1.0.0',
    async run(context) {
      const calls = callsOn(await prepare(context, await context.open()), context.capabilities);
      const backend = await context.provoke(provocation);
      await assertDiscreet(backend, calls, context.secrets, provocation);
    },
  };
}

/** Makes the calls, and looks through everything that their errors carry. At least one must fail. */
async function assertDiscreet(
  backend: RemoteBackend,
  calls: ReturnType<typeof callsOn>,
  secrets: readonly string[],
  when: string,
): Promise<void> {
  const outcomes = await allAtOnce(backend, calls);
  let failures = 0;
  for (const { call, outcome } of outcomes) {
    if (outcome.status !== 'failed') continue;
    failures += 1;
    const { error } = outcome;
    const what = `${when}: the error of ${call.name}`;
    assertNoSecret(`${error.message}\n${error.reason}\n${error.stack}`, secrets, `${what}, its message and stack,`);
    assertNoSecret(JSON.stringify(error), secrets, `${what}, as JSON,`);
    // The chain of causes with all their properties, the hidden ones too.
    assertNoSecret(
      inspect(error, { depth: 20, showHidden: true, maxStringLength: null }),
      secrets,
      `${what}, printed,`,
    );
    assertNoSecret(causesOf(error), secrets, `${what}, its causes,`);
  }
  assert.ok(failures > 0, `${when}: no call failed: ${seen(outcomes.map(({ outcome }) => outcome.status))}`);
}

function causesOf(error: unknown): string {
  const texts: string[] = [];
  for (let cause = error; cause instanceof Error && texts.length < 20; cause = cause.cause) {
    texts.push(String(cause.stack), JSON.stringify(cause));
  }
  return texts.join('\n');
}

/** Does not repeat the secret in its own message. */
function assertNoSecret(text: string, secrets: readonly string[], what: string): void {
  for (const [index, secret] of secrets.entries()) {
    assert.ok(!text.includes(secret), `${what} holds secret ${index} of the target's`);
  }
}
