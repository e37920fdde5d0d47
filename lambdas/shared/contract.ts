import { z } from 'zod';

/** Type of a column, as `physicalType` of a contract spells it: a name, and its numbers where it has some. */
export type ColumnType =
  | { name: 'boolean' | 'int' | 'bigint' | 'double' | 'date' | 'timestamp' | 'timestamptz' }
  | { name: 'decimal'; precision: number; scale: number }
  | { name: 'varchar'; length: number };

const TYPES = 'boolean, int, bigint, double, decimal(p,s), date, timestamp, timestamptz, varchar(n)';

/** Longest string that Redshift reads from an Iceberg table, in bytes. */
const MAX_LENGTH = 16384;

/** What stands for the key of a dataset whose source has none (`glue-jobs/common/keyless_merge.py`). */
export const ROW_KEY = ['_row_hash', '_row_copy'] as const;

/** One column of a dataset. */
export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  readonly required: boolean;
  readonly classification: 'public' | 'internal' | 'confidential' | 'personal';
  readonly description: string;
  /** Former names, oldest first: a migration renames the column instead of adding one. */
  readonly previousNames: readonly string[];
  /** The only values the column may hold. A table rule: it stops gold, not a row. */
  readonly validValues?: readonly string[];
}

/** What a column is called in what was written at one time or another: its name, then the former ones, newest first. */
export const namesOf = ({ name, previousNames }: Pick<Column, 'name' | 'previousNames'>): string[] => [
  ...new Set([name, ...[...previousNames].reverse()]),
];

/** A dataset as its contract (`contracts/<dataset>.odcs.yaml`) describes it. */
export interface Contract {
  readonly dataset: string;
  readonly version: string;
  readonly description: string;
  readonly domain: string;
  readonly owner: string;
  readonly columns: readonly Column[];
  /** Names of the key's columns, in order; `ROW_KEY` where no column is part of one. */
  readonly key: readonly string[];
  /** Buckets of the silver table. Default 16. */
  readonly bucketCount: number;
  /** Hours after which the dataset is stale. */
  readonly freshnessHours?: number;
  /** Days for which rows are to be kept. Declared; nothing enforces it yet. */
  readonly retentionDays?: number;
}

/** Whether the source's table has no key: it may have equal rows, and each is a row of its own. */
export const isKeyless = ({ key }: Pick<Contract, 'key'>): boolean => key[0] === ROW_KEY[0];

const custom = z.array(z.object({ property: z.string(), value: z.unknown() })).default([]);

const property = z.object({
  name: z.string(),
  physicalType: z.string({ error: `has no physicalType; give one of ${TYPES}` }),
  primaryKey: z.boolean().default(false),
  primaryKeyPosition: z.int().optional(),
  required: z.boolean().default(false),
  classification: z.enum(['public', 'internal', 'confidential', 'personal']).default('internal'),
  description: z.string().default(''),
  customProperties: custom,
  quality: z
    .array(
      z.object({
        type: z.string().default('library'),
        metric: z.string().optional(),
        arguments: z.object({ validValues: z.array(z.string()).optional() }).optional(),
      }),
    )
    .default([]),
});

const document = z.object({
  kind: z.literal('DataContract'),
  id: z.string(),
  name: z.string().optional(),
  version: z.string(),
  domain: z.string().default(''),
  description: z.object({ purpose: z.string().default('') }).optional(),
  team: z.object({ name: z.string() }).optional(),
  schema: z
    .array(z.object({ name: z.string(), properties: z.array(property).min(1), customProperties: custom }))
    .length(1, 'a contract describes one dataset'),
  slaProperties: z
    .array(z.object({ property: z.string(), value: z.unknown(), unit: z.string().optional() }))
    .default([]),
});

/**
 * Reads one contract out of its parsed YAML (Open Data Contract Standard v3.1.0).
 * @param file the file's name, for messages
 * @throws Error in one line: file, column, the value got, the values allowed.
 * @see https://bitol-io.github.io/open-data-contract-standard/v3.1.0/
 */
export function parseContract(file: string, yaml: unknown): Contract {
  const parsed = document.safeParse(yaml);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new Error(`${file}: ${issue.path.join('.') || 'document'}: ${issue.message}`);
  }
  const table = parsed.data.schema[0];
  if (file !== `${table.name}.odcs.yaml` && !file.endsWith(`/${table.name}.odcs.yaml`)) {
    throw new Error(`${file}: describes ${JSON.stringify(table.name)}; a contract's file is named after its dataset`);
  }
  const key = table.properties
    .filter((p) => p.primaryKey)
    .sort((a, b) => (a.primaryKeyPosition ?? 1) - (b.primaryKeyPosition ?? 1))
    .map((p) => p.name);
  const columns = table.properties.map((p) => parseColumn(file, p));
  checkColumns(file, columns, key[0]);
  return {
    dataset: table.name,
    version: parsed.data.version,
    description: parsed.data.description?.purpose ?? '',
    domain: parsed.data.domain,
    owner: parsed.data.team?.name ?? '',
    columns,
    key: key.length > 0 ? key : ROW_KEY,
    bucketCount: bucketCount(file, table.customProperties),
    freshnessHours: duration(file, parsed.data.slaProperties, 'freshness', { h: 1, d: 24 }),
    retentionDays: duration(file, parsed.data.slaProperties, 'retention', { d: 1, m: 30, y: 365 }),
  };
}

