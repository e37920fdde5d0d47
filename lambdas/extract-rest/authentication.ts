import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { RestSource } from '../shared/rest-source';

/**
 * The headers by which an API knows us, from the source's secret: `{"key": "…"}` or `{"token": "…"}`.
 * @throws Error saying how to fill the secret; what it holds is never shown.
 */
export async function authenticate(
  client: SecretsManagerClient,
  source: RestSource,
  secret: string | undefined,
): Promise<Readonly<Record<string, string>>> {
  const { authentication } = source;
  if (authentication.kind === 'none') return {};
  const member = authentication.kind === 'api_key' ? 'key' : 'token';
  if (!secret) throw new Error(`Source ${source.name} has no secret here; the construct in lib/ makes one`);
  const value = read((await client.send(new GetSecretValueCommand({ SecretId: secret }))).SecretString, member);
  // A line feed at the end of a pasted key would split the request's header.
  if (value === undefined || !/^[\x21-\x7e]+$/.test(value)) {
    throw new Error(
      `Secret ${secret} has no usable ${member}: aws secretsmanager put-secret-value --secret-id ${secret} --secret-string '{"${member}": "…"}'`,
    );
  }
  return authentication.kind === 'api_key' ? { [authentication.header]: value } : { Authorization: `Bearer ${value}` };
}

function read(text: string | undefined, member: string): string | undefined {
  try {
    const value = (JSON.parse(text ?? '') as Record<string, unknown> | null)?.[member];
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}
