import { SignJWT, UnsecuredJWT } from 'jose';
import { makeHandler } from '../../../lambdas/authorize-token';
import { good, Issuer, keyPair, publicKeyAsSecret, sign } from './issuer';

const ARN = 'arn:aws:execute-api:eu-central-1:123456789012:abc123/dev/GET/analytics/orders';
const STAGE = 'arn:aws:execute-api:eu-central-1:123456789012:abc123/dev/*';

const issuer = new Issuer();
let key: Awaited<ReturnType<typeof keyPair>>;
let logged: string[];

beforeAll(async () => {
  await issuer.start();
  key = await keyPair('one');
});
afterAll(() => issuer.stop());
beforeEach(() => {
  issuer.show(key);
  issuer.outage = undefined;
  issuer.asked = 0;
  logged = [];
  jest.spyOn(console, 'log').mockImplementation((entry) => logged.push(JSON.stringify(entry)));
});
afterEach(() => {
  jest.restoreAllMocks();
});

function authorizer(more: Record<string, string> = {}) {
  const handle = makeHandler({
    ISSUER: 'https://issuer.example',
    AUDIENCE: 'moraine',
    JWKS_URI: issuer.uri,
    CLIENT_KEYS: '{}',
    ...more,
  });
  return (token: string, authorizationToken = `Bearer ${token}`) =>
    handle({ type: 'TOKEN', authorizationToken, methodArn: ARN });
}

/** Minutes and more pass. */
function later(milliseconds: number): void {
  const then = Date.now() + milliseconds;
  jest.spyOn(Date, 'now').mockImplementation(() => then);
}

describe('a good token', () => {
  test.each(['RS256', 'ES256'])('signed with %s opens every method of the stage, and no other API', async (alg) => {
    const pair = await keyPair('two', alg);
    issuer.show(key, pair);
    expect(await authorizer()(await sign(pair))).toEqual({
      principalId: 'ann',
      policyDocument: {
        Version: '2012-10-17',
        Statement: [{ Action: 'execute-api:Invoke', Effect: 'Allow', Resource: STAGE }],
      },
      context: { client: 'reports' },
    });
    expect(logged).toEqual([]);
  });

  test.each([
    ['client_id', { client_id: 'reports', azp: 'other', sub: 'ann' }, ['reports', 'ann']],
    ['azp', { client_id: undefined, azp: 'reports', sub: 'ann' }, ['reports', 'ann']],
    ['sub', { client_id: undefined, sub: 'reports' }, ['reports', 'reports']],
    ['client_id alone', { sub: undefined }, ['reports', 'reports']],
  ])('its client is named by %s', async (_, claims, [client, principal]) => {
    const answer = await authorizer()(await sign(key, { ...good, ...claims }));
    expect([answer.context?.client, answer.principalId]).toEqual([client, principal]);
  });

  test('one audience of several, a clock that is half a minute off', async () => {
    const token = await sign(key, { ...good, aud: ['other', 'moraine'] }, '-20s');
    expect((await authorizer()(token)).policyDocument.Statement).toMatchObject([{ Effect: 'Allow' }]);
  });

  test('keys are read once', async () => {
    const authorize = authorizer();
    for (let i = 0; i < 3; i++) await authorize(await sign(key));
    expect(issuer.asked).toBe(1);
  });
});

describe('a bad token gets 401, and the log says why without it', () => {
  const tokens: [string, string, () => string | Promise<string>][] = [
    ['expired', 'ERR_JWT_EXPIRED (exp)', () => sign(key, good, '-1m')],
    ['not valid yet', '(nbf)', () => sign(key, { ...good, nbf: Math.floor(Date.now() / 1000) + 600 })],
    ['wrong audience', '(aud)', () => sign(key, { ...good, aud: 'other' })],
    ['no audience', '(aud)', () => sign(key, { ...good, aud: undefined })],
    ['wrong issuer', '(iss)', () => sign(key, { ...good, iss: 'https://issuer.example/' })],
    ['no issuer', '(iss)', () => sign(key, { ...good, iss: undefined })],
    [
      'no expiry',
      '(exp)',
      () => new SignJWT(good).setProtectedHeader({ alg: 'RS256', kid: 'one' }).sign(key.privateKey),
    ],
    ['alg none', 'ERR_JOSE_ALG_NOT_ALLOWED', () => new UnsecuredJWT(good).setExpirationTime('1h').encode() + 'AAAA'],
    ['alg none, no signature', 'ERR_', () => new UnsecuredJWT(good).setExpirationTime('1h').encode()],
    [
      'HS256 with the public key as its secret',
      'ERR_JOSE_ALG_NOT_ALLOWED',
      async () =>
        new SignJWT(good)
          .setProtectedHeader({ alg: 'HS256', kid: 'one' })
          .setExpirationTime('1h')
          .sign(await publicKeyAsSecret(key)),
    ],
    ['RS512', 'ERR_JOSE_ALG_NOT_ALLOWED', async () => sign(await keyPair('one', 'RS512'))],
    [
      'signed with a key of somebody else',
      'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
      async () => sign(await keyPair('one')),
    ],
    ['signed with an unknown key', 'ERR_JWKS_NO_MATCHING_KEY', async () => sign(await keyPair('unknown'))],
    ['changed after signing', 'ERR_', async () => (await sign(key)).replace(/\.[^.]+\./, '.eyJzdWIiOiJldmUifQ.')],
    ['a client that is no text', 'claim client_id', () => sign(key, { ...good, client_id: 7 })],
    [
      'nobody',
      'it names no client',
      () => sign(key, { iss: 'https://issuer.example', aud: 'moraine', scope: 'read:analytics' }),
    ],
    ['two dots', 'ERR_', () => '..'],
    ['garbage', 'ERR_', () => 'x'.repeat(5000)],
    ['a header that is no JSON', 'ERR_', () => 'e30x.e30x.e30x'],
    [
      'a key ID that is no text',
      'ERR_',
      () => `${Buffer.from('{"alg":"RS256","kid":{"a":1}}').toString('base64url')}.e30.AAAA`,
    ],
    [
      'a header that is critical to its sender',
      'ERR_',
      () => `${Buffer.from('{"alg":"RS256","crit":["secret"],"secret":1}').toString('base64url')}.e30.AAAA`,
    ],
  ];

  test.each(tokens)('%s', async (_, reason, make) => {
    const token = await make();
    const authorize = authorizer();
    await expect(authorize(token)).rejects.toThrow(/^Unauthorized$/);
    expect(logged).toHaveLength(1);
    expect(logged[0]).toContain(reason);
    for (const part of token.split('.').filter((text) => text.length > 3)) expect(logged[0]).not.toContain(part);
    expect(logged[0]).not.toContain('secret');
  });

  test.each(['', 'Bearer', 'Bearer ', 'Basic YW5uOmI=', 'Bearer a b'])('header %j', async (header) => {
    await expect(authorizer()('', header)).rejects.toThrow(/^Unauthorized$/);
    expect(logged[0]).toContain('not Bearer and a token');
  });
});

