import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Case } from './case';
import { cases } from './cases';
import { compared, short, type Outcome } from './compared';
import { buildGold, GOLD } from './gold';
import { parseFaults } from './options';
import { plant, planted, type Planted } from './planted';
import { NOTHING, summary, VERDICTS, type Verdict } from './report';
import { World } from './world';

/** Within the fork: runs the cases of each seed, and prints a line for each. */

async function outcomeOf(work: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await work();
  } catch (error) {
    return { lines: [short(error instanceof Error ? error.message : String(error))], counts: NOTHING };
  }
}

/** Runs a case, and compares its tables with silver. */
const tried = ({ name, run, tables }: Case, seed: number, world: World): Promise<Outcome> =>
  outcomeOf(async () => {
    await world.begin(seed, name);
    await run(world);
    return compared(world, Object.keys(tables), ['silver']);
  });

/** Builds gold of what all of these cases have done, and compares it with the source. */
const built = (done: readonly Case[], seed: number, world: World): Promise<Outcome> =>
  outcomeOf(async () => {
    await world.begin(seed, GOLD.name);
    const kept = done.filter(({ changesColumns }) => !changesColumns).flatMap(({ tables }) => Object.keys(tables));
    await buildGold(world, kept.length > 0 ? world.random.pick(kept) : undefined);
    const all = done.flatMap(({ tables }) => Object.keys(tables));
    return compared(world, all, ['silver', 'gold']);
  });

/** Plants a bug. What is wrong is that its case finds nothing wrong. */
const found = (bug: Planted, seed: number, world: World): Promise<Outcome> =>
  outcomeOf(async () => {
    const one = cases.find(({ name }) => name === bug.foundBy);
    if (!one) throw new Error(`there is no case ${bug.foundBy}`);
    const takeOut = plant(bug);
    try {
      await world.reset();
      await world.change();
      const { lines } = await tried(one, seed, world);
      for (const line of lines) console.log(`  ${bug.foundBy}: ${line.trim()}`);
      return { lines: lines.length > 0 ? [] : [`${bug.foundBy} found nothing wrong`], counts: NOTHING };
    } finally {
      takeOut();
    }
  });

const once = (work: () => Promise<unknown>): (() => void) => {
  let begun: Promise<unknown> | undefined;
  return () => void (begun ??= work());
};

async function main(): Promise<void> {
  const wanted = parseFaults(process.argv.slice(2));
  const chosen = cases.filter(({ name }) => wanted.cases.length === 0 || wanted.cases.includes(name));
  const world = new World({ state: process.env.FAULTS_STATE ?? '', port: Number(process.env.FAULTS_PORT) });
  const end = once(() => world.stop().finally(() => process.exit(130)));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, end);
  const verdicts: Verdict[] = [];
  const tell = async (seed: number, name: string, work: () => Promise<Outcome>) => {
    const begun = performance.now();
    const { lines, counts } = await work();
    const seconds = (performance.now() - begun) / 1000;
    verdicts.push({ seed, name, passed: lines.length === 0, seconds, ...counts });
    console.log(`seed ${seed}  ${name}  ${lines.length === 0 ? 'ok' : 'FAILED'}  ${seconds.toFixed(1)} s`);
    for (const line of lines) console.log(`  ${line}`);
  };
  try {
    await world.deploy();
    for (let seed = wanted.firstSeed; seed < wanted.firstSeed + wanted.seeds; seed += 1) {
      await world.reset();
      for (const one of chosen) await tell(seed, one.name, () => tried(one, seed, world));
      await tell(seed, GOLD.name, () => built(chosen, seed, world));
    }
    const bugs = planted.filter(({ foundBy }) => chosen.some(({ name }) => name === foundBy));
    for (const bug of wanted.planted ? bugs : []) {
      await tell(wanted.firstSeed, `planted: ${bug.name}`, () => found(bug, wanted.firstSeed, world));
    }
  } finally {
    await world.stop();
  }
  writeFileSync(join(process.env.FAULTS_RESULTS ?? '', VERDICTS), JSON.stringify(verdicts));
  console.log(`\n${summary(verdicts)}`);
  process.exitCode = verdicts.every(({ passed }) => passed) ? 0 : 1;
}

void main();
