import type { Case } from '../case';
import { ROOT } from '../../../local/toolchain';
import { add, edit, editContract, generate, rename, retype } from '../../project-copy';
import { THINGS, stir } from '../workload';

/** Columns change while rows of the old form are under way. */

const TABLES = ['columns_added', 'columns_dropped', 'columns_renamed', 'columns_widened'];

/** The project that runs: a copy, to be edited. */
const fork = { folder: ROOT, state: '', port: 0 };

export const schema: readonly Case[] = [
  {
    name: 'columns-added-dropped-renamed-widened',
    tables: Object.fromEntries(TABLES.map((table) => [table, THINGS])),
    changesColumns: true,
    what:
      'Columns are added, dropped, renamed and widened at the source and in the contracts, while rows of before stand in ' +
      'the log, in the stream and in bronze.',
    promised: {
      text: 'Iceberg knows columns by an id: a renamed or widened one reads the old files.',
      source: 'https://iceberg.apache.org/docs/1.10.0/evolution/',
    },
    answer:
      'The migration plans what changes without loss and refuses the rest; what a contract does not know yet is kept in _rest.',
    async run(world) {
      const stirAll = async (names: readonly string[], count: number) => {
        for (const table of names) await stir(world, table, count);
      };
      await stirAll(TABLES, 8);
      await world.settle(...TABLES);
      await stirAll(TABLES, 5);
      await world.flush(); // in bronze, under the old contracts
      await world.sql(`alter table columns_added add column extra text;
        update columns_added set extra = 'told before the contract knows it' where id % 2 = 0;
        update columns_dropped set note = null; alter table columns_dropped drop column note`);
      await world.sql(
        `insert into columns_dropped (id, n) select i, i from generate_series(100, 110) i on conflict do nothing`,
      );
      await world.pauseCapture(async () => {
        await stirAll(['columns_added', 'columns_renamed', 'columns_widened'], 5); // in the log alone
        editContract(fork, 'columns_added', '1.1.0', add('extra', 'varchar(100)'));
        editContract(fork, 'columns_renamed', '1.1.0', rename('n', 'number'));
        editContract(fork, 'columns_widened', '1.1.0', retype('n', 'bigint'));
        edit(fork, 'dbt/models/marts/facts/fct_columns_renamed.yml', (text) =>
          text.replace('name: n\n', 'name: number\n'),
        );
        generate(fork);
        await world.change();
      });
      await world.sql(`alter table columns_renamed rename column n to number;
        alter table columns_widened alter n type bigint;
        insert into columns_widened (id, n) values (500, 5000000000), (501, -5000000000);
        insert into columns_renamed (id, number) values (500, 5), (501, null);
        update columns_renamed set number = number + 1;
        update columns_added set extra = 'after', n = 1 where id % 3 = 0`);
      await world.flush();
      world.replay(...TABLES);
      await world.settle(...TABLES);
    },
  },
];
