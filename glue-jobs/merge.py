"""Glue job: merges what bronze has received since the last merge into silver (common/merging.py says how).

Arguments: the common ones (common/arguments.py); instead of --dataset there may be
  --datasets A,B,C     merged side by side; one's failure does not keep the others from being merged, the run fails in
                       the end
  --parallel N         so many at once (default 4)
and with --dataset
  --from-snapshot ID   read bronze after this snapshot and not after the recorded one; 0 reads all of it (a
                       replay)
Result (of each dataset): bronze_rows read, keys changed, inserted, deleted (keys that the batch leaves deleted),
quarantined, newest_committed_at, position, consumed_snapshot, log_went_back (common/log_order.py).
"""

import sys
import traceback
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor, as_completed

from pyspark.sql import SparkSession

from common import arguments, contract_file, runs, spark_threads
from common.fold import transform
from common.merging import merge

__all__ = ["main", "transform"]


def main(argv: list[str], spark: SparkSession | None = None) -> dict:
    """Runs the job; gives its result, which is also printed as one JSON line; of several datasets, by their names.

    Raises RuntimeError that names those of several that failed.
    """
    parser = arguments.parser("Merges bronze into silver.", dataset=False)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--dataset")
    which.add_argument("--datasets", type=lambda text: text.split(","))
    parser.add_argument("--parallel", type=int, default=4)
    parser.add_argument("--from-snapshot", type=int)
    given, _ = parser.parse_known_args(argv)
    if given.datasets and given.from_snapshot is not None:
        parser.error(
            "--from-snapshot names a snapshot of one table: give it with --dataset, not with --datasets"
        )
    session = spark or SparkSession.builder.getOrCreate()
    if given.datasets:
        return _merge_all(session, given)
    dataset = contract_file.load(given.contracts, given.dataset)
    result = merge(session, dataset, given.env, given.from_snapshot)
    return runs.finish(result, given.run_id, given.runs_table)


def _merge_all(spark: SparkSession, given: Namespace) -> dict[str, dict]:
    contracts = [contract_file.load(given.contracts, name) for name in given.datasets]
    results, failed = {}, []
    with ThreadPoolExecutor(given.parallel, initializer=spark_threads.enter, initargs=(spark,)) as pool:
        running = {
            pool.submit(lambda each=each: merge(spark_threads.here(), each, given.env)): each.dataset
            for each in contracts
        }
        for ended in as_completed(running):
            name = running[ended]
            try:
                results[name] = runs.finish(ended.result(), given.run_id, given.runs_table)
            except Exception as error:
                traceback.print_exception(error)
                failed.append(f"{name} ({type(error).__name__}: {error})"[:500])
    if failed:
        raise RuntimeError(f"not merged: {'; '.join(failed)}")
    return results


if __name__ == "__main__":
    main(sys.argv[1:])
