"""Glue job: merges what bronze has received since the last merge into silver (common/merging.py says how).

Arguments: the common ones (common/arguments.py) and
  --from-snapshot ID   read bronze after this snapshot and not after the recorded one; 0 reads all of it (a
                       replay)
Result: bronze_rows read, keys changed, inserted, deleted (keys that the batch leaves deleted), quarantined,
newest_committed_at, position, consumed_snapshot.
"""

import sys

from pyspark.sql import SparkSession

from common import arguments, contract_file, runs
from common.fold import transform
from common.merging import merge

__all__ = ["main", "transform"]


def main(argv: list[str], spark: SparkSession | None = None) -> dict:
    """Runs the job; gives its result, which is also printed as one JSON line."""
    parser = arguments.parser("Merges a dataset's bronze into its silver.")
    parser.add_argument("--from-snapshot", type=int)
    given, _ = parser.parse_known_args(argv)
    dataset = contract_file.load(given.contracts, given.dataset)
    session = spark or SparkSession.builder.getOrCreate()
    result = merge(session, dataset, given.env, given.from_snapshot)
    return runs.finish(result, given.run_id, given.runs_table)


if __name__ == "__main__":
    main(sys.argv[1:])
