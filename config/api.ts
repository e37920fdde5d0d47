import { z } from 'zod';

const https = z.url({ protocol: /^https$/, error: 'an https URL' });

const client = z.strictObject({
  /** Who it is. A token's caller is the client whose name its `client_id` (else `azp`, else `sub`) claim gives. */
  name: z.string().regex(/^[A-Za-z0-9][\w.-]{0,63}$/, 'letters, digits, . _ -, at most 64, a letter or digit first'),
  /** Requests a second that this client may make, and the burst on top: no more than the API takes in all. */
  rateLimit: z.int().min(1),
  burstLimit: z.int().min(1),
  /** Requests a day (UTC). @default - no quota */
  quotaPerDay: z.int().min(1).optional(),
});

const tokens = z.strictObject({
  /** The `iss` of the tokens, character for character: with or without a slash at its end, as the issuer writes it. */
  issuer: https,
  /** The `aud` that a token for this API carries. */
  audience: z.string().min(1),
  /** Where the issuer shows its public keys. @default - `<issuer>/.well-known/jwks.json` */
  jwksUri: https.optional(),
  /** A scope that a token must carry (`scope` or `scp`); one without it gets a 403. @default - none is asked for */
  usersScope: z
    .string()
    .regex(/^[!#-[\]-~]+$/, 'one scope, without spaces, quotes and backslashes')
    .optional(),
});

/** Who may call the APIs, and how often. */
export const api = z
  .strictObject({
    /** Requests a second that one API takes from all its callers, and the burst on top. @default 20, 40 */
    rateLimit: z.int().min(1).default(20),
    burstLimit: z.int().min(1).default(40),
    /** Whether AWS WAF stands before the APIs. It costs about 9 USD a month for each of the two. @default true */
    firewall: z.boolean().default(true),
    /**
     * Requests that the firewall takes from one IP address in five minutes; more get a 403 until it slows down. Event
     * senders and offices behind one address share it. @default 3000, ten a second
     */
    requestsPerFiveMinutesPerAddress: z.int().min(10).max(2_000_000_000).default(3000),
    /**
     * The callers of the analytics API, each with an API key and limits of its own; with none, who may call is not
     * asked for a key and all share `rateLimit`. @default - none
     */
    clients: z.array(client).default([]),
    /** Opens the analytics API to JSON Web Tokens of an issuer, under a second address. @default - IAM only */
    tokens: tokens.optional(),
  })
  .superRefine(({ clients, rateLimit, burstLimit }, context) => {
    const names = clients.map(({ name }) => name);
    for (const [index, one] of clients.entries()) {
      const issue = (field: keyof typeof one, message: string) => {
        context.addIssue({ code: 'custom', path: ['clients', index, field], message });
      };
      if (names.indexOf(one.name) !== index) issue('name', 'each name once');
      if (one.rateLimit > rateLimit) issue('rateLimit', `at most api.rateLimit, ${rateLimit}`);
      if (one.burstLimit > burstLimit) issue('burstLimit', `at most api.burstLimit, ${burstLimit}`);
    }
  })
  .prefault({});

/** Whose tokens the analytics API takes. */
export type TokenSettings = z.infer<typeof tokens>;
