import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { namesOf, parseContract, typeText } from '../lambdas/shared/contract';
import { readContracts } from '../lib/contracts';
import { ROOT, venv } from '../local/toolchain';

/** Contracts are read by TypeScript and by Python: what one takes and how, the other must take, and the same way. */

interface Property {
  name: string;
  physicalType?: string;
  primaryKey?: boolean;
  [field: string]: unknown;
}
interface Document {
  version: string;
  schema: { name: string; properties: Property[]; customProperties?: { property: string; value: unknown }[] }[];
  slaProperties?: { property: string; value: unknown; unit: string }[];
}

const base = (): Document & Record<string, unknown> => ({
  apiVersion: 'v3.1.0',
  kind: 'DataContract',
  id: 'things',
  version: '1.2.0',
  status: 'active',
  domain: 'sales',
  description: { purpose: 'Things.' },
  team: { name: 'owners' },
  schema: [
    {
      name: 'things',
      properties: [
        { name: 'b', physicalType: 'varchar(5)', primaryKey: true, primaryKeyPosition: 2 },
        { name: 'a', physicalType: 'bigint', primaryKey: true, primaryKeyPosition: 1 },
        { name: 'price', physicalType: 'decimal(12,2)', required: true, classification: 'confidential' },
      ],
    },
  ],
});

