import { databaseName } from '../lambdas/shared/platform';
import { CATALOG } from '../lib/lake-view';
import { REGION } from './parts';
import { run, venv } from './toolchain';
import { ask } from './trino-client';

/** The database of the views, locally. */
export const LAKE = databaseName('local', 'lake');

/**
 * Asks Trino for the number of rows of each view, and compares it with silver's, counted without Trino.
 * @returns a line for each dataset, and whether all agree
 */
export async function compareLakeCounts(
  trino: string,
  endpoint: string,
  datasets: readonly string[],
): Promise<{ lines: string[]; equal: boolean }> {
  const args = ['local/silver_counts.py', endpoint, REGION, databaseName('local', 'silver'), ...datasets];
  const silver = JSON.parse(run(venv('python'), args, 'Counting silver')) as Record<string, number>;
  const lines: string[] = [];
  for (const dataset of datasets) {
    const { rows } = await ask(trino, `select count(*) from "${LAKE}"."${dataset}"`, CATALOG, LAKE);
    const found = Number(rows[0][0]);
    const differs =
      found === silver[dataset] ? '' : `, silver has ${silver[dataset].toLocaleString('en')}: they DIFFER`;
    lines.push(`Trino lake.${dataset}: ${found.toLocaleString('en')} rows${differs}`);
  }
  return { lines, equal: lines.every((line) => !line.endsWith('DIFFER')) };
}
