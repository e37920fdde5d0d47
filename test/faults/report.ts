import type { Case } from './case';

/** docs/reliability.md, made of the cases and of what a run of them has seen. */

/** File, among a run's results, of its verdicts as JSON. */
export const VERDICTS = 'verdicts.json';

/** What became of one case in one seed. */
export interface Verdict {
  readonly seed: number;
  readonly name: string;
  readonly passed: boolean;
  readonly seconds: number;
  /** Rows of the source that were compared. */
  readonly rows: number;
  /** Rows that a store lacked, had beyond the source's, or had with other values. */
  readonly lost: number;
  readonly extra: number;
  readonly wrong: number;
}

/** What a verdict's comparison counts. */
export type Counts = Pick<Verdict, 'rows' | 'lost' | 'extra' | 'wrong'>;

export const NOTHING: Counts = { rows: 0, lost: 0, extra: 0, wrong: 0 };

const sum = (verdicts: readonly Verdict[], of: (verdict: Verdict) => number): number =>
  verdicts.reduce((total, verdict) => total + of(verdict), 0);

const plural = (n: number, one: string): string => `${n.toLocaleString('en')} ${one}${n === 1 ? '' : 's'}`;

/** `N rows compared: …` */
export function told(counts: Counts): string {
  const [rows, lost, extra, wrong] = (['rows', 'lost', 'extra', 'wrong'] as const).map((of) =>
    counts[of].toLocaleString('en'),
  );
  return `${rows} rows compared: ${lost} lost, ${extra} too many, ${wrong} wrong`;
}

/** The last words of a run: `N rows compared: …`, then `N passed, N failed`. */
export function summary(verdicts: readonly Verdict[]): string {
  const total = (of: keyof Counts) => sum(verdicts, (verdict) => verdict[of]);
  const counts = { rows: total('rows'), lost: total('lost'), extra: total('extra'), wrong: total('wrong') };
  const passed = verdicts.filter((verdict) => verdict.passed).length;
  return `${told(counts)}\n${passed} passed, ${verdicts.length - passed} failed`;
}

function seen(verdicts: readonly Verdict[]): string {
  if (verdicts.length === 0) return 'not tried';
  const passed = verdicts.filter((verdict) => verdict.passed).length;
  const seconds = sum(verdicts, (verdict) => verdict.seconds) / verdicts.length;
  const rows = sum(verdicts, ({ rows }) => rows).toLocaleString('en');
  return `${passed} of ${plural(verdicts.length, 'seed')}, ${rows} rows compared, ${seconds.toFixed(1)} s each`;
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ');

/** The page. @param gold what is tried after all cases of a seed */
export function page(
  cases: readonly Pick<Case, 'name' | 'what' | 'promised' | 'answer'>[],
  verdicts: readonly Verdict[],
  day: string,
): string {
  const seeds = [...new Set(verdicts.map(({ seed }) => seed))];
  const [compared, counted] = summary(verdicts).split('\n');
  return `# What may go wrong, and what was seen

Made by \`npm run test:faults -- --seeds ${seeds.length} --first-seed ${seeds[0] ?? 1} --report\` on ${day}: ${compared}; ${counted}. Each case has tables of its
own, whose every row is compared with silver after it, and with gold after all cases of a seed. A seed gives the same changes,
faults and order of requests again: \`--seeds 1 --first-seed S --case NAME\` plays one of them. What moves by itself (when a
process is killed, which of two merges is first) differs from run to run.

The parts are those of a local run ([local.md](local.md)): the deployed templates, handlers and jobs on PostgreSQL, Spark and
Iceberg; the services of AWS are played. What AWS itself promises stands beside each case, with its source.

| case | what happens | what is promised | what the platform does | seen |
| --- | --- | --- | --- | --- |
${cases
  .map(
    ({ name, what, promised, answer }) =>
      `| \`${name}\` | ${cell(what)} | ${cell(promised.text)} ([source](${promised.source})) | ${cell(answer)} | ${seen(verdicts.filter((one) => one.name === name))} |`,
  )
  .join('\n')}
`;
}
