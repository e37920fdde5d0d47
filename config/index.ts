import { dev } from './dev';
import { parseEnvironment, type Environment } from './environment';
import { local } from './local';
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
  return parseEnvironment(`config/${name}.ts`, environments[name]);
}
