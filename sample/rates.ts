import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Pool, type Client } from 'pg';

/** The rates service that ACME Delivery subscribes to: an HTTP API with pages, a key, and bad moments. */

/** What a subscriber sends as `X-Api-Key`. */
export const KEY = 'acme-sample-key';

const PER_PAGE = 200;
/** One request in so many is refused as too many, one fails. */
const TOO_MANY = 5;
const BROKEN = 7;

/** A day's rates: of each currency, a little around its usual one. */
const DAYS = `
insert into sample.exchange_rates
select day, code, round(usual * (0.95 + sample.pick(day - date '2026-01-01', ascii(code), 1000) / 10000.0), 8), day + time '16:00 UTC'
from generate_series(date '2026-01-01', $1::date, '1 day') as t (at), lateral (select at::date as day) d,
  (values ('USD', 1.1), ('CHF', 0.95), ('PLN', 4.3)) as c (code, usual)
on conflict do nothing`;

/** The rates of one more day, and a correction of the last one. @returns what was done, in a line */
export async function publishDay(client: Client): Promise<string> {
  const { rows } = await client.query<{ next: string }>(
    `select (coalesce(max(rate_date), date '2026-10-27') + 1)::text as next from sample.exchange_rates`,
  );
  const { next } = rows[0];
  await client.query(
    `update sample.exchange_rates set rate = rate + 0.0001, published_at = $1::date + time '09:00 UTC'
     where rate_date = $1::date - 1`,
    [next],
  );
  await client.query(DAYS, [next]);
  return `rates up to ${next}`;
}

const PAGE = `
select rate_date::text as date, currency, rate, to_char(published_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as published_at
from sample.exchange_rates where rate_date >= $1 order by rate_date, currency limit $2 offset $3`;

interface Rate {
  readonly date: string;
  readonly currency: string;
  readonly rate: string;
  readonly published_at: string;
}

/** Serves `GET …/rates?from=2026-01-31&page=1` on 127.0.0.1 from a database in which days are published. */
export async function serveRates(database: string, port: number): Promise<{ stop(): Promise<void> }> {
  const pool = new Pool({ connectionString: database, max: 2 });
  pool.on('error', () => undefined); // Ctrl-C reaches PostgreSQL as well: an idle connection that ends ends nothing else
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    answer(pool, request, response, requests).catch((error: unknown) => {
      response.writeHead(500).end(String(error));
    });
  });
  await new Promise<void>((done, failed) => server.on('error', failed).listen(port, '127.0.0.1', done));
  return {
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await pool.end();
    },
  };
}

async function answer(pool: Pool, request: IncomingMessage, response: ServerResponse, nth: number): Promise<void> {
  const say = (status: number, body: string, headers: Record<string, string> = {}) =>
    response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8', ...headers }).end(body);
  const url = new URL(request.url ?? '/', 'http://localhost');
  if (request.headers['x-api-key'] !== KEY) return void say(401, '{"error":"unknown key"}');
  if (!url.pathname.endsWith('/rates')) return void say(404, '{"error":"there is /rates only"}');
  if (nth % TOO_MANY === 0) return void say(429, '{"error":"slow down"}', { 'Retry-After': '1' });
  if (nth % BROKEN === 0) return void say(500, '{"error":"a bad moment"}');
  const page = Number(url.searchParams.get('page') ?? 1);
  const from = url.searchParams.get('from') ?? '1999-01-01';
  const { rows } = await pool.query<Rate>(PAGE, [from, PER_PAGE, (page - 1) * PER_PAGE]);
  // The rate's own digits, as a number: JSON has no other.
  const rates = rows.map(({ rate, ...rest }) => `${JSON.stringify(rest).slice(0, -1)},"rate":${rate}}`);
  say(200, `{"base":"EUR","page":${page},"rates":[${rates.join(',')}]}`);
}
