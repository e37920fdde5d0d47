import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { environment as environmentOf, environmentNames } from '../../config';
import { hasSample } from '../sample';
import { STATEFUL, STATEFUL_STACKS } from './stateful';
import { resources, synthesis } from './synthesis';

const keeping = environmentNames.filter((name) => environmentOf(name).removal === 'retain');

/** What the sample's own sources keep: it goes with them. */
const ofSample = /^Streams\/(ApiSecretsexchangerates|ChangeCaptureoperations|WriteKeyswebevents)/;

describe.each(environmentNames)('%s', (environment) => {
  const all = resources(synthesis(environment));

  test('what cannot be made again stands in a stateful stack, or is made again', () => {
    const elsewhere = all.filter(
      ({ stack, resource }) => resource.Type in STATEFUL && !STATEFUL_STACKS.includes(stack),
    );
    expect(elsewhere.map(({ stack, id }) => `${stack}/${id}`)).toEqual([
      // Publishing fills it again.
      'Serving/ServingTable4A6853FE',
    ]);
  });
});

describe.each(keeping)('%s keeps its data', (environment) => {
  const one = synthesis(environment);

  test('stateful resources stay when they leave the template or are replaced', () => {
    const lost = resources(one).filter(
      ({ stack, resource }) =>
        STATEFUL_STACKS.includes(stack) &&
        resource.Type in STATEFUL &&
        (resource.DeletionPolicy !== 'Retain' || resource.UpdateReplacePolicy !== 'Retain'),
    );
    expect(lost.map(({ stack, id }) => `${stack}/${id}`)).toEqual([]);
  });

  test('stateful stacks refuse to be deleted', () => {
    const stacks = one.assembly.stacks.map((stack) => [stack.stackName, stack.terminationProtection]);
    expect(stacks.filter(([, isProtected]) => isProtected).map(([name]) => name)).toEqual(
      STATEFUL_STACKS.map((stack) => `moraine-${environment}-${stack.toLowerCase()}`),
    );
  });
});

test('logical IDs of stateful resources are those of the baseline', () => {
  const found: Record<string, string> = {};
  for (const { stack, id, resource } of resources(synthesis(keeping.at(-1) ?? environmentNames[0]))) {
    if (STATEFUL_STACKS.includes(stack) && resource.Type in STATEFUL) found[`${stack}/${id}`] = resource.Type;
  }
  const baseline = JSON.parse(readFileSync(join(__dirname, 'stateful.json'), 'utf8')) as Record<string, string>;
  const kept = Object.keys(baseline).filter((id) => hasSample || !ofSample.test(id));
  const gone = kept.filter((id) => found[id] !== baseline[id]);
  const added = Object.keys(found).filter((id) => !(id in baseline));
  if (gone.length > 0) {
    throw new Error(
      `A deployment would leave these behind and begin with empty ones: ${gone.join(', ')}. ` +
        'Give their constructs the ids and places back that they had. If it is meant, move the data first, correct ' +
        'test/lib/stateful.json and call the change breaking in CHANGELOG.md.',
    );
  }
  if (added.length > 0) {
    const lines = added.map((id) => `"${id}": "${found[id]}"`);
    throw new Error(`New stateful resources: add to test/lib/stateful.json: ${lines.join(', ')}`);
  }
});
