import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../local/toolchain';
import { cases } from './faults/cases';
import { GOLD } from './faults/gold';
import { planted } from './faults/planted';

/**
 * A short selection of the fault harness (`npm run test:faults` runs all of it), and what it is worth: bugs that other
 * change capture has had are planted, and each turns a case red.
 */

const SELECTION = [
  'keys-moved-and-swapped',
  'equal-rows-without-a-key',
  'delivered-three-times',
  'changed-while-exported',
];

/** `npm run test:faults`, to its end. */
function harness(...args: string[]): { code: number | null; lines: string[] } {
  const run = ['--import', 'tsx', join('test', 'faults', 'run.ts'), ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, run, { cwd: ROOT, encoding: 'utf8' });
  return { code: status, lines: `${stdout}${stderr}`.trim().split('\n') };
}

const verdicts = (lines: readonly string[]): string[] =>
  lines.flatMap((line) => /^seed \d+ {2}(.*?) {2}[\d.]+ s$/.exec(line)?.[1] ?? []);

test('docs/reliability.md has what was seen of each case', () => {
  const page = readFileSync(join(ROOT, 'docs', 'reliability.md'), 'utf8');
  const rows = [...page.matchAll(/^\| \[([\w-]+)\]\(#.*?\) +\| (\d+) of (\d+) /gm)];
  expect(rows.map(([, name]) => name)).toEqual([...cases, GOLD].map(({ name }) => name));
  // As prettier writes it.
  const plain = page.replaceAll('\\', '');
  const texts = [...cases, GOLD].flatMap(({ what, promised, answer }) => [what, promised.text, answer]);
  expect(texts.filter((text) => !plain.includes(text))).toEqual([]);
  expect(rows.filter(([, , passed, seeds]) => passed !== seeds).map(([, name]) => name)).toEqual([]);
});

test('what is asked for and does not exist is said in one line', () => {
  expect(harness('--case', 'fire')).toEqual({
    code: 1,
    lines: [expect.stringMatching(/^--case is "fire": there are one-key-at-one-time, /)],
  });
  expect(harness('--seeds', 'many')).toEqual({
    code: 1,
    lines: ['--seeds is "many": a whole number from 0 on is allowed'],
  });
});

test('nothing is lost, doubled or wrong, whatever is delivered in whatever order', () => {
  const { code, lines } = harness('--case', SELECTION.join(','));
  expect({ code, lines: code === 0 ? [] : lines }).toEqual({ code: 0, lines: [] });
  expect(verdicts(lines)).toEqual([
    ...cases
      .map(({ name }) => name)
      .filter((name) => SELECTION.includes(name))
      .map((name) => `${name}  ok`),
    'gold-killed-between-delete-and-insert  ok',
  ]);
  expect(lines.at(-2)).toMatch(/^[1-9][\d,]* rows compared: 0 lost, 0 too many, 0 wrong$/);
  expect(lines.at(-1)).toBe('5 passed, 0 failed');
}, 600_000);

test('a bug of each kind that is planted is found', () => {
  const { code, lines } = harness('--seeds', '0', '--planted');
  expect({ code, lines: code === 0 ? [] : lines }).toEqual({ code: 0, lines: [] });
  expect(verdicts(lines)).toEqual(planted.map(({ name }) => `planted: ${name}  ok`));
}, 900_000);
