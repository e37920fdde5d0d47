import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, type CryptoKey, type JWTPayload } from 'jose';

/** A key pair of the issuer. */
interface Pair {
  readonly kid: string;
  readonly alg: string;
  readonly publicKey: CryptoKey;
  readonly privateKey: CryptoKey;
}

/** An issuer of tokens on this machine, with keys of its own; it shows those that it is told to. */
export class Issuer {
  /** How often its keys were asked for. */
  asked = 0;
  /** What it answers instead of its keys. */
  outage: { readonly status: number; readonly body: string } | 'silence' | undefined;
  private shown: Pair[] = [];

  private readonly server = createServer((_, response) => {
    this.asked++;
    if (this.outage === 'silence') return;
    if (this.outage) {
      response.writeHead(this.outage.status).end(this.outage.body);
      return;
    }
    void Promise.all(this.shown.map(async ({ kid, alg, publicKey }) => ({ ...(await exportJWK(publicKey)), kid, alg })))
      .then((keys) => JSON.stringify({ keys }))
      .then((body) => response.writeHead(200, { 'content-type': 'application/json' }).end(body));
  });

  async start(): Promise<void> {
    await new Promise<void>((done) => this.server.listen(0, '127.0.0.1', done));
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  get uri(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/keys`;
  }

  /** Shows these keys and no others. */
  show(...pairs: Pair[]): void {
    this.shown = pairs;
  }
}

export async function keyPair(kid: string, alg = 'RS256'): Promise<Pair> {
  return { kid, alg, ...(await generateKeyPair(alg, { extractable: true })) };
}

/** The public key as everybody can read it, taken for a shared secret. */
export async function publicKeyAsSecret({ publicKey }: Pair): Promise<Uint8Array> {
  return new TextEncoder().encode(await exportSPKI(publicKey));
}

export const good: JWTPayload = {
  iss: 'https://issuer.example',
  aud: 'moraine',
  sub: 'ann',
  client_id: 'reports',
  scope: 'read:analytics openid',
};

/** A token for these claims (beside an expiry in an hour), signed with this key. */
export function sign({ kid, alg, privateKey }: Pair, claims: JWTPayload = good, expiry = '1h'): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg, kid }).setExpirationTime(expiry).sign(privateKey);
}
