import type { RemoteBackend } from '@kvferry/core';
import { remoteTarget } from '@kvferry/lmcache';
import {
  credentialProvider,
  type FirstLook,
  lookAtStore,
  parseEndpoint,
  type S3Endpoint,
  signedRequests,
} from '@kvferry/s3-protocol';
import type { LoadedConfig } from '../load-config.ts';
import { credentialSource } from '../open-s3.ts';

/** Where the bucket of an S3 backend is; `undefined` for a backend of another kind. */
export function placeOf(backend: RemoteBackend, { config }: LoadedConfig): S3Endpoint | undefined {
  const { kind } = remoteTarget(config);
  if (kind === 'none' || kind === 'plugin') return undefined;
  // What the backend says of itself, so that this looks where the backend does.
  const { addressing, endpoint = '', region = '' } = backend.info.details;
  return {
    ...parseEndpoint(endpoint, 'endpoint'),
    bucket: backend.info.namespace,
    addressing: addressing === 'virtual' ? 'virtual' : 'path',
    region,
  };
}

export function lookAt(place: S3Endpoint, loaded: LoadedConfig, signal: AbortSignal): Promise<FirstLook> {
  return lookAtStore(place, trustOf(place, loaded), signal);
}

/** The region that a store names where it refuses requests that are signed for another; `undefined` where it names none. */
export async function toldRegion(
  place: S3Endpoint,
  loaded: LoadedConfig,
  signal: AbortSignal,
): Promise<string | undefined> {
  const credentials = credentialProvider(credentialSource(loaded.config));
  const requests = await signedRequests(place, credentials, trustOf(place, loaded), signal);
  try {
    const query = 'list-type=2&max-keys=0';
    const answer = await requests.send({ operation: 'list', method: 'GET', key: '', query, signal });
    return answer.document.region ?? answer.headers.get('x-amz-bucket-region');
  } finally {
    await requests.close();
  }
}

function trustOf({ bucket, scheme }: S3Endpoint, { config }: LoadedConfig) {
  return { bucket, tls: scheme === 'http' ? false : { caFile: config.kvferry.caFile } } as const;
}
