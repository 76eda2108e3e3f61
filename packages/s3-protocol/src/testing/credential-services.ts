import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { SimulatorCredentials } from '@kvferry/s3-simulator';
import { onTestFinished } from 'vitest';

/** What temporary credentials are, whoever gives them out. */
export interface TemporaryCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  /** In milliseconds since 1970, by this process's clock. */
  expiresAtMs: number;
}

const LIFETIME_MS = 60 * 60_000;

/** Makes temporary credentials that last an hour, and that a simulator takes for as long. */
export class Mint {
  /** For the simulator, before any of them is given out. */
  readonly credentials: readonly (SimulatorCredentials & TemporaryCredentials)[];
  #issued = 0;

  constructor() {
    this.credentials = Array.from({ length: 9 }, (_, index) => ({
      accessKeyId: `ASIAEXAMPLE000000${index + 1}A`,
      secretAccessKey: `minted-secret-${index + 1}`,
      sessionToken: `minted-token-${index + 1}`,
      expiresAtMs: 0,
    }));
  }

  /** The next ones. They are valid from now on. */
  issue(): TemporaryCredentials {
    const issued = this.credentials[this.#issued++];
    if (issued === undefined) throw new Error('the mint has no more credentials');
    issued.expiresAtMs = Date.now() + LIFETIME_MS;
    return issued;
  }
}

/** What each service asks for before it gives anything. */
export const WEB_IDENTITY_TOKEN = 'web-identity-token';
export const ROLE_ARN = 'arn:aws:iam::123456789012:role/kv';
export const SSO_ACCESS_TOKEN = 'sso-access-token';
export const SSO_REFRESH_TOKEN = 'sso-refresh-token';
export const CONTAINER_TOKEN = 'Bearer container-token';
const METADATA_TOKEN = 'metadata-token';
const METADATA_ROLE = 'kv-instance-role';

/** AWS's services that give out credentials, in one server on 127.0.0.1. */
export interface CredentialServices {
  readonly url: string;
  /** What was asked, in order: `sts AssumeRole`, `sso GetRoleCredentials`, … */
  readonly asked: readonly string[];
}

/** Starts them; they end with the test. Whoever does not show what a service asks for gets 403. */
export async function startCredentialServices(mint: Mint): Promise<CredentialServices> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    // By the real clock, which a test may have left: clients would correct theirs by it.
    response.sendDate = false;
    answer(request, mint, asked).then(
      ({ type, body }) => response.writeHead(200, { 'content-type': type }).end(body),
      () => refuse(response),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

interface Answer {
  readonly type: 'application/json' | 'text/plain' | 'text/xml';
  readonly body: string;
}

async function answer(request: IncomingMessage, mint: Mint, asked: string[]): Promise<Answer> {
  const body = await text(request);
  const { headers } = request;
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
  const demand = (condition: boolean): void => {
    if (!condition) throw new Error('refused');
  };
  switch (`${request.method} ${pathname}`) {
    case 'POST /': {
      const form = new URLSearchParams(body);
      const action = form.get('Action') ?? '';
      asked.push(`sts ${action}`);
      demand(form.get('RoleArn') === ROLE_ARN);
      if (action === 'AssumeRole') demand(/Credential=AKIABASE/.test(headers.authorization ?? ''));
      else demand(form.get('WebIdentityToken') === WEB_IDENTITY_TOKEN);
      return { type: 'text/xml', body: stsDocument(action, mint.issue()) };
    }
    case 'GET /federation/credentials': {
      asked.push('sso GetRoleCredentials');
      demand(headers['x-amz-sso_bearer_token'] === SSO_ACCESS_TOKEN);
      demand(searchParams.get('account_id') === '123456789012' && searchParams.get('role_name') === 'kv');
      const { expiresAtMs, ...pair } = mint.issue();
      return json({ roleCredentials: { ...pair, expiration: expiresAtMs } });
    }
    case 'POST /token': {
      asked.push('sso-oidc CreateToken');
      demand(JSON.parse(body).refreshToken === SSO_REFRESH_TOKEN);
      return json({ accessToken: SSO_ACCESS_TOKEN, refreshToken: SSO_REFRESH_TOKEN, expiresIn: 8 * 3600 });
    }
    case 'GET /container': {
      asked.push('container');
      demand(headers.authorization === CONTAINER_TOKEN);
      return json(capitalised(mint.issue()));
    }
    case 'PUT /latest/api/token': {
      asked.push('metadata token');
      demand(Number(headers['x-aws-ec2-metadata-token-ttl-seconds']) > 0);
      return { type: 'text/plain', body: METADATA_TOKEN };
    }
    case 'GET /latest/meta-data/iam/security-credentials/': {
      asked.push('metadata role');
      demand(headers['x-aws-ec2-metadata-token'] === METADATA_TOKEN);
      return { type: 'text/plain', body: METADATA_ROLE };
    }
    case `GET /latest/meta-data/iam/security-credentials/${METADATA_ROLE}`: {
      asked.push('metadata credentials');
      demand(headers['x-aws-ec2-metadata-token'] === METADATA_TOKEN);
      return json({ Code: 'Success', Type: 'AWS-HMAC', ...capitalised(mint.issue()) });
    }
    default:
      throw new Error('not found');
  }
}

function refuse(response: ServerResponse): void {
  response.writeHead(403, { 'content-type': 'text/xml' });
  response.end('<ErrorResponse><Error><Code>AccessDenied</Code><Message>denied</Message></Error></ErrorResponse>');
}

function json(value: object): Answer {
  return { type: 'application/json', body: JSON.stringify(value) };
}

/** As the container's endpoint, instance metadata and credential processes have them. */
export function capitalised(credentials: TemporaryCredentials): Readonly<Record<string, string>> {
  return {
    AccessKeyId: credentials.accessKeyId,
    SecretAccessKey: credentials.secretAccessKey,
    Token: credentials.sessionToken,
    SessionToken: credentials.sessionToken,
    Expiration: new Date(credentials.expiresAtMs).toISOString(),
  };
}

function stsDocument(action: string, credentials: TemporaryCredentials): string {
  return `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result><Credentials>
    <AccessKeyId>${credentials.accessKeyId}</AccessKeyId><SecretAccessKey>${credentials.secretAccessKey}</SecretAccessKey>
    <SessionToken>${credentials.sessionToken}</SessionToken>
    <Expiration>${new Date(credentials.expiresAtMs).toISOString()}</Expiration>
    </Credentials></${action}Result></${action}Response>`;
}
