import { keyPrefix, type Layer } from '@kvferry/core';
import type { LoadedConfig } from 'kvferry';

/** What every key of a run begins with; the suite's runner makes it of the run's name. */
export function runFolder(runId: string): string {
  return `kvferry-conformance-${runId}`;
}

/**
 * The prefix that a configuration wants for all keys, and the layer that sees to it: who may write only below it can still run the suite. Without
 * one, an empty prefix and a layer that adds nothing.
 */
export function underPrefix(loaded: LoadedConfig | undefined): { readonly keyPrefix: string; readonly layer: Layer } {
  const prefix = loaded?.config.kvferry.keyPrefix?.replace(/\/$/, '');
  if (prefix === undefined) return { keyPrefix: '', layer: (backend) => backend };
  return { keyPrefix: `${prefix}/`, layer: keyPrefix({ prefix }) };
}
