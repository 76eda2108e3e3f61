/** CreateSession. */

import { isDirectoryBucket } from '../directory-buckets.ts';
import { failure } from '../failures.ts';
import { type Reply, xmlReply } from '../reply.ts';
import { bucketOf, type Call } from './call.ts';

export async function createSession(call: Call): Promise<Reply> {
  const bucket = bucketOf(call);
  if (!isDirectoryBucket(bucket.name)) throw failure('NotImplemented', 'Only directory buckets have sessions.');
  const mode = call.header('x-amz-create-session-mode') ?? 'ReadWrite';
  if (mode !== 'ReadWrite' && mode !== 'ReadOnly') {
    throw failure('InvalidArgument', `x-amz-create-session-mode is ReadWrite or ReadOnly, not ${mode}.`);
  }
  const session = call.server.sessions.open(bucket.name, mode, call.server.now());
  return xmlReply('CreateSessionResult', {
    Credentials: {
      SessionToken: session.sessionToken,
      SecretAccessKey: session.secretAccessKey,
      AccessKeyId: session.accessKeyId,
      Expiration: new Date(session.expiresAtMs).toISOString(),
    },
  });
}
