import type { RemoteBackend } from '../backend.ts';
import type { Layer } from '../driver.ts';

/**
 * Wraps a backend in layers, named from the store outwards: the last one is what the caller meets first. Opening the result opens
 * the backend, closing it closes the backend.
 */
export function withLayers(backend: RemoteBackend, ...layers: readonly Layer[]): RemoteBackend {
  return layers.reduce((inner, layer) => layer(inner), backend);
}
