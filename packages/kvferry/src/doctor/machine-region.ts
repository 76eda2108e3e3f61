/** Where this machine runs, at AWS. */
export interface MachineRegion {
  readonly region: string;
  /** Who says so. */
  readonly source: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The metadata service answers within a millisecond or two where there is one; where there is none, packets mostly vanish. */
const METADATA_MS = 500;
const METADATA_URL = 'http://169.254.169.254';

/** The region that the environment names, else the one that the instance's metadata service does; `undefined` where neither is there. Never rejects. */
export async function machineRegion(env: Environment, signal: AbortSignal): Promise<MachineRegion | undefined> {
  for (const name of ['AWS_REGION', 'AWS_DEFAULT_REGION']) {
    const region = env[name];
    if (region) return { region, source: name };
  }
  if (env.AWS_EC2_METADATA_DISABLED?.toLowerCase() === 'true') return undefined;
  const base = env.AWS_EC2_METADATA_SERVICE_ENDPOINT?.replace(/\/$/, '') || METADATA_URL;
  const limit = AbortSignal.any([signal, AbortSignal.timeout(METADATA_MS)]);
  try {
    const headers = { 'x-aws-ec2-metadata-token-ttl-seconds': '60' };
    const token = await textOf(`${base}/latest/api/token`, { method: 'PUT', headers, signal: limit });
    const region = await textOf(`${base}/latest/meta-data/placement/region`, {
      headers: { 'x-aws-ec2-metadata-token': token },
      signal: limit,
    });
    return /^[a-z0-9-]{1,64}$/.test(region) ? { region, source: "the instance's metadata" } : undefined;
  } catch {
    return undefined;
  }
}

async function textOf(url: string, init: RequestInit): Promise<string> {
  const response = await fetch(url, init);
  if (!response.ok) throw new Error(`answered ${response.status}`);
  return (await response.text()).trim();
}
