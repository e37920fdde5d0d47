import { AwsClient } from 'aws4fetch';
import { credentials, REGION } from '../local/parts';

/** The deployed roles of a run, from which a test takes permissions. */

/** IAM's answer, in XML. */
async function ask(endpoint: string, Action: string, more: Record<string, string> = {}): Promise<string> {
  const body = new URLSearchParams({ Action, Version: '2010-05-08', ...more }).toString();
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const iam = new AwsClient({ ...credentials, region: REGION, service: 'iam' });
  const answer = await iam.fetch(endpoint, { method: 'POST', body, headers });
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return text;
}

const between = (xml: string, tag: string): string[] =>
  [...xml.matchAll(new RegExp(`<${tag}>([^<]*)</${tag}>`, 'g'))].map(([, text]) => text);

interface Policy {
  readonly Statement: { readonly Action: string | string[] }[];
}

/** Takes an action from the deployed role whose name contains `part`; what it gives puts it back. */
export async function without(endpoint: string, part: string, action: string): Promise<() => Promise<unknown>> {
  const named = between(await ask(endpoint, 'ListRoles', { MaxItems: '1000' }), 'RoleName').filter((name) =>
    name.includes(part),
  );
  expect(named).toHaveLength(1);
  const [RoleName] = named;
  const [PolicyName] = between(await ask(endpoint, 'ListRolePolicies', { RoleName }), 'member');
  const [found] = between(await ask(endpoint, 'GetRolePolicy', { RoleName, PolicyName }), 'PolicyDocument');
  const whole = decodeURIComponent(found).replaceAll('&quot;', '"');
  const { Statement, ...rest } = JSON.parse(whole) as Policy;
  const left = Statement.map((one) => ({ ...one, Action: [one.Action].flat().filter((each) => each !== action) }));
  expect(left.flatMap(({ Action }) => Action).length).toBeLessThan(
    Statement.flatMap(({ Action }) => [Action].flat()).length,
  );
  const put = (PolicyDocument: string) => ask(endpoint, 'PutRolePolicy', { RoleName, PolicyName, PolicyDocument });
  await put(JSON.stringify({ ...rest, Statement: left.filter(({ Action }) => Action.length > 0) }));
  return () => put(whole);
}

/** The first of the lines that says that this role may not do that, on a resource. */
export const refusal = (lines: readonly string[], role: string, action: string): string | undefined =>
  lines.find((line) =>
    new RegExp(`${role}\\S* is not authorized to perform: ${action} on resource: \\S*arn:`).test(line),
  );
