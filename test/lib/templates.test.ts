import { difference, readable } from './readable';
import { synthesis } from './synthesis';

/**
 * Production in full, each other environment as what differs from it. After a change that is meant:
 * `npx jest test/lib/templates --updateSnapshot`, and read the difference in git.
 */
describe('templates', () => {
  const prod = synthesis('prod').templates;
  const stacks = Object.keys(prod);

  test('the stacks, in the order in which rows meet them', () => {
    expect(stacks).toEqual([
      'Foundation',
      'Streams',
      'Warehouse',
      'Ingestion',
      'Serving',
      'Transformation',
      'Operations',
    ]);
  });

  test.each(stacks)('prod: %s', (stack) => {
    expect(readable(prod[stack], 'prod')).toMatchSnapshot();
  });

  describe.each(['local', 'dev', 'staging'])('%s differs from prod', (environment) => {
    const templates = synthesis(environment).templates;

    test.each(stacks)('in %s', (stack) => {
      const base = readable(prod[stack], 'prod');
      expect(difference(base, readable(templates[stack], environment))).toMatchSnapshot();
    });
  });
});
