import { parseArgs } from 'node:util';
import { parseConnection, type Connection } from '../../local/connection';
import { SetupError } from '../../local/toolchain';
import { SOURCE_NAME, type Wanted } from './plan';

export const USAGE =
  'npm run source -- new database --name NAME --from postgresql://user:password@host:port/database ' +
  '[--schema public] [--tables a,b] [--skip-unfit] [--force]';

/** What `npm run source -- new database` is asked for. @throws SetupError in one line */
export function parseNewDatabase(args: readonly string[]): Wanted & { readonly from: Connection } {
  const options = {
    name: { type: 'string' },
    from: { type: 'string' },
    schema: { type: 'string', default: 'public' },
    tables: { type: 'string' },
    'skip-unfit': { type: 'boolean', default: false },
    force: { type: 'boolean', default: false },
  } as const;
  const { values } = orUsage(() => parseArgs({ args: [...args], options }));
  const { name, from, schema, tables } = values;
  if (name === undefined || from === undefined)
    throw new SetupError(`--${name ? 'from' : 'name'} is missing: ${USAGE}`);
  if (!SOURCE_NAME.test(name) || name.length > 40 || name === 'index') {
    throw new SetupError(
      `--name is ${JSON.stringify(name)}: allowed are up to 40 lower-case letters, digits and single _, a letter first, and not "index"`,
    );
  }
  const connection = parseConnection(from, '--from');
  for (const [what, value] of [
    ['--schema', schema],
    ["--from's database", connection.database],
  ]) {
    if (!/^[A-Za-z0-9_$]+$/.test(value)) {
      throw new SetupError(
        `${what} is ${JSON.stringify(value)}: RDS exports only where names have letters, digits, $ and _`,
      );
    }
  }
  return {
    ...{ name, schema, from: connection, database: connection.database },
    ...{
      skipUnfit: values['skip-unfit'],
      force: values.force,
      tables: tables?.split(',').map((table) => table.trim()),
    },
  };
}

function orUsage<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new SetupError(`${(error as Error).message.split('. ')[0]}: ${USAGE}`);
  }
}
