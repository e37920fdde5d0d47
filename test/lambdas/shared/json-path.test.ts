import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compilePath } from '../../../lambdas/shared/json-path';

interface Case {
  readonly path: string;
  readonly value: unknown;
  readonly found?: unknown[];
  readonly error?: boolean;
}

const cases = JSON.parse(readFileSync(join(__dirname, '../../fixtures/json-paths.json'), 'utf8')) as Case[];

test.each(cases)('$path of $value', ({ path, value, found }) => {
  if (found) expect(compilePath('here', path)(value)).toEqual(found);
  else
    expect(() => compilePath('here', path)).toThrow(
      /^here: .* is no path that is understood; allowed are such as \$\.name/,
    );
});
