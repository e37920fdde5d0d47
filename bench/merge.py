"""Benchmark of the merge: changes into a large table against the same number into a small one.

Each merge is the whole job: it reads bronze's increment, folds, writes the staging table, and commits. Tables
are made in a temporary folder, which is deleted. Prints figures, then `merge ratio R`: the large table's time
over the small one's, medians of the rounds; the limit is 1.7.
"""

import argparse
import statistics
import sys
import tempfile
import time

from pyspark.sql import SparkSession
from shared.lake import ENVIRONMENT, change, contract_of, create, start

from common.merging import merge

LIMIT = 1.7


def measure(spark: SparkSession, name: str, rows: int, changes: int, rounds: int) -> float:
    """Seconds of one merge, the median of the rounds; a round before them warms up."""
    contract = contract_of(name)
    create(spark, contract, rows)
    seconds = []
    for number in range(1, rounds + 2):
        change(spark, contract, rows, changes, number)
        before = time.perf_counter()
        result = merge(spark, contract, ENVIRONMENT)
        seconds.append(time.perf_counter() - before)
        print(
            f"{name}: {rows} rows, {result['bronze_rows']} changes, {result['changed']} keys changed, "
            f"{seconds[-1]:.2f} s{' (warm-up)' if number == 1 else ''}",
            flush=True,
        )
    return statistics.median(seconds[1:])


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--large", type=int, default=10_000_000, help="rows of the large table (default %(default)s)"
    )
    parser.add_argument(
        "--small", type=int, default=1_000_000, help="rows of the small table (default %(default)s)"
    )
    parser.add_argument(
        "--changes", type=int, default=100_000, help="changes in a merge (default %(default)s)"
    )
    parser.add_argument(
        "--rounds", type=int, default=5, help="merges measured for each table (default %(default)s)"
    )
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="moraine-bench-") as folder:
        spark = start(folder)
        small = measure(spark, "small", given.small, given.changes, given.rounds)
        large = measure(spark, "large", given.large, given.changes, given.rounds)
        spark.stop()
    print(
        f"merge of {given.changes} changes: {small:.2f} s into {given.small} rows, "
        f"{large:.2f} s into {given.large} rows"
    )
    print(f"merge ratio {large / small:.2f}")
    if large / small > LIMIT:
        sys.exit(f"merge ratio is {large / small:.2f}; at most {LIMIT} is allowed")


if __name__ == "__main__":
    main(sys.argv[1:])
