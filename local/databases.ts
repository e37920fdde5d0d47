import type { DatabaseSource, Source } from '../lambdas/shared/source';
import { parseConnection, type Connection } from './connection';
import type { Postgres } from './postgres';
import { SetupError } from './toolchain';

/** The databases that the user gave, by the source's name; ours play the others. They are read, and never written to. */
export type Given = Readonly<Record<string, Connection>>;

const isDatabase = (source: Source): source is DatabaseSource => source.kind === 'database';

/**
 * The databases of `--database NAME=ADDRESS`.
 * @param played names of the sources that the sample plays
 * @throws SetupError in one line, without the password, when a name or an address is wrong
 */
export function givenDatabases(texts: readonly string[], sources: readonly Source[], played: readonly string[]): Given {
  const given: Record<string, Connection> = {};
  for (const text of texts) {
    const at = text.indexOf('=');
    const name = text.slice(0, Math.max(0, at));
    const source = sources.filter(isDatabase).find((each) => each.name === name);
    if (!source) {
      const names = sources.filter(isDatabase).map((each) => each.name);
      // Without a name the text is an address, maybe.
      const got = /^\w+$/.test(name) ? JSON.stringify(name) : 'no name';
      throw new SetupError(
        `--database has ${got} before its =: allowed are database sources (${names.join(', ') || 'there is none'}), as in --database NAME=postgresql://…`,
      );
    }
    if (name in given) throw new SetupError(`--database ${name} is given twice: give it once`);
    if (played.includes(name)) {
      throw new SetupError(
        `--database ${name}: sample/ plays ${name}, so it has no other database here: npm run source -- remove-sample takes the sample away`,
      );
    }
    const connection = parseConnection(text.slice(at + 1), `--database ${name}`);
    if (connection.database !== source.database) {
      throw new SetupError(
        `--database ${name} is a database called ${JSON.stringify(connection.database)}, and sources/${name}.ts says ${JSON.stringify(source.database)}: give that one, or change database there`,
      );
    }
    given[name] = connection;
  }
  return given;
}

/** The databases that our own PostgreSQL has to have. */
export const ourDatabases = (sources: readonly Source[], given: Given): string[] =>
  sources.filter(isDatabase).flatMap(({ name, database }) => (name in given ? [] : [database]));

/** Connection of the database of a source: the user's, or one of our own PostgreSQL. */
export const databaseDsn = (source: DatabaseSource, given: Given, ours: Postgres): string =>
  given[source.name]?.dsn ?? `${ours.dsn}/${source.database}`;

/** Database of our own PostgreSQL in which the sample writes down what it has sent: the first that it has. */
export const ledgerOf = (sources: readonly Source[], given: Given): string =>
  ourDatabases(sources, given).at(0) ?? 'postgres';
