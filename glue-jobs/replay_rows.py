"""Glue job: gathers what streams told and silver lacks because of a contract that has been mended since, for
lambdas/replay-records to put on the streams again.

- Rows of quarantine that a stream's transform rejected, of which bronze has none of the same origin. Those of snapshots
  and APIs come with the next load.
- Rows of bronze whose `_rest` has a column that the contract has by now, unless one of the same origin came later
  without it.

They are written as Firehose writes its error objects, a JSON object a line with the row in `rawData`, below
`<prefix>again/`. Gathered twice, or put on a stream twice, a row is one: its position and origin are its own.

Arguments: the common ones (common/arguments.py), without --dataset, and
  --datasets A,B,C   those of the source
  --schema NAME      schema of its tables, if it is a database: rows of a table that had no contract are `NAME.<table>`
  --errors BUCKET    the errors bucket
  --prefix PREFIX    of the source's error objects, for example `changes/shop/`
  --since TIME       only rows that came from then on, ISO 8601 (default: all)
Result: quarantined and incomplete (rows of either kind), objects written.
"""

import base64
import itertools
import json
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql import types as t

from common import arguments, contract_file, late_columns, tables
from common.contract import Contract

STREAMED = r"^(kinesis|request)/"
"""Origins that the transforms of streams give."""
OWN = ("_op", "_position", "_committed_at", "_ingested_at", "_missing", "_origin", "_previous_key", "_rest")
LINES = 1000
"""Of one object; a row of quarantine has 4,000 characters at most."""


def rejected(quarantine: DataFrame, bronze: DataFrame, names: list[str]) -> DataFrame:
    """The newest row of quarantine of each origin that bronze lacks, of a dataset that is called so, or was when it
    had no contract."""
    mine = quarantine.where(f.col("dataset").isin(names) & f.col("_origin").rlike(STREAMED))
    newest = mine.groupBy("_origin").agg(
        f.max_by(f.struct(*mine.columns), f.col("_quarantined_at")).alias("row")
    )
    arrived = bronze.select(f.regexp_replace("_origin", r"^[^/]+/", "").alias("_origin")).distinct()
    return newest.join(arrived, "_origin", "left_anti").select("row.*")


def incomplete(bronze: DataFrame, contract: Contract) -> DataFrame:
    """Rows of bronze that streams brought, and that have columns of the contract in `_rest` (late_columns.waiting)."""
    mine = bronze.where(f.regexp_replace("_origin", r"^[^/]+/", "").rlike(STREAMED))
    return late_columns.waiting(mine, contract, [f.col("_origin")])


def as_json(rows: DataFrame) -> DataFrame:
    """Rows as the transforms write them: times in microseconds, decimals as texts, every null told."""

    def told(field: t.StructField):
        column = f.col(f"`{field.name}`")
        if isinstance(field.dataType, t.TimestampType):
            return f.unix_micros(column).alias(field.name)
        if isinstance(field.dataType, t.TimestampNTZType):
            return f.unix_micros(column.cast("timestamp")).alias(field.name)
        if isinstance(field.dataType, t.DecimalType):
            return column.cast("string").alias(field.name)
        return column

    fields = [told(field) for field in rows.schema.fields]
    return rows.select(f.to_json(f.struct(*fields), {"ignoreNullFields": "false"}).alias("value"))


def from_quarantine(text: str) -> dict:
    """`_kept`: it is in quarantine already, and need not be put there again if its contract is still as it was."""
    return json.loads(text) | {"_kept": True}


def from_bronze(text: str, contract: Contract) -> dict:
    """A finished row, in which columns that stand in `_rest` are not told to be null."""
    row = json.loads(text)
    late = set(row.pop(late_columns.LATE))
    for column in contract.columns:
        if late.intersection(column.names):
            row.pop(column.name)
    return row


def line(row: dict) -> str:
    data = json.dumps(row, ensure_ascii=False).encode()
    return json.dumps({"rawData": base64.b64encode(data).decode(), "errorCode": "Moraine.Replay"}) + "\n"


def gather(
    spark: SparkSession, contracts: list[Contract], environment: str, schema: str | None, since: str | None
) -> Iterator[tuple[str, str]]:
    """(`quarantined` or `incomplete`, line) of each row to replay."""
    for contract in contracts:
        names = tables.of(environment, contract.dataset)
        bronze, quarantine = spark.table(names.bronze), spark.table(names.quarantine)
        if since:
            quarantine = quarantine.where(f.col("_quarantined_at") >= f.lit(datetime.fromisoformat(since)))
        called = [contract.dataset, *([f"{schema}.{contract.dataset}"] if schema else [])]
        for row in as_json(rejected(quarantine, bronze, called)).toLocalIterator():
            yield "quarantined", line(from_quarantine(row.value))
        if contract.keyless:
            # The row with one column more would be another row beside it; the next snapshot brings the column.
            continue
        there = set(bronze.columns)
        columns = [column.name for column in contract.columns if column.name in there]
        ahead = incomplete(bronze.select(*columns, *OWN), contract)
        if since:
            ahead = ahead.where(f.col("_ingested_at") >= f.lit(datetime.fromisoformat(since)))
        for row in as_json(ahead).toLocalIterator():
            yield "incomplete", line(from_bronze(row.value, contract))


def write(lines: Iterable[str], bucket: str, prefix: str, run_id: str) -> int:
    """Writes error objects; returns how many."""
    import boto3

    s3, number = boto3.client("s3"), 0
    rest = iter(lines)
    while some := "".join(itertools.islice(rest, LINES)):
        number += 1
        key = f"{prefix}again/{run_id}-{number:05}"
        s3.put_object(Bucket=bucket, Key=key, Body=some.encode())
    return number


def main(argv: list[str], spark: SparkSession | None = None) -> dict:
    """Runs the job; gives its result, which is also printed as one JSON line."""
    parser = arguments.parser("Gathers what is to be replayed.", dataset=False)
    parser.add_argument("--datasets", required=True, type=lambda text: text.split(","))
    parser.add_argument("--schema")
    parser.add_argument("--errors", required=True)
    parser.add_argument("--prefix", required=True)
    parser.add_argument("--since")
    given, _ = parser.parse_known_args(argv)
    contracts = [contract_file.load(given.contracts, name) for name in given.datasets]
    session = spark or SparkSession.builder.getOrCreate()
    counts = {"quarantined": 0, "incomplete": 0}

    def counted() -> Iterator[str]:
        for kind, text in gather(session, contracts, given.env, given.schema, given.since):
            counts[kind] += 1
            yield text

    objects = write(counted(), given.errors, given.prefix, given.run_id)
    result = {"job": "replay_rows", "run_id": given.run_id, **counts, "objects": objects}
    print(json.dumps(result), flush=True)
    return result


if __name__ == "__main__":
    main(sys.argv[1:])
