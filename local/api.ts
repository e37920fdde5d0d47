import { createServer, type IncomingMessage, type Server } from 'node:http';
import { REGION, signer } from './parts';

/** Address of a REST API of the emulator, from its address on AWS (`https://<id>.execute-api…/<stage>/`). */
export function localUrl(endpoint: string, url: string): string {
  const { hostname, pathname } = new URL(url);
  return `${endpoint}/_aws/execute-api/${hostname.split('.')[0]}${pathname.replace(/\/$/, '')}`;
}

async function read(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/**
 * Serves an API on 127.0.0.1 without a signature, for `curl` and the browser: it signs each request and passes it on,
 * for the API itself is authorised by IAM here as on AWS.
 */
export function serveApi(base: string, port: number): Promise<Server> {
  const aws = signer();
  const server = createServer((request, response) => {
    void (async () => {
      const body = await read(request);
      const answer = await aws.fetch(`${base}${request.url ?? '/'}`, {
        method: request.method,
        headers: { accept: 'application/json', 'content-type': request.headers['content-type'] ?? 'application/json' },
        body: body.length > 0 ? new Uint8Array(body) : undefined,
        aws: { region: REGION, service: 'execute-api' },
      });
      response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'application/json' });
      response.end(Buffer.from(await answer.arrayBuffer()));
    })().catch((error: unknown) => {
      response.writeHead(502, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ message: String(error) }));
    });
  });
  return new Promise((done, failed) => {
    server.on('error', failed);
    server.listen(port, '127.0.0.1', () => done(server));
  });
}
