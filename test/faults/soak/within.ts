import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Client, QueryResult } from 'pg';
import { again } from '../again';
import { compared } from '../compared';
import { buildGold } from '../gold';
import { parseSoak, type Soak } from '../options';
import { Random } from '../random';
import { told } from '../report';
import { copies, rows, transactions } from '../workload';
import { World } from '../world';
import { faultsInTurn } from './faults';
import { plot } from './plot';
import { csv, sample, type Happened, type Sample } from './sample';
import { KEYED, KEYLESS } from './tables';
import { ofFiles, ofMemory, type Judged } from './verdict';

/** Within the fork: changes and faults for some minutes, samples of memory and files, and a verdict. */

const SECOND = 1000;
const SAMPLE_EVERY = 5;
const MAINTAIN_EVERY = 60;
/** A run of the resident merge ends after so long, and the next takes over: on AWS that is a day. */
const RESIDENT = 60;
/** Keys of the one table, rows of the other. */
const KEYS = 5000;
const COPIES = 2000;
const DATASETS = [KEYED, KEYLESS];

/** The buckets are those of a contract that names no `bucketCount`. */
const UPKEEP = { buckets: 16, maintainEvery: MAINTAIN_EVERY };

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error)).slice(0, 200);

class SoakRun {
  private readonly begun = performance.now();
  private changed = 0;
  private over = false;
  readonly samples: Sample[] = [];
  readonly faults: Happened[] = [];

  constructor(
    private readonly world: World,
    private readonly wanted: Soak,
  ) {}

  get seconds(): number {
    return (performance.now() - this.begun) / SECOND;
  }

  say(line: string): void {
    console.log(`${this.seconds.toFixed(0).padStart(5)} s  ${line}`);
  }

  /** Everything at once, until the time is over and what runs has come to its end. */
  async run(): Promise<void> {
    const all = [this.change(), this.fail(), this.merge(), this.maintain(), this.look()];
    void pause(this.wanted.minutes * 60 * SECOND, undefined, { ref: false }).then(() => (this.over = true));
    await Promise.all(all);
  }

  /** Changes rows at a steady rate. The database may be away: then the connection is made anew. */
  private async change(): Promise<void> {
    const random = new Random(this.wanted.seed, 'changes');
    let client: Client | undefined;
    let due = performance.now();
    while (!this.over) {
      const text = random.chance(0.2) ? copies(KEYLESS, random, COPIES) : transactions(KEYED, random, 1, KEYS)[0];
      try {
        client ??= await this.world.connect();
        const changed = rowsOf(await client.query(text));
        this.changed += changed;
        due = Math.max(due, performance.now() - SECOND) + (changed * SECOND) / this.wanted.changes;
      } catch {
        await client?.end().catch(() => undefined);
        client = undefined;
        due = performance.now() + 200;
      }
      await pause(Math.max(1, due - performance.now()));
    }
    await client?.end();
  }

  /** Lets one fault after the other happen. In the second half no process is killed: their memory is measured. */
  private async fail(): Promise<void> {
    const { world } = this;
    const half = this.wanted.minutes * 30;
    let next = world.random.whole(15, 30);
    for (const { name, kills, run } of faultsInTurn(world.random)) {
      if (kills && this.seconds > half) continue;
      while (!this.over && this.seconds < next) await pause(100);
      if (this.over) return;
      const from = this.seconds;
      next = from + world.random.whole(15, 30);
      this.say(name);
      await run(world).catch((error: unknown) => this.say(`${name}: ${reason(error)}`));
      this.faults.push({ name, from, to: this.seconds });
    }
  }

  /** Starts the resident merge again when it has ended, as the schedule on AWS does. */
  private async merge(): Promise<void> {
    await this.repeat(1, 'the resident merge', async () => {
      const run = await this.world.start('merge_stream', { '--seconds': `${RESIDENT}` });
      const error = await this.world.ended('merge_stream', run, SECOND);
      if (error) throw new Error(error);
    });
  }

