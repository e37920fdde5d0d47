import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Template } from 'aws-cdk-lib/assertions';
import { AwsSolutionsChecks } from 'cdk-nag';
import { environment as environmentOf } from '../../config';
import { datasetsOf, type EventExportSource } from '../../lambdas/shared/source';
import { readDeclarations } from '../../lib/declarations';
import { compileGraph } from '../../lib/pipeline-graph';
import { sources } from '../../sources';
import { adobe } from '../fixtures/event-exports/adobe';
import { ga4 } from '../fixtures/event-exports/ga4';
import { allowed, EVERY_RESOURCE, withoutReason } from './permissions';
import { testOfSample } from '../sample';
import { readable } from './readable';
import { at, synthesize } from './synthesis';

const REPO = join(__dirname, '..', '..');
/** The repo's declarations, with those that a fork would copy from the fixtures. */
const root = mkdtempSync(join(tmpdir(), 'moraine-event-exports-'));
for (const folder of [REPO, join(__dirname, '..', 'fixtures', 'event-exports')]) {
  cpSync(join(folder, 'contracts'), join(root, 'contracts'), { recursive: true });
}
symlinkSync(join(REPO, 'dbt'), join(root, 'dbt'));
afterAll(() => rmSync(root, { recursive: true }));

// A fork may have copied them already.
const copied = [ga4.dataset, adobe.dataset];
const others = sources.filter((source) => !datasetsOf(source).some((dataset) => copied.includes(dataset)));
const one = synthesize('dev', {}, [...others, ga4, adobe], root);
const declared = (...exports: EventExportSource[]) =>
  readDeclarations({ environment: environmentOf('dev'), sources: [...others, ...exports], root });

interface State {
  readonly Type: string;
  readonly [field: string]: unknown;
}
const pipeline = (): Record<string, State> => {
  const [machine] = Object.values(
    Template.fromJSON(one.templates.Transformation).findResources('AWS::StepFunctions::StateMachine'),
  );
  const parts = at(machine, 'Properties', 'DefinitionString', 'Fn::Join', 1) as unknown[];
  const definition: unknown = JSON.parse(parts.map((part) => (typeof part === 'string' ? part : 'token')).join(''));
  return at(definition, 'States', 'Each source', 'ItemProcessor', 'States') as Record<string, State>;
};

test('synthesizes the job, and what it may do', () => {
  const found = Object.entries(one.templates.Transformation.Resources).filter(([id]) => id.includes('LoadEventExport'));
  expect(readable({ Resources: Object.fromEntries(found) }, 'dev')).toMatchSnapshot();
});

test('tells of events that lie in quarantine', () => {
  const transformation = Template.fromJSON(one.templates.Transformation);
  transformation.hasResourceProperties('AWS::Logs::MetricFilter', {
    FilterPattern: '{ $.job = "load_delivery" && $.quarantined >= 0 }',
    MetricTransformations: [{ MetricName: 'event-exports-quarantined', MetricValue: '$.quarantined' }],
  });
  transformation.hasResourceProperties('AWS::CloudWatch::Alarm', { MetricName: 'event-exports-quarantined' });
});

test('passes the gates', () => {
  const { violations } = new AwsSolutionsChecks().validateScope(one.app);
  const found = violations.flatMap(({ ruleName, violatingResources }) =>
    violatingResources.map(({ constructPath }) => `${ruleName} at ${constructPath ?? '?'}`),
  );
  const everywhere = allowed(one).filter((statement) => statement.resources.includes('*'));
  expect([found, withoutReason(everywhere, EVERY_RESOURCE)]).toEqual([[], []]);
});

