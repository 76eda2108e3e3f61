/**
 * The measuring process. It has the store's backend and its caches to itself, so that what a phase costs is all that this process spends, and nobody else's work is
 * in its event loop.
 */
import { KvferryError } from '@kvferry/core';
import { leaveSignalsToParent } from '../shared/leave-signals.ts';
import type { LoadAnswer, LoadCommand, LoadEvent } from './messages.ts';
import { type PlayedPhase, playPhase } from './play-phase.ts';
import { openStage, type Stage } from './stage.ts';

let stage: Stage | undefined;
let epochMs = 0;
let playing: PlayedPhase | undefined;

leaveSignalsToParent();
process.on('disconnect', () => process.exit());
process.on('message', async (message) => {
  const command = message as LoadCommand;
  if (command.do === 'stop') playing?.interrupt();
  else tell(await obey(command));
});

function tell(message: LoadAnswer | LoadEvent): void {
  // Where nobody listens any more, this process is about to end; told without a callback, it would end with a stack trace.
  if (process.connected) process.send?.(message, undefined, undefined, () => {});
}

async function obey(command: Exclude<LoadCommand, { readonly do: 'stop' }>): Promise<LoadAnswer> {
  try {
    switch (command.do) {
      case 'open':
        ({ epochMs } = command.setup);
        stage = await openStage(command.setup);
        return { status: 'opened', info: stage.facts };
      case 'phase':
        if (stage === undefined) throw new KvferryError('NOT_OPEN', 'a phase needs a store that is open');
        playing = playPhase(stage, command.phase, epochMs, tell);
        return { status: 'phase', record: await playing.record };
      case 'close':
        await stage?.close();
        stage = undefined;
        return { status: 'closed' };
    }
  } catch (thrown) {
    const { code, reason } = KvferryError.from(thrown);
    return { status: 'failed', code, message: reason };
  }
}
