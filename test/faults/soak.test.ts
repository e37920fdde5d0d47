import { Random } from './random';
import { faultsInTurn } from './soak/faults';
import { plot, step } from './soak/plot';
import { csv, PARTS, type Happened, type Sample } from './soak/sample';
import { allowed, ofFiles, ofMemory } from './soak/verdict';

const UPKEEP = { buckets: 4, maintainEvery: 2 };

/** A sample each five seconds. @param given what differs in the sample of that second */
const samplesOf = (
  seconds: number,
  given: (second: number) => { mebibytes?: number; spark?: string; files?: number; snapshots?: number },
): Sample[] =>
  Array.from({ length: seconds / 5 + 1 }, (_, at) => {
    const { mebibytes = 100, spark = '7', files = at === 0 ? 3 : 5, snapshots = 1 } = given(5 * at);
    const figures = {
      data_files: files,
      delete_files: 0,
      snapshots,
      commits: 5 * at,
      metadata_bytes: 9,
      newest_committed_at: null,
    };
    return {
      seconds: 5 * at,
      changes: at,
      memory: Object.fromEntries(
        PARTS.map((part) => [
          part,
          part === 'spark' ? { mebibytes, processes: spark } : { mebibytes: 10, processes: '1' },
        ]),
      ),
      tables: { 'silver.soaked': figures, 'bronze.soaked': { ...figures, data_files: 2, snapshots: 1 } },
      behind: { soaked: 2 },
    };
  });

const ofSpark = (samples: Sample[]) => ofMemory(samples)[PARTS.indexOf('spark')];

test('memory that is a quarter more at the end than at half time is too much', () => {
  const grows = (to: number) => samplesOf(600, (second) => ({ mebibytes: second < 320 ? 100 : to }));
  expect(ofSpark(grows(125))).toEqual({ line: 'memory of spark: 125 MiB, 1.25 of half time' });
  expect(ofSpark(grows(126))).toMatchObject({ problem: 'memory of spark grew 1.26 times' });
});

test('one large request does not decide what a part has', () => {
  const peak = samplesOf(600, (second) => ({ mebibytes: second === 600 ? 900 : 100 }));
  expect(ofSpark(peak)).toEqual({ line: 'memory of spark: 100 MiB, 1.00 of half time' });
});

test('a part that was restarted counts with its newest process', () => {
  const restarted = (at: number) => (second: number) => ({
    mebibytes: second < at ? 50 : 200,
    spark: second < at ? '7' : '8',
  });
  expect(ofSpark(samplesOf(600, restarted(300))).line).toBe('memory of spark: 200 MiB, 1.00 of half time');
  expect(ofSpark(samplesOf(600, restarted(500))).line).toBe(
    'memory of spark: 200 MiB, its process is 100 s old: not judged',
  );
});

test('a part that is gone at the end is a failure', () => {
  const samples = samplesOf(300, () => ({}));
  const { spark, ...memory } = samples[samples.length - 1].memory;
  expect(spark).toBeDefined();
  expect(ofSpark([...samples, { ...samples[0], memory }]).problem).toBe('spark did not run at the end');
});

test('a merge may leave a file of rows and one of deletes in each bucket, a delivery one file, until the next maintenance', () => {
  expect(allowed('silver', 4, 0)).toEqual({ files: 8, snapshots: 2 });
  expect(allowed('silver', 4, 10)).toEqual({ files: 88, snapshots: 12 });
  expect(allowed('bronze', 4, 10)).toEqual({ files: 13, snapshots: 12 });
});

test('a table that ever had more files than the commits of the last maintenances can leave fails', () => {
  // Ten commits in the span of ten seconds, by the second 20; its samples tell nothing at 15.
  const peak = (files: number, snapshots: number) =>
    ofFiles(
      samplesOf(60, (second) => (second === 20 ? { files, snapshots } : {})).map((each) =>
        each.seconds === 15 ? { ...each, tables: {} } : each,
      ),
      UPKEEP,
    );
  expect(peak(88, 12)).toEqual([
    { line: 'files of bronze.soaked: 2, at most 2 seen (of 3 allowed then)' },
    { line: 'snapshots of bronze.soaked: 1, at most 1 seen (of 2 allowed then)' },
    { line: 'files of silver.soaked: 5, at most 88 seen (of 88 allowed then)' },
    { line: 'snapshots of silver.soaked: 1, at most 12 seen (of 12 allowed then)' },
  ]);
  expect(peak(89, 13).flatMap(({ problem }) => problem ?? [])).toEqual([
    '89 files of silver.soaked, where 88 are allowed',
    '13 snapshots of silver.soaked, where 12 are allowed',
  ]);
});

