export { createS3Backend } from './backend.ts';
export { credentialProvider } from './credentials.ts';
export { resolveAddressing } from './endpoint.ts';
export { REQUEST_CHANNEL } from './telemetry.ts';
export type {
  CredentialProvider,
  CredentialSource,
  RequestRecord,
  S3ConnectionOptions,
  S3Credentials,
  S3Dialect,
  S3Endpoint,
  S3Profile,
} from './types.ts';