/** What is changed in the contract above, and what a reader that refuses it must say (null: it takes it). */
const cases: [name: string, change: (document: ReturnType<typeof base>) => unknown, refusal: RegExp | null][] = [
  ['as it is', () => undefined, null],
  ['every type', (d) => d.schema[0].properties.push(...TYPES), null],
  ['no key', (d) => d.schema[0].properties.forEach((p) => delete p.primaryKey), null],
  ['no columns', (d) => (d.schema[0].properties = []), /properties/],
  ['unknown type', (d) => (d.schema[0].properties[2].physicalType = 'money'), /price.*money.*allowed.*decimal\(p,s\)/],
  ['no type', (d) => delete d.schema[0].properties[2].physicalType, /physicalType/],
  ['type in capitals', (d) => (d.schema[0].properties[0].physicalType = 'VARCHAR(5)'), /VARCHAR\(5\).*allowed/],
  ['type with spaces', (d) => (d.schema[0].properties[2].physicalType = 'decimal(12, 2)'), /decimal\(12, 2\)/],
  ['too long', (d) => (d.schema[0].properties[0].physicalType = 'varchar(16385)'), /varchar\(16385\).*16384/],
  ['too precise', (d) => (d.schema[0].properties[2].physicalType = 'decimal(39,2)'), /decimal\(39,2\).*38/],
  ['scale above precision', (d) => (d.schema[0].properties[2].physicalType = 'decimal(2,3)'), /decimal\(2,3\)/],
  ['reserved name', (d) => (d.schema[0].properties[2].name = '_price'), /_price/],
  ['capital letter', (d) => (d.schema[0].properties[2].name = 'Price'), /Price/],
  ['name twice', (d) => (d.schema[0].properties[2].name = 'a'), /"?'?a'?"? is declared twice; remove one/],
  ['former names', (d) => (d.schema[0].properties[2].customProperties = formerly('cost', 'worth')), null],
  ['renamed back', (d) => (d.schema[0].properties[2].customProperties = formerly('price', 'worth')), null],
  [
    'former name that is in use',
    (d) => (d.schema[0].properties[2].customProperties = formerly('a')),
    /price.*a.*previousNames.*another column; a name means one column/,
  ],
  [
    'former name of two columns',
    (d) => [0, 2].forEach((i) => (d.schema[0].properties[i].customProperties = formerly('c'))),
    /price.*c.*previousNames.*another column/,
  ],
  ['key that has no bucket', (d) => (d.schema[0].properties[1].physicalType = 'double'), /can't bucket/],
  ['another name than its file', (d) => (d.schema[0].name = 'stuff'), /describes .stuff.; a contract's file/],
  ['two datasets', (d) => d.schema.push(d.schema[0]), /one (dataset|object)/],
  ['classification', (d) => (d.schema[0].properties[2].classification = 'secret'), /classification/],
  ['buckets', (d) => (d.schema[0].customProperties = [{ property: 'bucketCount', value: 4 }]), null],
  ['no buckets', (d) => (d.schema[0].customProperties = [{ property: 'bucketCount', value: 0 }]), /bucketCount is 0/],
  ['freshness', (d) => (d.slaProperties = [{ property: 'freshness', value: 2, unit: 'd' }]), null],
  ['retention', (d) => (d.slaProperties = [{ property: 'retention', value: 6, unit: 'm' }]), null],
  ['unit', (d) => (d.slaProperties = [{ property: 'freshness', value: 2, unit: 'y' }]), /freshness is 2/],
  [
    'freshness as a text',
    (d) => (d.slaProperties = [{ property: 'freshness', value: '2', unit: 'h' }]),
    /freshness is/,
  ],
  ['never fresh', (d) => (d.slaProperties = [{ property: 'freshness', value: 0, unit: 'h' }]), /freshness is 0/],
  ['values', (d) => (d.schema[0].properties[2].quality = rule), null],
];

const TYPES = 'boolean int bigint double date timestamp timestamptz varchar(16384) decimal(38,0)'
  .split(' ')
  .map((physicalType, i) => ({ name: `column_${i}`, physicalType }));
const formerly = (...value: string[]) => [{ property: 'previousNames', value }];
const rule = [{ type: 'library', metric: 'invalidValues', arguments: { validValues: ['x', 'y'] }, mustBe: 0 }];

/** A contract as both readers should see it. */
interface Seen {
  dataset: string;
  version: string;
  key: string[];
  owner: string;
  domain: string;
  buckets: number;
  freshness: number | null;
  retention: number | null;
  columns: [
    name: string,
    type: string,
    required: boolean,
    classification: string,
    values: string[] | null,
    names: string[],
  ][];
}

function typescript(file: string): Seen | string {
  try {
    const c = parseContract(file, parse(readFileSync(file, 'utf8')));
    return {
      ...{ dataset: c.dataset, version: c.version, key: [...c.key], owner: c.owner, domain: c.domain },
      ...{ buckets: c.bucketCount, freshness: c.freshnessHours ?? null, retention: c.retentionDays ?? null },
      columns: c.columns.map((x) => [
        ...([x.name, typeText(x.type), x.required, x.classification] as const),
        x.validValues ? [...x.validValues] : null,
        namesOf(x),
      ]),
    };
  } catch (error) {
    return (error as Error).message;
  }
}

const PYTHON = `
import json, sys
sys.path.insert(0, "glue-jobs")
from common.contract import ContractError
from common.contract_file import parse
def seen(file):
    try:
        c = parse(file, open(file).read())
    except ContractError as error:
        return str(error)
    return {"dataset": c.dataset, "version": c.version, "key": c.key, "owner": c.owner, "domain": c.domain,
      "buckets": c.bucket_count, "freshness": c.freshness_hours, "retention": c.retention_days,
      "columns": [[x.name, x.type, x.required, x.classification, x.valid_values, x.names] for x in c.columns]}
print(json.dumps([seen(file) for file in sys.argv[1:]]))
`;

function python(files: readonly string[]): (Seen | string)[] {
  const done = spawnSync(venv('python'), ['-c', PYTHON, ...files], { cwd: ROOT, encoding: 'utf8' });
  if (done.status !== 0) throw new Error(done.stderr);
  return JSON.parse(done.stdout) as (Seen | string)[];
}

let folder: string;
let files: string[];
let theirs: (Seen | string)[];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'moraine-contracts-'));
  files = cases.map(([, change], i) => {
    const document = base();
    change(document);
    mkdirSync(join(folder, `${i}`));
    const file = join(folder, `${i}`, 'things.odcs.yaml');
    writeFileSync(file, stringify(document, { aliasDuplicateObjects: false }));
    return file;
  });
  const own = readdirSync(join(ROOT, 'contracts')).map((file) => join(ROOT, 'contracts', file));
  files.push(...own);
  theirs = python(files);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each(cases.map(([name, , refusal], i) => [name, refusal, i] as const))('%s', (_, refusal, i) => {
  const ours = typescript(files[i]);
  if (refusal === null) {
    expect(ours).not.toEqual(expect.any(String));
    expect(theirs[i]).toEqual(ours);
    return;
  }
  for (const said of [ours, theirs[i]]) {
    expect(said).toEqual(expect.stringMatching(refusal));
    expect(said).toEqual(expect.stringMatching(/things\.odcs\.yaml/));
    expect(said).not.toEqual(expect.stringContaining('\n'));
  }
});

