import type { Contract } from './contract';
import { compilePath } from './json-path';

/**
 * Events that a web analytics tool exports as files, delivered below `event-exports/<name>/` of the landing bucket.
 * docs/guides/event-exports.md says who puts them there.
 */
export interface EventExportSource {
  readonly kind: 'event_export';
  readonly name: string;
  /**
   * - `ga4`: Google Analytics 4, the daily tables that it exports to BigQuery, as JSON or Parquet.
   * - `adobe`: Adobe Analytics, data feeds with a manifest, as multiple files with Gzip.
   */
  readonly format: 'ga4' | 'adobe';
  readonly dataset: string;
  /**
   * Where an event has a column's value: column → place. For `ga4` a JSONPath (`$.geo.country`), `param:<key>` of
   * event_params or `user_property:<key>`; for `adobe` a column of the feed. Several joined by `+` become one text
   * with `-` between, null if one is. `event_id` is what tells events apart: the place of the key, and of nothing else.
   * @default - `PLACES`; with `adobe` the column of the same name
   */
  readonly fields?: Readonly<Record<string, string>>;
}

const EVENT_ID = 'event_id';

/** Where columns of these names are found, unless `fields` says otherwise. */
export const PLACES: Readonly<Record<EventExportSource['format'], Readonly<Record<string, string>>>> = {
  ga4: {
    event_id: EVENT_ID,
    event_type: '$.event_name',
    event_name: '$.event_name',
    event_date: '$.event_date',
    occurred_at: '$.event_timestamp',
    visitor_id: '$.user_pseudo_id',
    user_id: '$.user_id',
    session_id: '$.user_pseudo_id+param:ga_session_id',
    session_number: 'param:ga_session_number',
    page_url: 'param:page_location',
    page_title: 'param:page_title',
    referrer: 'param:page_referrer',
    engagement_ms: 'param:engagement_time_msec',
    device_category: '$.device.category',
    operating_system: '$.device.operating_system',
    browser: '$.device.web_info.browser',
    language: '$.device.language',
    country: '$.geo.country',
    region: '$.geo.region',
    city: '$.geo.city',
    campaign: '$.collected_traffic_source.manual_campaign_name',
    medium: '$.collected_traffic_source.manual_medium',
    platform: '$.platform',
    stream_id: '$.stream_id',
    transaction_id: '$.ecommerce.transaction_id',
    revenue: '$.ecommerce.purchase_revenue',
    currency: 'param:currency',
  },
  adobe: {
    event_id: EVENT_ID,
    occurred_at: 'hit_time_gmt',
    visitor_id: 'post_visid_high+post_visid_low',
    session_id: 'post_visid_high+post_visid_low+visit_num+visit_start_time_gmt',
    session_number: 'visit_num',
    page_url: 'post_page_url',
    page_title: 'post_pagename',
    referrer: 'post_referrer',
    event_list: 'post_event_list',
    product_list: 'post_product_list',
    campaign: 'post_campaign',
    country: 'geo_country',
    region: 'geo_region',
    city: 'geo_city',
    transaction_id: 'post_purchaseid',
    currency: 'post_currency',
  },
};

/**
 * Checks a declaration.
 * @throws Error in one line: the value got, the values allowed, what to do.
 */
export function checkEventExportSource({ name, format, dataset, fields = {} }: EventExportSource): void {
  const at = `sources/${name}.ts`;
  if (!/^[a-z][a-z0-9_]{0,39}$/.test(name)) {
    throw new Error(
      `${at}: name is ${JSON.stringify(name)}: allowed are up to 40 of a-z, 0-9 and _, a letter first; rename it`,
    );
  }
  if (!(format in PLACES)) {
    throw new Error(`${at}: format is ${JSON.stringify(format)}: allowed are "ga4", "adobe"; use one`);
  }
  for (const [column, place] of Object.entries(fields)) {
    if (place === EVENT_ID) continue;
    for (const part of place.split('+')) checkPlace(`${at}: ${dataset}.${column}`, format, part);
  }
}

function checkPlace(where: string, format: EventExportSource['format'], place: string): void {
  const allowed = {
    adobe: [/^[a-z][a-z0-9_]*$/, 'a column of the feed such as post_page_url'],
    ga4: [
      /^(param|user_property):.+$|^\$[^*]+$/,
      'a path such as $.geo.country, param:page_location, user_property:plan',
    ],
  } as const;
  const [form, forms] = allowed[format];
  if (!form.test(place)) {
    throw new Error(
      `${where} is at ${JSON.stringify(place)}: allowed is ${forms}, or some of them joined by +; correct it`,
    );
  }
  if (place.startsWith('$')) compilePath(where, place);
}

/**
 * Where each column of the dataset is found in the export.
 * @throws Error in one line when there is no telling, or the key does not tell events apart.
 */
export function placesOf(source: EventExportSource, contracts: readonly Contract[]): Record<string, string> {
  const { name, format, dataset, fields = {} } = source;
  const at = `sources/${name}.ts: ${dataset}`;
  const contract = contracts.find((one) => one.dataset === dataset);
  if (!contract) throw new Error(`${at} has no contract; write contracts/${dataset}.odcs.yaml`);
  const columns = contract.columns.map((column) => column.name);
  const unknown = Object.keys(fields).find((column) => !columns.includes(column));
  if (unknown !== undefined) {
    throw new Error(
      `${at}: fields has ${JSON.stringify(unknown)}, which is no column of contracts/${dataset}.odcs.yaml: there are ${columns.join(', ')}`,
    );
  }
  const known: Readonly<Record<string, string | undefined>> = { ...PLACES[format], ...fields };
  const places: Record<string, string> = {};
  for (const column of columns) {
    const place = known[column] ?? (format === 'adobe' ? column : undefined);
    if (place === undefined) {
      throw new Error(
        `${at}: nobody knows where the export has ${JSON.stringify(column)}: say so in fields, for example ${column}: 'param:${column}'; known are ${Object.keys(PLACES[format]).join(', ')}`,
      );
    }
    places[column] = place;
  }
  const ids = columns.filter((column) => places[column] === EVENT_ID);
  const type = contract.columns.find((column) => column.name === ids[0])?.type;
  if (ids.length !== 1 || contract.key.join() !== ids[0] || type?.name !== 'varchar' || type.length < 50) {
    throw new Error(
      `${at}: the key is ${contract.key.join(', ')}, and ${ids.join(', ') || 'no column'} is at "event_id": the key has to be one column that is at "event_id", varchar(50) or longer`,
    );
  }
  return places;
}
