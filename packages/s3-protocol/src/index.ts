export { createS3Backend } from './backend.ts';
export { credentialProvider } from './credentials.ts';
export {
  type Addressing,
  canStandInHost,
  endpointUrl,
  escapeQueryValue,
  parseEndpoint,
  resolveAddressing,
  type StoreAddress,
} from './endpoint.ts';
export { xmlField, xmlFields } from './error-body.ts';
export { type FirstLook, lookAtStore, type StoreCertificate } from './first-look.ts';
export { namedRegion, namedStore, type StoreOptions } from './named-store.ts';
export { checkChoice, checkConnectionOptions } from './options.ts';
export { type SignedAnswer, type SignedRequest, type SignedRequests, signedRequests } from './signed-requests.ts';
export { PASSED_OVER_CHANNEL, REQUEST_CHANNEL } from './telemetry.ts';
export type {
  CredentialProvider,
  CredentialSource,
  MultipartProfile,
  PassedOverRecord,
  RequestRecord,
  S3ConnectionOptions,
  S3Credentials,
  S3Dialect,
  S3Endpoint,
  S3Profile,
  SessionDialect,
  SessionRequest,
  SigningCredentials,
} from './types.ts';
export { completeDocument, isCompleteResult, type UploadedPart, uploadIdOf } from './upload-documents.ts';
