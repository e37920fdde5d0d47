import { dev } from './dev';
import { parseEnvironment, type Environment } from './environment';
import { local } from './local';
import { overlaps } from './network';
import { prod } from './prod';
import { staging } from './staging';

const environments: Record<string, unknown> = { local, dev, staging, prod };

/** The names of all environments. */
export const environmentNames: readonly string[] = Object.keys(environments);

/**
 * The environment of that name, checked.
 * @throws Error when there is none of that name, or one of its values is wrong.
 */
export function environment(name: unknown): Environment {
  if (typeof name !== 'string' || !environmentNames.includes(name)) {
    throw new Error(
      `No environment ${JSON.stringify(name) ?? 'given'}: there are ${environmentNames.join(', ')}. Name one, for example: -c env=dev`,
    );
  }
  return named(name);
}

/** The environment of a file, whose name is the file's: two files of one name would be one environment on AWS. */
function named(name: string): Environment {
  const found = parseEnvironment(`config/${name}.ts`, environments[name]);
  if (found.name !== name) {
    throw new Error(
      `config/${name}.ts: name is ${JSON.stringify(found.name)}: allowed is ${JSON.stringify(name)}, as in config/index.ts. Change it in config/${name}.ts.`,
    );
  }
  return found;
}

/** What is allowed in an environment, and still may not be meant: a sentence each. */
export function warnings(environment: Environment): string[] {
  const file = `config/${environment.name}.ts`;
  const neighbours = environmentNames
    .filter((name) => name !== 'local' && name !== environment.name && environment.name !== 'local')
    .map(named)
    .filter(({ network }) => overlaps(network.cidr, environment.network.cidr));
  const found = neighbours.map(
    ({ name, network }) =>
      `${file}: network.cidr ${environment.network.cidr} overlaps ${network.cidr} of config/${name}.ts: the two could never be connected.`,
  );
  if (environment.schedule !== 'none' && environment.alarmEmails.length === 0) {
    found.push(`${file}: alarmEmails is empty: nobody hears of alarms. Name at least one address.`);
  }
  return found;
}
