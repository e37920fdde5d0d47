import { ROOT } from '../../local/toolchain';
import { edit } from '../project-copy';

/** Bugs that other change capture has had, put into the project on purpose: the harness has to find each of them. */
export interface Planted {
  readonly name: string;
  readonly file: string;
  /** Text of the file, and what stands in its place then. */
  readonly text: string;
  readonly bug: string;
  /** The case that it makes fail. */
  readonly foundBy: string;
}

export const planted: readonly Planted[] = [
  {
    name: 'skip-a-batch',
    file: 'glue-jobs/common/merging.py',
    text: 'changes = _changes(spark, dataset, names.bronze, start, bronze.current)',
    bug: 'changes = _changes(spark, dataset, names.bronze, start, [*bronze.line, bronze.current][1])',
    foundBy: 'capture-killed-before-it-puts',
  },
  {
    name: 'apply-twice',
    file: 'glue-jobs/common/keyless_merge.py',
    text: '.dropDuplicates([HASH, COPY])',
    bug: '',
    foundBy: 'equal-rows-without-a-key',
  },
  {
    name: 'ignore-tombstones',
    file: 'glue-jobs/common/fold.py',
    text: 'f.col("_existence").endswith(EMPTIED).alias("_is_deleted")',
    bug: 'f.lit(False).alias("_is_deleted")',
    foundBy: 'one-key-at-one-time',
  },
  {
    name: 'acknowledge-early',
    file: 'local/dms_replication.py',
    text: 'within, committed = False, found.end_lsn\n',
    bug: 'within, committed = False, found.end_lsn\n                cursor.send_feedback(flush_lsn=committed, force=True)\n',
    foundBy: 'capture-killed-before-it-puts',
  },
  {
    name: 'drop-missing',
    file: 'glue-jobs/common/fold.py',
    text: 'return reduce(or_, [place > 0 for place in places])',
    bug: 'return f.lit(False)',
    foundBy: 'unchanged-long-values',
  },
];

/** The project that runs: a copy, to be edited. */
const fork = { folder: ROOT, state: '', port: 0 };

/** Puts a bug in. @returns what takes it out again @throws Error when the text is not there any more, once */
export function plant({ file, text, bug, name }: Planted): () => void {
  let before = '';
  edit(fork, file, (found) => {
    before = found;
    if (found.split(text).length !== 2) throw new Error(`${name}: ${file} has not, once: ${text}`);
    return found.replace(text, () => bug);
  });
  return () => edit(fork, file, () => before);
}
