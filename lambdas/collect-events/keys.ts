import { createHash, timingSafeEqual } from 'node:crypto';
import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { z } from 'zod';
import { header, type CollectorEvent } from './request';

/** For how long keys are good without a look at the secret: so long lives one that is taken out. */
const MAX_AGE = 60_000;

/** Of an address's safe characters, and without the colon that ends a user's name in `Authorization: Basic`. */
const secretValue = z.object({ keys: z.array(z.string().regex(/^[\w-]{20,200}$/)).min(1) });

/** Says whether a key is one of a secret's. */
export type KeyCheck = (secret: string, key: string) => Promise<boolean>;

/**
 * Compares write keys with those of a secret, `{"keys": ["…", …]}`: digests of one length, in constant time, all of
 * them, so that the time tells nothing. Digests are kept for a minute.
 * @throws Error when the secret can't be read or holds no keys, saying how to fill it; what it holds is never shown.
 */
export function keyCheck(client: SecretsManagerClient, now: () => Date): KeyCheck {
  const kept = new Map<string, { readonly until: number; readonly digests: readonly Buffer[] }>();
  return async (secret, key) => {
    const time = now().getTime();
    let known = kept.get(secret);
    if (!known || known.until <= time) {
      const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: secret }));
      known = { until: time + MAX_AGE, digests: read(SecretString, secret).map(digest) };
      kept.set(secret, known);
    }
    const given = digest(key);
    return known.digests.map((one) => timingSafeEqual(one, given)).includes(true);
  };
}

function read(text: string | undefined, secret: string): string[] {
  try {
    return secretValue.parse(JSON.parse(text ?? '')).keys;
  } catch {
    throw new Error(
      `Secret ${secret} has no usable keys (20 to 200 letters, digits, _ and -): ` +
        `aws secretsmanager put-secret-value --secret-id ${secret} --secret-string '{"keys": ["…"]}'`,
    );
  }
}

const digest = (key: string): Buffer => createHash('sha256').update(key).digest();

/**
 * The write key of a request, from the first place that has one:
 * - `X-Write-Key`, for whoever writes the request by hand;
 * - the user of `Authorization: Basic`, where SDKs of analytics tools put their write key;
 * - the query parameter `write_key`, for `navigator.sendBeacon` can set no header.
 */
export function keyOf(event: CollectorEvent): string | undefined {
  const [, basic] = /^basic +([\w+/=-]+)$/i.exec(header(event, 'authorization') ?? '') ?? [];
  const user = basic && Buffer.from(basic, 'base64').toString('utf8').split(':')[0];
  return header(event, 'x-write-key') || user || event.queryStringParameters?.write_key || undefined;
}
