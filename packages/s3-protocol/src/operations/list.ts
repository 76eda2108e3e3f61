import { KvferryError, keyProblem, type ListEntry } from '@kvferry/core';
import type { ControlPlane } from '../control-plane.ts';

/**
 * ListObjectsV2, page by page as the caller iterates. Names come URL-encoded, since XML cannot carry every one; those
 * that are no valid keys are passed over.
 */
export async function* listObjects(
  plane: ControlPlane,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<ListEntry> {
  let token: string | undefined;
  do {
    const query = {
      Prefix: prefix === '' ? undefined : prefix,
      ContinuationToken: token,
      EncodingType: 'url' as const,
    };
    const page = await plane.send('list', signal, ({ sdk, client, bucket, options }) =>
      client.send(new sdk.ListObjectsV2Command({ Bucket: bucket, ...query }), options),
    );
    // A store that does not know the parameter does not echo it, and sends names as they are.
    const encoded = page.EncodingType === 'url';
    for (const { Key, Size } of page.Contents ?? []) {
      const key = Key === undefined || !encoded ? Key : decodeName(Key);
      if (key !== undefined && Size !== undefined && keyProblem(key) === undefined) yield { key, byteLength: Size };
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
