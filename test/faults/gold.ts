import { setTimeout as pause } from 'node:timers/promises';
import type { World } from './world';

/** What is tried after all cases of a seed: gold, built of all that they have done. */
export const GOLD = {
  name: 'gold-killed-between-delete-and-insert',
  what: 'dbt is killed when it has deleted the rows of a fact that it is about to insert anew; then gold is built again.',
  promised: {
    text: 'The statements of an incremental model are one transaction, where autocommit does not end it.',
    source: 'https://docs.getdbt.com/reference/global-configs/redshift-changes',
  },
  answer: 'A killed build has written all of a fact or nothing; the next one takes what silver has merged since.',
};

/**
 * Kills dbt between the delete and the insert of a fact, and builds again.
 * @param dataset whose fact; none: nothing is killed
 * @throws Error when the killed build succeeded, or the next one did not
 */
export async function buildGold(world: World, dataset: string | undefined): Promise<void> {
  if (dataset !== undefined) await killBuild(world, dataset);
  const build = await world.built(await world.startBuild());
  if (build !== 'SUCCEEDED') throw new Error(`the build of gold ended as ${build}`);
}

async function killBuild(world: World, dataset: string): Promise<void> {
  await world.warehouseSql(`
    create or replace function wait_to_be_killed() returns trigger language plpgsql as
      $$ begin perform pg_sleep(600); return null; end $$;
    create trigger wait_to_be_killed before insert on gold.fct_${dataset}
      for each statement execute function wait_to_be_killed()`);
  const killed = await world.startBuild();
  const sleeping = `select pid from pg_stat_activity where wait_event = 'PgSleep'`;
  while ((await world.warehouseSql(sleeping)).length === 0) {
    if (await world.hasEnded(killed)) throw new Error(`${dataset} was not built: ${await world.built(killed)}`);
    await pause(50);
  }
  process.kill(await world.process('build'), 'SIGKILL');
  const status = await world.built(killed);
  if (status === 'SUCCEEDED') throw new Error('the build succeeded that was killed');
  await world.warehouseSql(`select pg_terminate_backend(pid) from (${sleeping}) as waiting;
    drop function wait_to_be_killed() cascade`);
}
