"""Benchmark of maintenance: a full read of silver after merges and one compaction, against a new table of its rows.

The tables are made in a temporary folder, which is deleted; reads of the two take turns. Prints figures, then
`compact ratio R`: the read of silver over that of the new table, medians of the rounds; the limit is 1.2.
"""

import argparse
import statistics
import sys
import tempfile
import time

from pyspark.sql import SparkSession
from shared.lake import ENVIRONMENT, change, contract_of, create, create_silver, start

from common import compaction, tables
from common.merging import merge

LIMIT = 1.2


def read(spark: SparkSession, table: str) -> float:
    """Seconds of a read of all columns of all rows."""
    spark.catalog.refreshTable(table)
    before = time.perf_counter()
    spark.table(table).write.format("noop").mode("overwrite").save()
    return time.perf_counter() - before


def take_turns(spark: SparkSession, named: dict[str, str], rounds: int) -> dict[str, float]:
    """Median seconds of a read of each table; a round before the others warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in named}
    for _ in range(rounds + 1):
        for name, table in named.items():
            seconds[name].append(read(spark, table))
    return {name: statistics.median(each[1:]) for name, each in seconds.items()}


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of silver (default %(default)s)")
    parser.add_argument(
        "--changes", type=int, default=50_000, help="changes in a merge (default %(default)s)"
    )
    parser.add_argument("--merges", type=int, default=20, help="merges (default %(default)s)")
    parser.add_argument(
        "--rounds", type=int, default=7, help="reads measured of each table (default %(default)s)"
    )
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="moraine-bench-") as folder:
        spark = start(folder)
        contract = contract_of("compacted")
        silver = tables.of(ENVIRONMENT, contract.dataset).silver
        create(spark, contract, given.rows)
        for number in range(1, given.merges + 1):
            change(spark, contract, given.rows, given.changes, number)
            merge(spark, contract, ENVIRONMENT)
        fresh = f"{silver}_fresh"
        create_silver(spark, contract, fresh)
        spark.sql(f"insert into {fresh} select * from {silver}")
        merged = take_turns(spark, {"silver": silver, "fresh": fresh}, given.rounds)
        before = time.perf_counter()
        files = compaction.compact(spark, silver)
        took = time.perf_counter() - before
        after = take_turns(spark, {"silver": silver, "fresh": fresh}, given.rounds)
        spark.stop()
    print(
        f"{given.merges} merges of {given.changes} changes into {given.rows} rows: a full read takes "
        f"{merged['silver']:.2f} s, of a new table of the same rows {merged['fresh']:.2f} s"
    )
    print(
        f"compaction: {took:.2f} s, {files['files_before']} files to {files['files']}; a full read then takes "
        f"{after['silver']:.2f} s, of the new table {after['fresh']:.2f} s"
    )
    ratio = after["silver"] / after["fresh"]
    print(f"compact ratio {ratio:.2f}")
    if ratio > LIMIT:
        sys.exit(f"compact ratio is {ratio:.2f}; at most {LIMIT} is allowed")


if __name__ == "__main__":
    main(sys.argv[1:])
