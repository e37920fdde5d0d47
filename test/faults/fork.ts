import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { startPostgres } from '../../local/postgres';
import { copyProject, edit, type ProjectCopy } from '../project-copy';
import type { Case } from './case';

/** The database of the cases, and the source that it is declared as. */
export const SOURCE = 'shop';

/** Folder, within the state of a run, of the PostgreSQL that plays the source. */
export const SOURCE_FOLDER = 'source';

/** A command of the fork's own. @throws Error with what it said when it fails */
function inFork({ folder }: ProjectCopy, ...args: string[]): void {
  const tsx = join('node_modules', 'tsx', 'dist', 'cli.mjs');
  const done = spawnSync(process.execPath, [tsx, ...args], { cwd: folder, encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`${args.join(' ')}: ${done.stdout}${done.stderr}`);
}

/**
 * A copy of the project made a fork, as docs/guides/fork.md says: without what is declared, its one source a captured database
 * with a table for each case, declared from that database's own catalogue. The copy's state has the database, without rows.
 */
export async function makeFork(cases: readonly Pick<Case, 'tables'>[]): Promise<ProjectCopy> {
  const copy = copyProject();
  inFork(copy, 'test/faults/clear.ts');
  const postgres = await startPostgres(join(copy.state, SOURCE_FOLDER), copy.port + 2, [SOURCE]);
  const client = await postgres.connect(SOURCE);
  for (const { tables } of cases) {
    for (const [name, columns] of Object.entries(tables)) await client.query(`create table ${name} (${columns})`);
    for (const [name, columns] of Object.entries(tables)) {
      // PostgreSQL takes no deferrable key as a table's identity.
      if (/^(?!.*primary key)|deferrable/.test(columns))
        await client.query(`alter table ${name} replica identity full`);
    }
  }
  await client.end();
  inFork(copy, 'scripts/source.ts', 'new', 'database', '--name', SOURCE, '--from', `${postgres.dsn}/${SOURCE}`);
  await postgres.stop();
  edit(copy, `sources/${SOURCE}.ts`, (text) => text.replace('};', '  capture: {},\n};'));
  edit(copy, 'config/local.ts', (text) =>
    text.replace(
      `instance: '${SOURCE}'`,
      `instance: '${SOURCE}', capture: { secretArn: captureSecret('${SOURCE}'), multiAz: false, streamRetentionHours: 24 }`,
    ),
  );
  return copy;
}