test('files that only become more fail, whatever their number', () => {
  const [, , silver] = ofFiles(
    samplesOf(120, (second) => ({ files: 10 * second })),
    UPKEEP,
  );
  expect(silver.problem).toMatch(/files of silver.soaked, where 88 are allowed/);
});

test('a lake that never answers is a failure', () => {
  expect(ofFiles([], UPKEEP)[0].problem).toBe('the lake never said how many files it has');
});

test('figures: a line for each sample, empty where nothing is known, with the faults of its time', () => {
  const [first, second] = samplesOf(5, () => ({}));
  const { spark, ...memory } = second.memory;
  expect(spark).toBeDefined();
  const lines = csv([first, { ...second, memory, tables: {}, behind: {} }], [{ name: 'cut', from: 4, to: 6 }]).split(
    '\n',
  );
  expect(lines[0]).toMatch(/^seconds,changes,emulator MiB,.*,silver.soaked snapshots,.*,soaked seconds behind,faults$/);
  expect(lines[1]).toBe('0.0,0,10.0,10.0,10.0,100.0,10.0,2,0,1,0,9,3,0,1,0,9,2.0,');
  expect(lines[2]).toBe('5.0,1,10.0,10.0,10.0,,10.0,,,,,,,,,,,,cut');
});

test('the plot has a line for each part and table, broken where nothing is known, and a mark for each fault', () => {
  const samples = samplesOf(60, () => ({})).map((each) => (each.seconds === 30 ? { ...each, tables: {} } : each));
  const faults: Happened[] = [
    { name: 'S3 <fails>', from: 20, to: 32 },
    { name: 'DMS killed', from: 40, to: 40 },
  ];
  const svg = plot(samples, faults);
  for (const name of [...PARTS, 'silver.soaked', 'S3 &lt;fails&gt;', 'DMS killed', 'memory, MiB', 'minutes']) {
    expect(svg).toContain(`>${name}</text>`);
  }
  const paths = [...svg.matchAll(/<path d="([^"]*)"/g)].map(([, drawn]) => drawn.match(/M/g)?.length);
  expect(paths).toEqual([1, 1, 1, 1, 1, 2, 2, 1]);
  expect(svg).not.toMatch(/NaN|undefined|Infinity/);
});

test('a plot of nothing is a plot', () => {
  expect(plot([], [])).not.toMatch(/NaN|undefined|Infinity/);
});

test('a plot is as wide as the names of its faults need', () => {
  const wide = (every: number) => {
    const faults = Array.from({ length: 100 }, (_, at) => ({ name: 'x', from: at * every, to: at * every + 1 }));
    return Number(/width="(\d+)"/.exec(plot([], faults))?.[1]);
  };
  expect(wide(20)).toBeGreaterThan(1200);
});

test.each([
  [4, 5, 1],
  [6, 5, 2],
  [11, 5, 5],
  [900, 5, 200],
  [1440, 15, 100],
])('%d in at most %d steps: each is %d', (value, most, wanted) => expect(step(value, most)).toBe(wanted));

test('each fault of a part comes once in a round, and a seed gives the same order again', () => {
  const of = (seed: number) => {
    const turns = faultsInTurn(new Random(seed));
    return Array.from({ length: 16 }, () => turns.next().value.name);
  };
  expect(of(1)).toEqual(of(1));
  expect(of(1)).not.toEqual(of(2));
  for (const name of ['DMS killed', 'Spark killed', 'DMS cut off', 'database stopped', 'DMS repeats']) {
    expect(of(3).filter((each) => each === name)).toHaveLength(2);
  }
});