/** @throws Error when a name means two columns, or silver could not be bucketed by the key's first column. */
function checkColumns(file: string, columns: readonly Column[], first: string | undefined): void {
  const seen = new Set<string>();
  for (const { name, type } of columns) {
    if (seen.has(name)) throw new Error(`${file}: column ${JSON.stringify(name)} is declared twice; remove one`);
    seen.add(name);
    if (name === first && (type.name === 'boolean' || type.name === 'double')) {
      throw new Error(
        `${file}: the key's first column ${JSON.stringify(name)} is ${type.name}, which Iceberg can't bucket; put another first (primaryKeyPosition: 1)`,
      );
    }
  }
  for (const column of columns) {
    for (const former of namesOf(column).slice(1)) {
      if (seen.has(former)) {
        throw new Error(
          `${file}: column ${JSON.stringify(column.name)} has ${JSON.stringify(former)} under previousNames, which is the name, present or former, of another column; a name means one column: choose another for the new one`,
        );
      }
      seen.add(former);
    }
  }
}

function parseColumn(file: string, p: z.infer<typeof property>): Column {
  if (!/^[a-z][a-z0-9_]{0,62}$/.test(p.name)) {
    throw new Error(
      `${file}: column ${JSON.stringify(p.name)}: a name has lower-case letters, digits and _, and starts with a letter (names with a leading _ are the platform's)`,
    );
  }
  const validValues = p.quality.find((rule) => rule.type === 'library' && rule.metric === 'invalidValues')?.arguments
    ?.validValues;
  const previous = p.customProperties.find((c) => c.property === 'previousNames')?.value;
  return {
    name: p.name,
    type: parseType(`${file}: column ${p.name}`, p.physicalType),
    required: p.required || p.primaryKey,
    classification: p.classification,
    description: p.description,
    previousNames: previous === undefined ? [] : z.array(z.string()).parse(previous),
    ...(validValues && { validValues }),
  };
}

/** @throws Error when the text is none of the types that all engines on the row's path share. */
function parseType(where: string, text: string): ColumnType {
  const match = /^(\w+)(?:\((\d+)(?:,(\d+))?\))?$/.exec(text);
  const [, name, first, second] = match ?? [];
  const numbers = [first, second].filter((n) => n !== undefined).map(Number);
  if (name === 'decimal' && numbers.length === 2 && numbers[0] >= 1 && numbers[0] <= 38 && numbers[1] <= numbers[0]) {
    return { name, precision: numbers[0], scale: numbers[1] };
  }
  if (name === 'varchar' && numbers.length === 1 && numbers[0] >= 1 && numbers[0] <= MAX_LENGTH) {
    return { name, length: numbers[0] };
  }
  switch (name) {
    case 'boolean':
    case 'int':
    case 'bigint':
    case 'double':
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      if (numbers.length === 0) return { name };
  }
  throw new Error(
    `${where}: physicalType is ${JSON.stringify(text)}; allowed are ${TYPES} (p up to 38, n up to ${MAX_LENGTH})`,
  );
}

function bucketCount(file: string, properties: z.infer<typeof custom>): number {
  const value = properties.find((c) => c.property === 'bucketCount')?.value ?? 16;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > 1024) {
    throw new Error(`${file}: bucketCount is ${JSON.stringify(value)}; a whole number from 1 to 1024 is allowed`);
  }
  return value;
}

function duration(
  file: string,
  levels: z.infer<typeof document>['slaProperties'],
  name: string,
  units: Record<string, number>,
): number | undefined {
  const level = levels.find((l) => l.property === name);
  if (!level) return undefined;
  const factor = units[level.unit ?? ''];
  const { value } = level;
  if (!factor || typeof value !== 'number' || !(value > 0)) {
    throw new Error(
      `${file}: ${name} is ${JSON.stringify(level.value)} ${level.unit ?? ''}; a number above 0 with one of the units ${Object.keys(units).join(', ')} is allowed`,
    );
  }
  return value * factor;
}

/** The type's text, as the contract and SQL spell it, for example `decimal(12,2)`. */
export function typeText(type: ColumnType): string {
  if (type.name === 'decimal') return `decimal(${type.precision},${type.scale})`;
  if (type.name === 'varchar') return `varchar(${type.length})`;
  return type.name;
}
