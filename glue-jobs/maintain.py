"""Glue job: keeps the tables of the lake fast and small: bronze and silver of the datasets, one after the other.

For each: tombstones that are old enough are purged (common/tombstones.py), bronze and silver are compacted
(common/compaction.py), snapshots that nobody needs any more expire (common/expiry.py). Merges may run meanwhile. A run
that is ended anywhere leaves whole tables; the next does the rest.

Arguments: the common ones (common/arguments.py), without --dataset, and
  --datasets A,B,C         in this order
  --keep-hours HOURS       snapshots stay for so long (default 48)
  --tombstone-days DAYS    rows that are deleted stay as tombstones for so long (default 30)
Result, of each dataset: purged (tombstones), files_before and files of bronze and of silver, expired (snapshots).
One dataset's failure does not keep the others from being done; the run fails in the end.
"""

import sys
import traceback
from datetime import UTC, datetime, timedelta

from pyspark.sql import SparkSession

from common import arguments, compaction, expiry, runs, tables, tombstones


def maintain(
    spark: SparkSession,
    dataset: str,
    environment: str,
    now: datetime,
    keep: timedelta,
    tombstone_age: timedelta,
) -> dict:
    """Maintains the tables of one dataset and says what that did."""
    names = tables.of(environment, dataset)
    purged = tombstones.purge(spark, names, now, tombstone_age)
    compacted = {layer: compaction.compact(spark, getattr(names, layer)) for layer in ("bronze", "silver")}
    expired = expiry.expire(spark, names, now, keep)
    counts = {f"{layer}_{name}": n for layer, found in compacted.items() for name, n in found.items()}
    return {"dataset": dataset, "job": "maintain", "purged": purged, **counts, "expired": expired}


def main(argv: list[str], spark: SparkSession | None = None) -> dict:
    """Runs the job; gives the results by dataset. Raises RuntimeError that names the datasets that failed."""
    parser = arguments.parser("Compacts tables, purges tombstones, expires snapshots.", dataset=False)
    parser.add_argument("--datasets", required=True, type=lambda text: text.split(","))
    parser.add_argument("--keep-hours", type=int, default=48)
    parser.add_argument("--tombstone-days", type=int, default=30)
    given, _ = parser.parse_known_args(argv)
    session = spark or SparkSession.builder.getOrCreate()
    ages = (timedelta(hours=given.keep_hours), timedelta(days=given.tombstone_days))
    results, failed = {}, []
    for dataset in given.datasets:
        try:
            result = maintain(session, dataset, given.env, datetime.now(UTC), *ages)
        except Exception as error:
            traceback.print_exc()
            failed.append(f"{dataset} ({type(error).__name__}: {error})"[:500])
        else:
            results[dataset] = runs.finish(result, given.run_id, given.runs_table)
    if failed:
        raise RuntimeError(f"not maintained: {'; '.join(failed)}")
    return results


if __name__ == "__main__":
    main(sys.argv[1:])