test('the contracts of this repo are read alike', () => {
  const own = files.slice(cases.length);
  expect(own.length).toBeGreaterThan(0);
  expect(theirs.slice(cases.length)).toEqual(own.map(typescript));
});

test('the contract in the guide is whole: both readers and the linter take it, and with its source it is under 20 lines', () => {
  const guide = readFileSync(join(ROOT, 'docs', 'guides', 'new-dataset.md'), 'utf8');
  const text = (/^ {3}```yaml\n([^`]*)^ {3}```$/m.exec(guide)?.[1] ?? '').replace(/^ {3}/gm, '');
  const { schema } = parse(text) as Document;
  expect(schema[0].properties).toHaveLength(5);
  expect(text.trim().split('\n').length + 1).toBeLessThan(20);

  const file = join(folder, `${schema[0].name}.odcs.yaml`);
  writeFileSync(file, text);
  const ours = typescript(file);
  expect(ours).toMatchObject({
    dataset: schema[0].name,
    buckets: 16,
    freshness: 26,
    owner: expect.any(String) as string,
  });
  expect(python([file])).toEqual([ours]);
  const lint = spawnSync(venv('datacontract'), ['lint', file], { encoding: 'utf8' });
  expect([lint.status, lint.stdout]).toEqual([0, expect.stringContaining('Data contract is valid')]);
});

describe('two contracts that nobody could tell apart are named by both readers', () => {
  const second = (change: (document: ReturnType<typeof base>) => unknown) => {
    const document = { ...base(), id: 'others', schema: [{ ...base().schema[0], name: 'others' }] };
    change(document);
    const root = mkdtempSync(join(folder, 'two-'));
    mkdirSync(join(root, 'contracts'));
    writeFileSync(join(root, 'contracts', 'others.odcs.yaml'), stringify(document));
    writeFileSync(join(root, 'contracts', 'things.odcs.yaml'), stringify({ ...base(), name: 'Things' }));
    return root;
  };
  const load = (root: string) => {
    const program = `
import sys
sys.path.insert(0, "glue-jobs")
from common.contract import ContractError
from common.contract_file import load_all
try:
    print(", ".join(load_all(sys.argv[1])))
except ContractError as error:
    print(error)
`;
    const args = ['-c', program, join(root, 'contracts')];
    return spawnSync(venv('python'), args, { cwd: ROOT, encoding: 'utf8' }).stdout.trim();
  };

  test.each<[string, string, (document: ReturnType<typeof base>) => unknown]>([
    ['dataset', 'things', (d) => (d.schema[0].name = 'things')],
    ['id', 'things', (d) => (d.id = 'things')],
    ['name', 'Things', (d) => (d.name = 'Things')],
  ])('the same %s', (field, value, change) => {
    const root = second(change);
    const message = `contracts/things.odcs.yaml: ${field} is "${value}", as in contracts/others.odcs.yaml; each contract has its own: remove one file, or correct it`;
    expect(() => readContracts(root)).toThrow(message);
    expect(load(root)).toBe(message);
  });

  test('two that differ are read', () => {
    const root = second(() => undefined);
    expect(readContracts(root).map(({ dataset }) => dataset)).toEqual(['others', 'things']);
    expect(load(root)).toBe('others, things');
  });

  test('one that lies deeper, which one of the readers would not see', () => {
    const root = second(() => undefined);
    mkdirSync(join(root, 'contracts', 'old'));
    writeFileSync(join(root, 'contracts', 'old', 'things.odcs.yaml'), stringify(base()));
    expect(() => readContracts(root)).toThrow(
      'contracts/old/things.odcs.yaml: stands in a folder of its own; put it into contracts/ itself',
    );
  });
});
