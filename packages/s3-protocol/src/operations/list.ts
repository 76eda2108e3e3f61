import { KvferryError, keyProblem, type ListEntry } from '@kvferry/core';
import type { ControlPlane } from '../control-plane.ts';
import { type ErrorContext, noListingReason } from '../errors.ts';
import { publishPassedOver } from '../telemetry.ts';
import type { S3Profile } from '../types.ts';

/**
 * ListObjectsV2, page by page as the caller iterates. Names come URL-encoded, since XML cannot carry every one; those
 * that are no valid keys are passed over, and told of on a diagnostics channel.
 *
 * A store that lists `folders` is asked for the prefix up to its last `/`, and what does not match the rest is left out:
 * a whole folder is read for a part of it.
 */
export async function* listObjects(
  plane: ControlPlane,
  prefix: string,
  listing: S3Profile['listing'],
  context: ErrorContext,
  signal: AbortSignal,
): AsyncGenerator<ListEntry> {
  const asked = listing === 'folders' ? prefix.slice(0, prefix.lastIndexOf('/') + 1) : prefix;
  let token: string | undefined;
  do {
    const query = {
      Prefix: asked === '' ? undefined : asked,
      ContinuationToken: token,
      EncodingType: 'url' as const,
    };
    const page = await plane.send('list', signal, ({ sdk, client, bucket, options }) =>
      client.send(new sdk.ListObjectsV2Command({ Bucket: bucket, ...query }), options),
    );
    // What every listing says of itself. Of a list of buckets, or a page for people, the SDK makes an empty one.
    if (page.Name === undefined && page.IsTruncated === undefined && page.Contents === undefined) {
      throw new KvferryError('CONFIG_INVALID', noListingReason(context.endpoint));
    }
    // A store that does not know the parameter does not echo it, and sends names as they are.
    const encoded = page.EncodingType === 'url';
    for (const { Key, LastModified, Size } of page.Contents ?? []) {
      const key = Key === undefined || !encoded ? Key : decodeName(Key);
      if (asked !== prefix && key?.startsWith(prefix) !== true) continue;
      if (key === undefined || Size === undefined) continue;
      const entry = { key, byteLength: Size, modifiedMs: LastModified?.getTime() };
      if (keyProblem(key) === undefined) yield entry;
      else publishPassedOver(plane.backend, entry);
    }
    token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    if (page.IsTruncated === true && token === undefined) {
      throw new KvferryError('UNKNOWN', 'the store says that its list goes on, and not where');
    }
  } while (token !== undefined);
}

/** Stores write a space as `+`, as forms do; `undefined` for what is not UTF-8, and so no key. */
function decodeName(name: string): string | undefined {
  try {
    return decodeURIComponent(name.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
