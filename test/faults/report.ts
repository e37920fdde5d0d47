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

/** A row of the table of what was seen. */
function seen(name: string, verdicts: readonly Verdict[]): string {
  const passed = verdicts.filter((verdict) => verdict.passed).length;
  const seconds = sum(verdicts, (verdict) => verdict.seconds) / Math.max(1, verdicts.length);
  const rows = sum(verdicts, (verdict) => verdict.rows).toLocaleString('en');
  const tried = verdicts.length === 0 ? 'not tried' : `${passed} of ${verdicts.length}`;
  return `| [${name}](#${name}) | ${tried} | ${rows} | ${seconds.toFixed(1)} |`;
}

/** The page. @param verdicts of all cases, in as many seeds as there are */
export function page(
  cases: readonly Pick<Case, 'name' | 'what' | 'promised' | 'answer'>[],
  verdicts: readonly Verdict[],
  day: string,
): string {
  const seeds = [...new Set(verdicts.map(({ seed }) => seed))];
  const [compared, counted] = summary(verdicts).split('\n');
  const of = (name: string) => verdicts.filter((verdict) => verdict.name === name);
  return `# What may go wrong, and what was seen

Made by \`npm run test:faults -- --seeds ${seeds.length} --first-seed ${seeds[0] ?? 1} --report\` on ${day}: **${compared}; ${counted}.**

Each case has tables of its own, whose every row is compared with silver after it, and with gold after all cases of a seed. A
seed gives the same changes, faults and choices again (\`--seeds 1 --first-seed S --case NAME\` plays one of them); when
exactly a process dies, and which of two merges is first, differs from run to run. The parts are those of a local run
([local.md](local.md)): the deployed templates, handlers and jobs on PostgreSQL, Spark and Iceberg, with AWS's services
played. What is promised about AWS and the libraries stands beside each case, with its source.

| case | seeds passed | rows compared | seconds each |
| --- | --- | --- | --- |
${cases.map(({ name }) => seen(name, of(name))).join('\n')}

${cases
  .map(
    ({ name, what, promised, answer }) => `## ${name}

${what}

- **Promised**: ${promised.text} ([source](${promised.source}))
- **Here**: ${answer}
`,
  )
  .join('\n')}`;
}
