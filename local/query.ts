import { parseArgs } from 'node:util';
import { CATALOG } from '../lib/lake-view';
import { LAKE } from './lake-counts';
import { trinoPort } from './options';
import { asTable, ask } from './trino-client';

/** `npm run query -- "select …" [--port N]`: asks the Trino of a run that serves, and prints the answer as a table. */
async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { port: { type: 'string', default: '4500' } },
    allowPositionals: true,
  });
  if (positionals.length !== 1) throw new Error('Give one query: npm run query -- "select * from DATASET limit 10"');
  const port = trinoPort(Number(values.port));
  try {
    console.log(asTable(await ask(`http://127.0.0.1:${port}`, positionals[0], CATALOG, LAKE)));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new Error(
      `Nobody answers on port ${port}: start Trino with npm run local -- --trino; after --port N, say --port N here too`,
      { cause: error },
    );
  }
}

main().catch((error: unknown) => {
  console.error((error as Error).message);
  process.exitCode = 1;
});
