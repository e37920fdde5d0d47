import type { Client } from 'pg';

/** Events of one request to the collector. */
const BATCH = 100;

/** One event in a hundred breaks the contract, so that a newcomer sees what quarantine is. */
const BROKEN = { event_type: 'page_view', occurred_at: 'yesterday', session_id: 'broken' };

/**
 * A visit is seven events, a second apart; of one visit in three the last three come 45 minutes later. Of one event in
 * ten it is told late: it belongs to a visit of some time ago, into whose pause it falls.
 */
const MAKE = `
insert into sample.web_events (event_id, event_type, occurred_at, session_id, customer_id, order_id, page_url)
select md5('event' || i)::uuid::text,
  (array['page_view', 'page_view', 'search', 'add_to_basket', 'order_placed'])[1 + sample.pick(i, 21, 5)],
  timestamptz '2026-10-01 00:00:00+00' + make_interval(
    secs => visit * 7 + place + sample.pick(i, 22, 1000000) / 1000000.0,
    mins => case when is_late then 22 when place > 3 and sample.pick(visit, 27, 3) = 0 then 45 else 0 end
  ),
  md5('session' || visit)::uuid::text,
  case when sample.pick(i, 23, 3) > 0 then 1 + sample.pick(visit, 24, 1000) end,
  case when sample.pick(i, 21, 5) = 4 then 1 + sample.pick(i, 25, 10000) end,
  'https://shop.example.com/page/' || sample.pick(i, 26, 100)
from generate_series($1::bigint, $2::bigint) i
cross join lateral (select i > 35 and sample.pick(i, 28, 10) = 0 as is_late) late
cross join lateral (select i / 7 - case when is_late then 5 else 0 end as visit, i % 7 as place) part
on conflict do nothing`;

const PENDING = `
select event_id, event_type, to_char(occurred_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as occurred_at,
  session_id, customer_id, order_id, page_url
from sample.web_events where not accepted order by event_id limit ${BATCH}`;

/**
 * Sends new events to the collector, a batch at a time. An event is written down before it is sent and ticked off
 * when the collector has taken it, so that after a kill it is sent again: the same event, by its ID.
 * @param send posts the events; resolves when they were taken
 */
export async function sendEvents(
  client: Client,
  events: number,
  send: (events: readonly object[]) => Promise<void>,
): Promise<string> {
  const have = Number((await client.query<{ n: string }>('select count(*) as n from sample.web_events')).rows[0].n);
  await client.query(MAKE, [have + 1, have + events]);
  let sent = 0;
  let broken = 0;
  for (;;) {
    const { rows } = await client.query<{ event_id: string }>(PENDING);
    if (rows.length === 0) break;
    const batch: object[] = rows.map(({ ...event }) =>
      Object.fromEntries(
        Object.entries(event).map(([name, value]) => [
          name,
          /^(customer|order)_id$/.test(name) && value ? Number(value) : value,
        ]),
      ),
    );
    await send([...batch, { event_id: `broken-${rows[0].event_id.slice(0, 8)}`, ...BROKEN }]);
    broken += 1;
    sent += rows.length;
    await client.query('update sample.web_events set accepted = true where event_id = any($1)', [
      rows.map((r) => r.event_id),
    ]);
  }
  return `${sent.toLocaleString('en')} events sent, and ${broken} that break the contract`;
}
