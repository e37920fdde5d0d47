/** The part of a template that the estimate reads. */
export interface Template {
  readonly Resources: Record<string, { readonly Type: string; readonly Properties?: Record<string, unknown> }>;
}

const HOURS = 730;

interface Price {
  readonly what: string;
  readonly unit: string;
  /** US dollars a month in us-east-1, for one unit. */
  readonly dollars: number;
  /** Units in a resource. */
  readonly count: (type: string, properties: Record<string, unknown>) => number;
}

/** Data processing units of a worker. */
const DPUS: Record<string, number> = { 'G.025X': 0.25, 'G.1X': 1, 'G.2X': 2, 'G.4X': 4, 'G.8X': 8 };

const ofType =
  (wanted: string) =>
  (type: string): number =>
    type === wanted ? 1 : 0;
/** DMS Serverless never goes below its least capacity while a replication runs; a standby costs as much again. */
const capacityUnits = ({ ComputeConfig }: Record<string, unknown>): number => {
  const { MinCapacityUnits = 1, MultiAZ = false } = (ComputeConfig ?? {}) as {
    MinCapacityUnits?: number;
    MultiAZ?: boolean;
  };
  return MultiAZ ? 2 * MinCapacityUnits : MinCapacityUnits;
};
const isProvisioned = (mode: unknown): boolean =>
  (mode as { StreamMode?: string } | undefined)?.StreamMode === 'PROVISIONED';
const length = (list: unknown): number => (Array.isArray(list) ? list.length : 0);

/** What costs money while nothing runs. `docs/guides/cost.md` names the source and the date of each price. */
export const prices: readonly Price[] = [
  {
    what: 'interface endpoints',
    unit: 'endpoint and zone',
    dollars: 0.01 * HOURS,
    count: (type, { VpcEndpointType, SubnetIds }) =>
      type === 'AWS::EC2::VPCEndpoint' && VpcEndpointType === 'Interface' ? length(SubnetIds) : 0,
  },
  {
    what: 'resident jobs',
    unit: 'DPU',
    dollars: 0.44 * HOURS,
    count: (type, { Command, WorkerType, NumberOfWorkers }) =>
      type === 'AWS::Glue::Job' && (Command as { Name: string }).Name === 'gluestreaming'
        ? Number(NumberOfWorkers) * DPUS[String(WorkerType)]
        : 0,
  },
  {
    what: 'change capture',
    unit: 'DMS unit and zone',
    dollars: 0.1133 * HOURS,
    count: (type, properties) => (type === 'AWS::DMS::ReplicationConfig' ? capacityUnits(properties) : 0),
  },
  {
    what: 'streams on demand',
    unit: 'stream',
    dollars: 0.04 * HOURS,
    count: (type, { StreamModeDetails }) =>
      type === 'AWS::Kinesis::Stream' && !isProvisioned(StreamModeDetails) ? 1 : 0,
  },
  {
    what: 'shards of streams',
    unit: 'shard',
    dollars: 0.015 * HOURS,
    count: (type, { ShardCount, StreamModeDetails }) =>
      type === 'AWS::Kinesis::Stream' && isProvisioned(StreamModeDetails) ? Number(ShardCount) : 0,
  },
  { what: 'web ACLs', unit: 'ACL', dollars: 5, count: ofType('AWS::WAFv2::WebACL') },
  {
    what: 'rules of web ACLs',
    unit: 'rule or group',
    dollars: 1,
    count: (type, { Rules }) => (type === 'AWS::WAFv2::WebACL' ? length(Rules) : 0),
  },
  { what: 'dashboards', unit: 'dashboard', dollars: 3, count: ofType('AWS::CloudWatch::Dashboard') },
  { what: 'alarms', unit: 'metric', dollars: 0.1, count: ofType('AWS::CloudWatch::Alarm') },
  { what: 'keys', unit: 'key', dollars: 1, count: ofType('AWS::KMS::Key') },
  {
    what: 'secrets',
    unit: 'secret',
    dollars: 0.4,
    count: (type, { ManageAdminPassword }) =>
      type === 'AWS::SecretsManager::Secret' ||
      (type === 'AWS::RedshiftServerless::Namespace' && ManageAdminPassword === true)
        ? 1
        : 0,
  },
];

/** Units of each price, in the order of `prices`. */
export function idleUnits(templates: readonly Template[]): number[] {
  const resources = templates.flatMap(({ Resources }) => Object.values(Resources));
  return prices.map(({ count }) =>
    resources.reduce((sum, { Type, Properties }) => sum + count(Type, Properties ?? {}), 0),
  );
}

/** The estimate as a Markdown table: environments side by side, units and dollars a month. */
export function idleTable(environments: Readonly<Record<string, readonly Template[]>>): string {
  const names = Object.keys(environments);
  const units = names.map((name) => idleUnits(environments[name]));
  const dollars = (value: number) => `$${value.toFixed(2)}`;
  const cells = prices.map((price, row) => [
    price.what,
    `${dollars(price.dollars)} per ${price.unit}`,
    ...units.map((column) => (column[row] === 0 ? '0' : `${column[row]}: ${dollars(column[row] * price.dollars)}`)),
  ]);
  const totals = units.map((column) =>
    dollars(column.reduce((sum, count, row) => sum + count * prices[row].dollars, 0)),
  );
  const table = [['a month', 'price', ...names], ...cells, ['**all**', '', ...totals.map((total) => `**${total}**`)]];
  const widths = table[0].map((_, column) => Math.max(3, ...table.map((row) => row[column].length)));
  const line = (row: string[]) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  return [line(table[0]), line(widths.map((width) => '-'.repeat(width))), ...table.slice(1).map(line)].join('\n');
}