describe('keys', () => {
  test('a new key is taken up when a token names it; the old one is not taken any more', async () => {
    const authorize = authorizer();
    await authorize(await sign(key));
    const next = await keyPair('next');
    issuer.show(next);
    later(31_000);
    expect((await authorize(await sign(next))).principalId).toBe('ann');
    expect(issuer.asked).toBe(2);
    await expect(authorize(await sign(key))).rejects.toThrow('Unauthorized');
  });

  test('tokens with made-up key IDs do not make us ask again and again', async () => {
    const authorize = authorizer();
    await authorize(await sign(key));
    for (let i = 0; i < 5; i++) await authorize(await sign({ ...key, kid: `made-up-${i}` })).catch(() => undefined);
    expect(issuer.asked).toBe(1);
  });

  test('a withdrawn key is good for an hour at most', async () => {
    const authorize = authorizer();
    const token = await sign(key, good, '3h');
    await authorize(token);
    issuer.show(await keyPair('next'));
    later(3_601_000);
    await expect(authorize(token)).rejects.toThrow('Unauthorized');
  });

  test.each([
    ['answers 503', { status: 503, body: 'down' }],
    ['answers no JSON', { status: 200, body: '<html>' }],
    ['answers no keys', { status: 200, body: '{}' }],
    ['redirects', { status: 302, body: '' }],
  ])('an issuer that %s is an error, not a 401: nobody can tell', async (_, outage) => {
    issuer.outage = outage;
    const token = await sign(key);
    await expect(authorizer()(token)).rejects.toThrow(`The issuer's keys at ${issuer.uri} can't be read: `);
    expect(logged).toHaveLength(1);
    expect(logged[0]).toMatch(/keys unavailable/);
    expect(logged[0]).not.toContain(token.split('.')[2]);
  });

  test('an issuer that is down or silent is an error too, and is asked again', async () => {
    const authorize = authorizer({ JWKS_URI: 'http://127.0.0.1:9/keys' });
    await expect(authorize(await sign(key))).rejects.toThrow("can't be read: ");

    const patient = authorizer();
    issuer.outage = 'silence';
    await expect(patient(await sign(key))).rejects.toThrow("can't be read: ");
    issuer.outage = undefined;
    expect((await patient(await sign(key))).principalId).toBe('ann');
  });
});

describe('who may call', () => {
  const CLIENT_KEYS = JSON.stringify({ reports: 'key-of-reports' });

  test('a declared client is counted under its key', async () => {
    expect(await authorizer({ CLIENT_KEYS })(await sign(key))).toMatchObject({ usageIdentifierKey: 'key-of-reports' });
  });

  test.each(['other', 'constructor', '__proto__'])('client %s, which is not declared, is denied', async (client) => {
    const answer = await authorizer({ CLIENT_KEYS })(await sign(key, { ...good, client_id: client }));
    expect(answer.policyDocument.Statement).toEqual([
      { Action: 'execute-api:Invoke', Effect: 'Deny', Resource: STAGE },
    ]);
    expect(answer).not.toHaveProperty('usageIdentifierKey');
    expect(logged[0]).toContain('not among api.clients');
  });

  test.each([
    ['scope', { scope: 'read:analytics openid' }, 'Allow'],
    ['scp, a list', { scope: undefined, scp: ['openid', 'read:analytics'] }, 'Allow'],
    ['scp, a text', { scope: undefined, scp: 'read:analytics' }, 'Allow'],
    ['part of a scope', { scope: 'read:analytics-of-me' }, 'Deny'],
    ['no scope', { scope: undefined }, 'Deny'],
  ])('a scope that is asked for, found in %s: %#', async (_, claims, Effect) => {
    const authorize = authorizer({ SCOPE: 'read:analytics' });
    const answer = await authorize(await sign(key, { ...good, ...claims }));
    expect(answer.policyDocument.Statement).toMatchObject([{ Effect }]);
    expect(logged.join('')).toContain(Effect === 'Deny' ? 'lacks scope read:analytics' : '');
  });
});

test('a setting that is missing is named', () => {
  expect(() => makeHandler({})).toThrow('Environment variable ISSUER is not set');
});
