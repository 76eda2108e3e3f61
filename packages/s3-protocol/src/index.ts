export { createS3Backend } from './backend.ts';
export { credentialProvider } from './credentials.ts';
export { type Addressing, parseEndpoint, resolveAddressing, type StoreAddress } from './endpoint.ts';
export { checkChoice, checkConnectionOptions } from './options.ts';
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
  SigningCredentials,
} from './types.ts';