  private async maintain(): Promise<void> {
    await this.repeat(MAINTAIN_EVERY, 'the maintenance', async () => {
      if (this.seconds < MAINTAIN_EVERY) return;
      const args = { '--datasets': DATASETS.join(','), '--keep-hours': '0' };
      const error = await this.world.ended('maintain', await this.world.start('maintain', args), SECOND);
      if (error) throw new Error(error);
    });
  }

  /** Samples; the plot as it is so far is written every minute. */
  private async look(): Promise<void> {
    await this.repeat(SAMPLE_EVERY, 'a sample', async () => {
      this.samples.push(await sample(this.world, DATASETS, this.seconds, this.changed));
      if (this.samples.length % 12 === 0) this.write();
    });
  }

  /** Does something every so many seconds, or whenever it has ended if it takes longer. What fails is said. */
  private async repeat(every: number, what: string, work: () => Promise<void>): Promise<void> {
    while (!this.over) {
      const next = this.seconds + every;
      await work().catch((error: unknown) => this.say(`${what} failed, and is tried again: ${reason(error)}`));
      while (!this.over && this.seconds < next) await pause(100);
    }
  }

  /** Everything comes to rest. */
  async settle(): Promise<void> {
    await this.world.calm();
    await this.world.disturb({});
    this.say(
      `${this.changed.toLocaleString('en')} rows have changed, ${this.faults.length} faults happened: all comes to rest`,
    );
    await again(() => this.world.flush(300), 3);
    await this.world.job('merge', { '--datasets': DATASETS.join(',') });
  }

  write(): void {
    mkdirSync(dirname(this.wanted.plot), { recursive: true });
    writeFileSync(this.wanted.plot, plot(this.samples, this.faults));
    writeFileSync(this.wanted.plot.replace(/svg$/, 'csv'), csv(this.samples, this.faults));
  }

  async verdict(): Promise<string[]> {
    const judged: Judged[] = [...ofMemory(this.samples), ...ofFiles(this.samples, UPKEEP)];
    await buildGold(this.world, undefined);
    const { lines, counts } = await compared(this.world, DATASETS, ['silver', 'gold']);
    for (const { line } of judged) console.log(line);
    for (const line of lines) console.log(line);
    console.log(told(counts));
    return [...judged.flatMap(({ problem }) => problem ?? []), ...lines.filter((line) => !line.startsWith(' '))];
  }
}

/** Rows that a transaction has changed; none, when it was rolled back. */
function rowsOf(results: unknown): number {
  const all = results as QueryResult[];
  if (all.at(-1)?.command !== 'COMMIT') return 0;
  return all.reduce((sum, { rowCount }) => sum + (rowCount ?? 0), 0);
}

async function main(): Promise<void> {
  const wanted = parseSoak(process.argv.slice(2));
  const world = new World({ state: process.env.FAULTS_STATE ?? '', port: Number(process.env.FAULTS_PORT) });
  let ending: Promise<void> | undefined;
  const stop = () => (ending ??= world.stop());
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => void stop().finally(() => process.exit(130)));
  }
  let problems: string[];
  try {
    await world.deploy();
    await world.reset();
    await world.begin(wanted.seed, 'soak');
    await world.sql(rows(KEYED, 1, KEYS / 2));
    const run = new SoakRun(world, wanted);
    run.say(`${wanted.changes} rows change a second, for ${wanted.minutes} minutes`);
    try {
      await run.run();
      await run.settle();
      problems = await run.verdict();
    } finally {
      run.write();
    }
  } catch (error) {
    problems = [reason(error)];
  } finally {
    await stop();
  }
  console.log(problems.length === 0 ? 'soak passed' : `soak FAILED: ${problems.join('; ')}`);
  process.exit(problems.length === 0 ? 0 : 1);
}

void main();
