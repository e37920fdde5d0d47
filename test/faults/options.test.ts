import { SetupError } from '../../local/toolchain';
import { parseFaults, parseSoak } from './options';

function errorOf(parse: () => unknown): Error {
  try {
    parse();
  } catch (caught) {
    return caught as Error;
  }
  throw new Error('it was taken');
}

test.each([
  [['--minutes', 'ten'], /^--minutes is "ten": a whole number from 1 to 1440 is allowed$/],
  [['--minutes', '0'], /^--minutes is "0": a whole number from 1 to 1440 is allowed$/],
  [['--minutes', ''], /^--minutes is "": a whole number/],
  [['--changes', '1001'], /^--changes is "1001": a whole number from 1 to 1000 is allowed$/],
  [['--changes', '2.5'], /^--changes is "2.5"/],
  [['--seed=-1'], /^--seed is "-1": a whole number from 0 on is allowed$/],
  [['--plot', 'soak.png'], /^--plot is "soak.png": the name of a file that ends in .svg is allowed$/],
  [['--plots', 'x.svg'], /^Unknown option '--plots'\. npm run soak -- \[--minutes N\]/],
  [['5'], /^Unexpected argument '5'/],
])('soak %j gets one line that says what is allowed', (args, message) => {
  const error = errorOf(() => parseSoak(args));
  expect(error).toBeInstanceOf(SetupError);
  expect(error.message).toMatch(message);
  expect(error.message).not.toContain('\n');
});

test('a soak is of ten minutes and 50 changes a second, unless it is asked for more', () => {
  const usual = { minutes: 10, changes: 50, seed: 1, plot: '.cache/soak/soak.svg' };
  expect(parseSoak([])).toEqual(usual);
  expect(parseSoak(['--minutes', '30', '--seed=0', '--plot', 'a.svg', '--plot', '/b.svg'])).toEqual({
    ...usual,
    minutes: 30,
    seed: 0,
    plot: '/b.svg',
  });
});

test.each([
  [['--seeds', '-'], /^--seeds is "-": a whole number from 0 on is allowed$/],
  [['--case', 'nothing-at-all'], /^--case is "nothing-at-all": there are one-key-at-one-time, /],
  [['--seed', '1'], /^Unknown option '--seed'\. npm run test:faults -- /],
])('test:faults %j gets one line that says what is allowed', (args, message) => {
  expect(errorOf(() => parseFaults(args)).message).toMatch(message);
});
