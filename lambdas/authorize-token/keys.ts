import { createRemoteJWKSet, errors, type JWTVerifyGetKey } from 'jose';

const SECONDS = 1000;
/** An issuer that answers later is taken to be down; API Gateway waits for us, and a caller for it. */
const TIMEOUT = 4 * SECONDS;
/** For how long keys are good without a look at the issuer: so long lives a key that it withdraws. */
const MAX_AGE = 3600 * SECONDS;
/** Least time between two looks for a key that we don't know: made-up key IDs must not make us a flood. */
const COOL_DOWN = 30 * SECONDS;

/** The issuer's keys can't be read: nobody can tell whether a token is good. */
export class KeysUnavailable extends Error {
  constructor(uri: URL, cause: unknown) {
    const why = cause instanceof Error ? ((cause.cause as { code?: string } | undefined)?.code ?? cause.message) : '';
    super(`The issuer's keys at ${uri.href} can't be read: ${why}`, { cause });
    this.name = 'KeysUnavailable';
  }
}

/**
 * Finds the key of a token among those that the issuer publishes. They are kept for an hour, and read anew when a token
 * names one that is not among them.
 * @throws KeysUnavailable when they can't be read; JWKSNoMatchingKey, JWKSMultipleMatchingKeys.
 * @see https://github.com/panva/jose/blob/main/docs/jwks/remote/interfaces/RemoteJWKSetOptions.md
 */
export function issuerKeys(uri: URL): JWTVerifyGetKey {
  const find = createRemoteJWKSet(uri, { timeoutDuration: TIMEOUT, cacheMaxAge: MAX_AGE, cooldownDuration: COOL_DOWN });
  return async (header, token) => {
    try {
      return await find(header, token);
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) throw error;
      throw new KeysUnavailable(uri, error);
    }
  };
}
