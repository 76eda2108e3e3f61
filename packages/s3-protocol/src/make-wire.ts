import { KvferryError } from '@kvferry/core';
import { createWireClient, type WireClient, type WireClientOptions } from '@kvferry/wire';

/** A wire client of options that were checked. Throws CONFIG_INVALID for certificates that are none. */
export function makeWire(options: WireClientOptions): WireClient {
  try {
    return createWireClient(options);
  } catch (cause) {
    // Its message names the option, and everything but the certificates was checked before.
    throw new KvferryError('CONFIG_INVALID', cause instanceof Error ? cause.message : String(cause), { cause });
  }
}
