import type { CaptureSettings, Database } from '../lambdas/shared/database';
import { isCaptured, isExported, type DatabaseSource } from '../lambdas/shared/source';

const ENGINES: readonly string[] = ['postgres', 'mysql', 'sqlserver'];
const GUIDE = 'docs/guides/change-data-capture.md';

/**
 * Checks how a database source is loaded, and how its changes are captured.
 * @param database the source's entry of `databases` in `config/`
 * @param file that file, for messages
 * @throws Error in one line: the value got, the values allowed, what to do.
 */
export function checkCapture(source: DatabaseSource, { capture }: Database, file: string): void {
  const { name, engine } = source;
  const at = `sources/${name}.ts`;
  if (!ENGINES.includes(engine)) {
    const allowed = ENGINES.map((one) => JSON.stringify(one)).join(', ');
    throw new Error(
      `${at}: engine is ${JSON.stringify(engine)}: allowed are ${allowed}; ${GUIDE} says what each needs`,
    );
  }
  if (!isCaptured(source)) {
    if (!isExported(source)) {
      throw new Error(
        `${at}: capture is missing: no snapshot of engine ${JSON.stringify(engine)} can be loaded, so DMS loads its tables; ` +
          `add capture: {} (${GUIDE})`,
      );
    }
    if (!capture) return;
    throw new Error(
      `${file}: databases.${name}.capture belongs to no capture: add capture: {} to ${at}, or remove it from ${file}`,
    );
  }
  checkSource(source.capture, at);
  if (engine === 'mysql' && source.schema !== source.database) {
    throw new Error(
      `${at}: schema is ${JSON.stringify(source.schema)}: MySQL has no schemas within a database; allowed is the ` +
        `database, ${JSON.stringify(source.database)}`,
    );
  }
  if (!capture) {
    throw new Error(
      `${file}: databases.${name}.capture is missing: name the secret by which DMS logs in, ` +
        `capture: { secretArn: 'arn:aws:secretsmanager:…' }, or remove capture from ${at}`,
    );
  }
  checkSettings(engine, capture, `${file}: databases.${name}.capture`);
}

function checkSource({ via = 'dms', epoch = 1 }: NonNullable<DatabaseSource['capture']>, at: string): void {
  if (via === 'firehose') {
    throw new Error(
      `${at}: capture.via is "firehose": allowed is "dms". Firehose's own database source is a preview, writes to tables ` +
        'that it names itself and lets nothing add _op and _position, so what it writes is no bronze ' +
        '(docs/decisions/0016-change-data-capture.md)',
    );
  }
  if ((via as string) !== 'dms') {
    throw new Error(`${at}: capture.via is ${JSON.stringify(via)}: allowed is "dms"; leave it out`);
  }
  if (!Number.isInteger(epoch) || epoch < 1 || epoch > 9999) {
    throw new Error(
      `${at}: capture.epoch is ${JSON.stringify(epoch)}: allowed are whole numbers from 1 to 9999, one more after each restore`,
    );
  }
}

/** What an engine cannot do with settings that others can. */
function checkSettings(engine: DatabaseSource['engine'], settings: CaptureSettings, field: string): void {
  if (engine === 'mysql' && !settings.certificateArn) {
    throw new Error(
      `${field}.certificateArn is missing: DMS encrypts connections to MySQL only when it can verify them; import RDS's ` +
        'authority with aws dms import-certificate and name its ARN',
    );
  }
  if (engine === 'sqlserver' && settings.readReplica) {
    throw new Error(
      `${field}.readReplica is true: allowed is false for "sqlserver", for DMS captures no changes of RDS's replicas of it`,
    );
  }
}
