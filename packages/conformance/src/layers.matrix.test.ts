import {
  circuitBreaker,
  deadline,
  defineBackend,
  forwardTo,
  keyPrefix,
  type Layer,
  memoryBackend,
  metrics,
  retry,
  withLayers,
} from '@kvferry/core';
import { describeRemoteBackend } from './vitest.ts';

/** Every layer keeps the contract: alone, and all of them in the order in which a configuration stacks them. */
const stacks: Readonly<Record<string, readonly Layer[]>> = {
  'a layer that only forwards': [(inner) => defineBackend(forwardTo(inner))],
  keyPrefix: [keyPrefix({ prefix: 'kv/prod' })],
  retry: [retry()],
  circuitBreaker: [circuitBreaker()],
  deadline: [deadline({ callMs: 10_000 })],
  metrics: [metrics()],
  'all layers': [keyPrefix({ prefix: 'kv/prod' }), retry(), circuitBreaker(), deadline({ callMs: 10_000 }), metrics()],
};

for (const [name, layers] of Object.entries(stacks)) {
  const create = () => withLayers(memoryBackend(), ...layers);
  describeRemoteBackend(`${name} over memory`, {
    capabilities: create().capabilities,
    createTarget: () => ({ create }),
  });
}