test('the job reads what is delivered for its sources, and writes nothing to the landing bucket', () => {
  const mine = allowed(one).filter(({ who }) => who.includes('LoadEventExportRole'));
  const landing = mine
    .filter(({ resources }) => JSON.stringify(resources).includes('event-exports/'))
    .flatMap(({ action, resources }) =>
      resources.map((resource) => [action, JSON.stringify(resource).match(/event-exports[^"]*/)?.[0]]),
    );
  expect(landing).toEqual(
    expect.arrayContaining([
      ['s3:GetObject', 'event-exports/adobe/*'],
      ['s3:GetObject', 'event-exports/ga4/*'],
    ]),
  );
  expect(new Set(landing.map(([action]) => action))).toEqual(new Set(['s3:GetObject']));
  const writes = mine.filter(
    ({ action, resources }) => /Put|Delete/.test(action) && JSON.stringify(resources).includes('Landing'),
  );
  expect(writes).toEqual([]);
});

test('the pipeline loads what was delivered, by the declaration, then merges it', () => {
  const states = pipeline();
  expect(at(states, 'Way in', 'Choices')).toContainEqual({
    Condition: "{% $states.input.wayIn = 'delivery' %}",
    Next: 'Each export',
  });
  expect(at(states, 'Each export', 'ItemProcessor', 'States')).toMatchObject({
    'Load event export': {
      Arguments: {
        Arguments: {
          '--source': '{% $states.input.source %}',
          '--format': '{% $states.input.format %}',
          '--fields': '{% $states.input.fields %}',
        },
      },
      Next: 'Merge event export',
    },
    'Merge event export': { End: true },
  });
});

test('a branch says how its export is read: defaults, and what the declaration says', () => {
  const { contracts } = declared(ga4, adobe);
  const branches = compileGraph([ga4, adobe], contracts);
  expect(branches.map(({ wayIn }) => wayIn)).toEqual(['delivery', 'delivery']);
  const fields = branches.map(({ datasets: [{ fields }] }) => JSON.parse(fields ?? '') as Record<string, string>);
  expect(fields).toMatchObject([
    { event_id: 'event_id', page_url: 'param:page_location', plan: 'user_property:plan' },
    { event_id: 'event_id', page_url: 'post_page_url', exclude_hit: 'exclude_hit', search_term: 'post_evar1' },
  ]);
});

testOfSample('without such a source there is no job, and no state', () => {
  const without = synthesize('dev');
  expect(JSON.stringify(without.templates.Transformation)).not.toMatch(/event_export|EventExport|event export/);
});

describe('refuses in one line', () => {
  test.each<[Partial<EventExportSource>, RegExp]>([
    [{ name: 'Google' }, /name is "Google": allowed are up to 40 of a-z/],
    [{ format: 'ga3' as 'ga4' }, /format is "ga3": allowed are "ga4", "adobe"; use one/],
    [
      { fields: { ...ga4.fields, plan: 'plan' } },
      /ga4_events\.plan is at "plan": allowed is a path such as \$\.geo\.country/,
    ],
    [{ fields: { ...ga4.fields, plan: '$.items[*].id' } }, /is at "\$\.items\[\*\]\.id": allowed is/],
    [{ fields: { ...ga4.fields, plan: '$.geo country' } }, /"\$\.geo country" is no path that is understood/],
    [
      { fields: { ...ga4.fields, plane: 'param:x' } },
      /fields has "plane", which is no column of contracts\/ga4_events/,
    ],
    [{ fields: {} }, /nobody knows where the export has "scrolled_percent": say so in fields, for example/],
    [
      { fields: { ...ga4.fields, page_title: 'event_id' } },
      /event_id, page_title is at "event_id": the key has to be one/,
    ],
    [{ fields: { ...ga4.fields, event_id: '$.user_id' } }, /the key is event_id, and no column is at "event_id"/],
  ])('the declaration %j', (change, message) => {
    expect(() => declared({ ...ga4, ...change }, adobe)).toThrow(message);
  });

  test('a column of Adobe that is none', () => {
    const wrong = { ...adobe, fields: { search_term: 'param:q' } };
    expect(() => declared(ga4, wrong)).toThrow(
      /adobe_hits\.search_term is at "param:q": allowed is a column of the feed/,
    );
  });
});
