import { randomBytes } from 'node:crypto';
import { GetSecretValueCommand, PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { isKeyed, type CollectorSource } from '../lambdas/shared/collector-source';
import { credentials, REGION, signer } from './parts';

type Post = (url: string, body: string) => Promise<Response>;

/** Sends requests to a collector as its senders do: with its write key, which is made if there is none, or signed. */
export async function sender(endpoint: string, source: CollectorSource): Promise<Post> {
  if (!isKeyed(source)) {
    const aws = signer();
    return (url, body) => aws.fetch(url, { method: 'POST', body });
  }
  const headers = { 'X-Write-Key': await writeKey(endpoint, source), 'Content-Type': 'application/json' };
  return (url, body) => fetch(url, { method: 'POST', headers, body });
}

/** The first write key in a collector's secret. A deployed secret has a random text, in place of which one is put. */
async function writeKey(endpoint: string, { name }: CollectorSource): Promise<string> {
  const secrets = new SecretsManagerClient({ endpoint, region: REGION, credentials });
  const SecretId = `moraine/local/${name}`;
  const { SecretString = '' } = await secrets.send(new GetSecretValueCommand({ SecretId }));
  const known = keysIn(SecretString)[0];
  if (known !== undefined) return known;
  const key = randomBytes(24).toString('hex');
  await secrets.send(new PutSecretValueCommand({ SecretId, SecretString: JSON.stringify({ keys: [key] }) }));
  return key;
}

function keysIn(text: string): string[] {
  try {
    return (JSON.parse(text) as { keys?: string[] }).keys ?? [];
  } catch {
    return [];
  }
}
