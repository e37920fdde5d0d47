import { Template } from 'aws-cdk-lib/assertions';
import { synthesis } from './synthesis';

test('the job that the replay starts by its name is there, and may write error objects where the replay looks', () => {
  const { templates } = synthesis('dev');
  const [{ Properties }] = Object.values(
    Template.fromJSON(templates.Ingestion).findResources('AWS::Lambda::Function', {
      Properties: { Description: 'lambdas/replay-records' },
    }),
  ) as { Properties: { Environment: { Variables: { JOB: string; WAYS: unknown } } } }[];
  const { JOB, WAYS } = Properties.Environment.Variables;
  const transformation = Template.fromJSON(templates.Transformation);
  transformation.hasResourceProperties('AWS::Glue::Job', { Name: JOB });
  const prefixes = [...JSON.stringify(WAYS).matchAll(/prefix\\+":\\+"([^\\"]+)/g)].map(([, prefix]) => prefix);
  expect(prefixes.length).toBeGreaterThan(0);
  const [role] = Object.entries(transformation.findResources('AWS::IAM::Policy')).filter(([id]) =>
    id.startsWith('SparkJobsReplayRowsRole'),
  );
  for (const prefix of prefixes) expect(JSON.stringify(role)).toContain(`/${prefix}*`);
});
