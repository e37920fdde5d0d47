import { errors, jwtVerify, type JWTVerifyGetKey } from 'jose';
import { z } from 'zod';

/** The signatures that we take: public keys only, so that nobody can sign with what the issuer publishes. */
const ALGORITHMS = ['RS256', 'ES256'];
/** Seconds that two clocks may differ. */
const CLOCK_TOLERANCE = 30;

/** The token is not good; the message says why, in words that hold nothing of the token. */
export class BadToken extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'BadToken';
  }
}

/** Somebody whose token is good. */
export interface Caller {
  /** The program that calls. */
  readonly client: string;
  /** Whom it calls for: a person, or itself. */
  readonly principal: string;
  readonly scopes: readonly string[];
}

const name = z.string().min(1).optional();

/** Issuers write the client as `client_id` (RFC 9068) or `azp` (OpenID Connect), scopes as `scope` or `scp`. */
const claims = z.object({
  client_id: name,
  azp: name,
  sub: name,
  scope: z.string().optional(),
  scp: z.union([z.string(), z.array(z.string())]).optional(),
});

/**
 * Verifies `Bearer <token>`: signature, issuer, audience, expiry.
 * @throws BadToken; whatever `keys` throws because keys can't be read.
 * @see https://datatracker.ietf.org/doc/html/rfc8725
 */
export async function verify(
  authorization: string,
  keys: JWTVerifyGetKey,
  { ISSUER: issuer, AUDIENCE: audience }: { readonly ISSUER: string; readonly AUDIENCE: string },
): Promise<Caller> {
  const token = /^Bearer ([^ ]+)$/i.exec(authorization)?.[1];
  if (!token) throw new BadToken('the header is not Bearer and a token');
  const { payload } = await jwtVerify(token, keys, {
    issuer,
    audience,
    algorithms: ALGORITHMS,
    clockTolerance: CLOCK_TOLERANCE,
    requiredClaims: ['exp'],
  }).catch((error: unknown) => {
    throw error instanceof errors.JOSEError ? new BadToken(reasonOf(error)) : error;
  });
  const parsed = claims.safeParse(payload);
  if (!parsed.success) throw new BadToken(`claim ${parsed.error.issues[0].path.join('.')} has a wrong type`);
  const { client_id: clientId, azp, sub, scope, scp } = parsed.data;
  const client = clientId ?? azp ?? sub;
  if (!client) throw new BadToken('it names no client: client_id, azp and sub are missing');
  const scopes = [scope ?? [], scp ?? []].flat().flatMap((value) => value.split(' '));
  return { client, principal: sub ?? client, scopes };
}

/** Only what is ours to say: messages may name parts of the token. */
function reasonOf(error: errors.JOSEError): string {
  const claim =
    error instanceof errors.JWTClaimValidationFailed || error instanceof errors.JWTExpired ? ` (${error.claim})` : '';
  return error.code + claim;
}
