import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { hasSample } from './sample';
import { headings, prose, ROOT } from './lib/links';

const files = [
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name.replaceAll('\\', '/')}`),
].sort();

/** Links of a page that lead nowhere; those to the sample's files may, when it is removed. */
function broken(file: string): string[] {
  const links = [...prose(file).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link);
  return links.filter((link) => {
    if (/^[a-z]+:/.test(link)) return false;
    const [path, anchor] = link.split('#');
    const target = path ? posix.join(dirname(file), path) : file;
    if (!existsSync(join(ROOT, target))) return hasSample || !/^(contracts|sources|sample|dbt)\//.test(target);
    return anchor !== undefined && !headings(target).includes(anchor);
  });
}

test.each(files)('the links of %s lead somewhere', (file) => {
  expect(broken(file)).toEqual([]);
});

test('every decision record stands in the index', () => {
  const index = prose('docs/decisions/README.md');
  const records = files.filter((file) => /^docs\/decisions\/\d/.test(file)).map((file) => posix.basename(file));
  expect(records.filter((record) => !index.includes(`(${record})`))).toEqual([]);
});
