/** CreateBucket, DeleteBucket, HeadBucket, GetBucketLocation, ListBuckets. */

import { isDirectoryBucket } from '../directory-buckets.ts';
import { failure } from '../failures.ts';
import { emptyReply, type Reply, xmlReply } from '../reply.ts';
import { parseXml } from '../xml.ts';
import { bucketOf, type Call, type ServerState, smallBody, wallClock } from './call.ts';

export async function createBucket(call: Call): Promise<Reply> {
  // The document says at most a region; there is only one here.
  const document = await smallBody(call);
  if (document.byteLength > 0) parseXml(document, 'CreateBucketConfiguration');
  const { store } = call.server;
  // Of all regions only us-east-1 answers 200 to its owner's second request; the others' answer shows more.
  if (store.has(call.bucketName)) throw failure('BucketAlreadyOwnedByYou', undefined, { BucketName: call.bucketName });
  store.createBucket(call.bucketName, wallClock(call));
  return emptyReply(200, { location: `/${call.bucketName}` });
}

export async function deleteBucket(call: Call): Promise<Reply> {
  call.server.store.deleteBucket(call.bucketName);
  return emptyReply(204);
}

export async function headBucket(call: Call): Promise<Reply> {
  bucketOf(call);
  return emptyReply(200, { 'x-amz-bucket-region': regionName(call.server), 'content-type': 'application/xml' });
}

export async function getBucketLocation(call: Call): Promise<Reply> {
  bucketOf(call);
  const region = regionName(call.server);
  return xmlReply('LocationConstraint', region === 'us-east-1' ? {} : { '#text': region });
}

/** Of general purpose buckets; directory buckets have a list of their own, which is not here. */
export function listBuckets(server: ServerState): Reply {
  const buckets = server.store.buckets().filter(({ name }) => !isDirectoryBucket(name));
  return xmlReply('ListAllMyBucketsResult', {
    Owner: { ID: 'kvferry-simulator', DisplayName: 'kvferry-simulator' },
    Buckets: {
      Bucket: buckets.map((bucket) => ({ Name: bucket.name, CreationDate: bucket.created.toISOString() })),
    },
  });
}

function regionName(server: ServerState): string {
  return server.region === '*' ? 'us-east-1' : server.region;
}
