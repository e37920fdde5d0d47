import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the API answers to one request. */
export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Ends the connection without an answer. */
  readonly hangUp?: boolean;
  /** Keeps the connection and says nothing. */
  readonly silent?: boolean;
}

/** A request as the API got it. */
export interface Got {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingMessage['headers'];
}

/** What would go on for ever ends a test at so many requests. */
const MOST = 200;

/** A real HTTP server on 127.0.0.1 that answers each request as it is told; texts and bytes go out as they are. */
export async function startApi(reply: (got: Got, nth: number) => Reply) {
  const got: Got[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const one = { path: url.pathname, query: Object.fromEntries(url.searchParams), headers: request.headers };
    got.push(one);
    const {
      status = 200,
      headers,
      body,
      hangUp,
      silent,
    } = got.length > MOST ? { status: 410, body: 'enough' } : reply(one, got.length);
    if (silent) return;
    if (hangUp) {
      request.socket.destroy();
      return;
    }
    response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
    response.end(typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    got,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    stop: () =>
      new Promise((done) => {
        server.closeAllConnections();
        server.close(done);
      }),
  };
}
