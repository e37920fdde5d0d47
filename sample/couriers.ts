import type { Client } from 'pg';
import type { Message } from '../local/company';

const TOPIC = 'courier-positions';
/** Messages of one request to the broker. */
const BATCH = 500;

/** A batch has one message that breaks the contract, so that a newcomer sees what a dead letter is. */
const BROKEN: Message = { key: 'broken', value: '{"courier_id": "nobody", "recorded_at": "yesterday"' };

/** Positions after those that there are: of 50 couriers, each some metres on from the one before. */
const MAKE = `
insert into sample.courier_positions (courier_id, recorded_at, latitude, longitude, order_id)
select 1 + i % 50,
  timestamptz '2026-10-01 06:00:00+00' + make_interval(secs => i / 10.0),
  52.52 + (sample.pick(i, 31, 2000) - 1000) / 1000000.0 + (i / 50 % 1000) / 100000.0,
  13.405 + (sample.pick(i, 32, 2000) - 1000) / 1000000.0,
  case when sample.pick(i, 33, 4) > 0 then 1 + sample.pick(i / 50, 34, 10000) end
from generate_series($1::bigint, $2::bigint) i
on conflict do nothing`;

const PENDING = `
select courier_id, to_char(recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as recorded_at,
  latitude::text, longitude::text, order_id
from sample.courier_positions where not sent order by recorded_at, courier_id limit ${BATCH}`;

interface Position {
  readonly courier_id: string;
  readonly recorded_at: string;
  readonly latitude: string;
  readonly longitude: string;
  readonly order_id: string | null;
}

/** As a device writes it: numbers with their own digits, which JSON's are too. */
const message = ({ courier_id, recorded_at, latitude, longitude, order_id }: Position): Message => ({
  key: courier_id,
  value:
    `{"courier_id":${courier_id},"recorded_at":"${recorded_at}","latitude":${latitude},` +
    `"longitude":${longitude},"order_id":${order_id ?? 'null'}}`,
});

/**
 * Puts new positions on the topic, a batch at a time. A position is written down before it is sent and ticked off when
 * the broker has taken it, so that after a kill it is sent again: the same position, by its key.
 * @returns how many were sent
 */
export async function sendPositions(
  client: Client,
  positions: number,
  send: (topic: string, messages: readonly Message[]) => Promise<void>,
): Promise<number> {
  const { rows: counted } = await client.query<{ n: string }>('select count(*) as n from sample.courier_positions');
  const have = Number(counted[0].n);
  await client.query(MAKE, [have, have + positions - 1]);
  for (let sent = 0; ;) {
    const { rows } = await client.query<Position>(PENDING);
    if (rows.length === 0) return sent;
    await send(TOPIC, [...rows.map(message), ...(rows.length > 100 ? [BROKEN] : [])]);
    await client.query(
      `update sample.courier_positions set sent = true
       where (courier_id, recorded_at) in (select * from unnest($1::bigint[], $2::timestamptz[]))`,
      [rows.map((row) => row.courier_id), rows.map((row) => row.recorded_at)],
    );
    sent += rows.length;
  }
}
