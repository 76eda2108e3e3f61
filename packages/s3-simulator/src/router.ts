/** From an authenticated request to its operation. What is not here is answered with NotImplemented, never ignored. */

import { checkDirectoryCall } from './directory-buckets.ts';
import { failure } from './failures.ts';
import { createBucket, deleteBucket, getBucketLocation, headBucket, listBuckets } from './operations/buckets.ts';
import { type Call, parameter } from './operations/call.ts';
import { listObjects } from './operations/listing.ts';
import {
  abortMultipartUpload,
  completeMultipartUpload,
  createMultipartUpload,
  listMultipartUploads,
  listParts,
  uploadPart,
} from './operations/multipart.ts';
import { copyObject, deleteObject, deleteObjects, getObject, headObject, putObject } from './operations/objects.ts';
import { createSession } from './operations/sessions.ts';
import type { Reply } from './reply.ts';

interface Route {
  /** Query parameters that this operation knows; the first `required` of them make it this operation. */
  readonly query: readonly string[];
  readonly required: number;
  readonly run: (call: Call) => Promise<Reply>;
}

const LIST_QUERY = [
  'list-type',
  'prefix',
  'delimiter',
  'max-keys',
  'continuation-token',
  'start-after',
  'encoding-type',
  'fetch-owner',
];

const BUCKET_ROUTES: Readonly<Record<string, readonly Route[]>> = {
  GET: [
    { query: LIST_QUERY, required: 1, run: listObjects },
    { query: ['location'], required: 1, run: getBucketLocation },
    { query: ['uploads'], required: 1, run: listMultipartUploads },
    { query: ['session'], required: 1, run: createSession },
  ],
  HEAD: [{ query: [], required: 0, run: headBucket }],
  PUT: [{ query: [], required: 0, run: createBucket }],
  DELETE: [{ query: [], required: 0, run: deleteBucket }],
  POST: [{ query: ['delete'], required: 1, run: deleteObjects }],
};

const OBJECT_ROUTES: Readonly<Record<string, readonly Route[]>> = {
  GET: [
    { query: ['uploadId', 'max-parts', 'part-number-marker'], required: 1, run: listParts },
    { query: [], required: 0, run: getObject },
  ],
  HEAD: [{ query: [], required: 0, run: headObject }],
  PUT: [
    { query: ['uploadId', 'partNumber'], required: 2, run: uploadPart },
    { query: [], required: 0, run: putOrCopy },
  ],
  POST: [
    { query: ['uploads'], required: 1, run: createMultipartUpload },
    { query: ['uploadId'], required: 1, run: completeMultipartUpload },
  ],
  DELETE: [
    { query: ['uploadId'], required: 1, run: abortMultipartUpload },
    { query: [], required: 0, run: deleteObject },
  ],
};

/** Headers of writes that change what S3 does in a way that the simulator does not have. */
const UNKNOWN_HEADERS = [
  'x-amz-acl',
  'x-amz-server-side-encryption',
  'x-amz-server-side-encryption-customer-algorithm',
  'x-amz-tagging',
  'x-amz-website-redirect-location',
  'x-amz-object-lock-mode',
  'x-amz-object-lock-legal-hold',
  'x-amz-write-offset-bytes',
  'x-amz-copy-source-if-match',
  'x-amz-copy-source-if-none-match',
  'x-amz-copy-source-range',
];

/** Runs the operation that the request asks for. */
export async function dispatch(call: Call): Promise<Reply> {
  const names = call.query.map(({ name }) => name).filter((name) => !isTransportParameter(name));
  if (call.bucketName === '') {
    if (call.method !== 'GET') throw failure('MethodNotAllowed');
    // A listing that has lost its bucket on the way is one of buckets, whatever it asks for; MinIO and versitygw do the same.
    refuseOthers(names, LIST_QUERY);
    return listBuckets(call.server);
  }
  const routes = (call.key === '' ? BUCKET_ROUTES : OBJECT_ROUTES)[call.method];
  if (routes === undefined) throw failure('MethodNotAllowed', undefined, { Method: call.method });
  const route = routes.find(({ query, required }) => query.slice(0, required).every((name) => names.includes(name)));
  if (route === undefined) {
    const what =
      names.length === 0 ? `${call.method} of a bucket with no parameter` : `${call.method} with ?${names.join('&')}`;
    throw failure('NotImplemented', `The simulator does not have ${what}. Listing is list-type=2.`);
  }
  refuseOthers(names, route.query);
  checkDirectoryCall(call);
  if (parameter(call, 'list-type') !== undefined && parameter(call, 'list-type') !== '2') {
    throw failure('NotImplemented', 'Listing is list-type=2.');
  }
  if (call.method === 'PUT' || call.method === 'POST') {
    const header = UNKNOWN_HEADERS.find((name) => call.header(name) !== undefined);
    if (header !== undefined)
      throw failure('NotImplemented', `The simulator does not have ${header}.`, { Header: header });
  }
  return route.run(call);
}

async function putOrCopy(call: Call): Promise<Reply> {
  return call.header('x-amz-copy-source') === undefined ? putObject(call) : copyObject(call);
}

function refuseOthers(names: readonly string[], known: readonly string[]): void {
  const other = names.find((name) => !known.includes(name));
  if (other !== undefined) throw failure('NotImplemented', `The simulator does not have ?${other} here.`);
}

/** `x-id` names the operation for the AWS SDK's own logs; the `X-Amz-` ones are a presigned URL's. */
function isTransportParameter(name: string): boolean {
  return name === 'x-id' || name.startsWith('X-Amz-');
}
