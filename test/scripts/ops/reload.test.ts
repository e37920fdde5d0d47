import { isExported } from '../../../lambdas/shared/source';
import { newName, parseReload } from '../../../scripts/ops/reload';
import { sources } from '../../../sources';

const [exported] = sources.filter(isExported);

it('takes all tables of a source, or those that are named', () => {
  const all = parseReload(['--source', exported.name]);
  expect(all).toMatchObject({ source: exported.name, datasets: exported.datasets, environment: 'local' });
  expect(all.snapshot).toBeUndefined();
  const two = exported.datasets.slice(0, 2);
  const twice = [...two, two[0]].join(',');
  const some = parseReload(['--source', exported.name, '--dataset', twice, '--snapshot', 's']);
  expect(some).toMatchObject({ datasets: two, snapshot: 's' });
});

it('names snapshots as RDS allows it, each second another', () => {
  expect(newName('prod', new Date('2026-11-20T06:07:08.999Z'))).toBe('moraine-prod-reload-20261120-060708');
});

it.each<[string[], string | RegExp]>([
  [[], `--source is "": snapshots are loaded of ${exported.name}`],
  [['--source', 'x'], `--source is "x": snapshots are loaded of ${exported.name}`],
  [
    ['--source', exported.name, '--dataset', 'x'],
    `--dataset has "x": ${exported.name} has ${exported.datasets.join(', ')}, and several are parted by commas`,
  ],
  [['--source', exported.name, '--env', 'moon'], /^--env is "moon": there are local, dev/],
  [['--sauce'], /^Unknown option '--sauce'.*: use npm run ops/],
])('refuses %j in one line', (args, message) => {
  expect(() => parseReload(args)).toThrow(message);
});
