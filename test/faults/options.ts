import { parseArgs } from 'node:util';
import { SetupError } from '../../local/toolchain';
import { cases } from './cases';

/** What `npm run test:faults -- …` was asked for. */
export interface Wanted {
  readonly seeds: number;
  readonly firstSeed: number;
  /** Names of cases; empty: all. */
  readonly cases: readonly string[];
  /** Whether bugs are planted after the seeds, each of which has to be found. */
  readonly planted: boolean;
  /** Whether docs/reliability.md is written of what was seen. */
  readonly report: boolean;
}

const USAGE = 'npm run test:faults -- [--seeds N] [--first-seed S] [--case NAME,…] [--planted] [--report]';

function number(name: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new SetupError(`--${name} is ${JSON.stringify(text)}: a whole number from ${least} on is allowed`);
}

/** @throws SetupError in one line: the value got, the values allowed. */
export function parseFaults(args: readonly string[]): Wanted {
  const options = {
    seeds: { type: 'string', default: '1' },
    'first-seed': { type: 'string', default: '1' },
    case: { type: 'string', multiple: true, default: [] as string[] },
    planted: { type: 'boolean', default: false },
    report: { type: 'boolean', default: false },
  } as const;
  let values;
  try {
    ({ values } = parseArgs({ args: [...args], options }));
  } catch (error) {
    throw new SetupError(`${(error as Error).message.split('. ')[0]}. ${USAGE}`);
  }
  const wanted = (values.case ?? []).flatMap((names) => names.split(','));
  const known = cases.map(({ name }) => name);
  const unknown = wanted.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new SetupError(`--case is ${JSON.stringify(unknown)}: there are ${known.join(', ')}`);
  }
  return {
    seeds: number('seeds', values.seeds, 0),
    firstSeed: number('first-seed', values['first-seed'], 0),
    cases: wanted,
    planted: values.planted ?? false,
    report: values.report ?? false,
  };
}
