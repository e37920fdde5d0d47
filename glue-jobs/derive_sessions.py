"""Glue job: computes sessions from the events of silver, and appends to bronze what differs from the sessions that
silver has.

It reads the events merged since its last run, and of their visitors what may be another session now; everything after
its first run, and when its declaration has changed. How far it has come stands in its own commits to bronze. Stopped
anywhere, or started twice, it ends in the same sessions.

Arguments: the common ones (common/arguments.py) and
  --sessions JSON   the declarations of all sessions (lambdas/shared/sessions-source.ts)
Result: visitors looked at, bronze_rows appended, changed (upserts), deleted, whole (true when all of them were),
newest_committed_at (when the events were read), position (of the rows).
"""

import hashlib
import json
import sys
from datetime import UTC, datetime
from functools import reduce
from operator import or_

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as f

from common import arguments, bronze, contract_file, landing, position, progress, runs, sessions, tables
from common.contract import Contract
from common.derivation import DECLARATION, Done, read_done, replaced_since
from common.iceberg import Snapshots, at_snapshot
from common.merging import merge
from common.sessions import END, SINCE, START, TIME, VISITOR, Sessions, column_name

ATTEMPTS = 5
EPOCH = datetime.fromtimestamp(0, UTC)


def transform(found: DataFrame, stored: DataFrame, into: Contract) -> DataFrame:
    """`_op` and the contract's columns of what makes `stored` (rows of silver, tombstones too) what was `found`."""
    key = into.key
    on = [f.col(f"n.{name}") == f.col(f"t.{name}") for name in key]
    values = [~f.col(f"n.{column.name}").eqNullSafe(f.col(f"t.{column.name}")) for column in into.values]
    here, there = f.col(f"n.{key[0]}").isNotNull(), f.col(f"t.{key[0]}").isNotNull()
    differs = reduce(or_, values, f.col("t._is_deleted") | f.col("t._incomplete"))
    op = f.when(here & (~there | differs), "upsert").when(~here & ~f.col("t._is_deleted"), "delete")
    columns = [
        (
            f.coalesce(f"n.{column.name}", f"t.{column.name}") if column.key else f.col(f"n.{column.name}")
        ).alias(column.name)
        for column in into.columns
    ]
    joined = found.alias("n").join(stored.alias("t"), on, "full_outer")
    return joined.select(*columns, op.alias("_op")).where("_op is not null")


class Run:
    """One run over one dataset of sessions: reads, compares, appends."""

    def __init__(self, spark: SparkSession, declared: Sessions, events: Contract, into: Contract, env: str):
        self._spark, self._declared, self._events, self._into = spark, declared, events, into
        self._source, self._own = tables.of(env, events.dataset), tables.of(env, into.dataset)
        self._digest = hashlib.sha256(declared.model_dump_json().encode()).hexdigest()
        tables.require_columns(spark, into, self._own.bronze, self._own.silver)
        tables.require_columns(spark, events, self._source.silver)

    def once(self, environment: str) -> dict:
        """Brings bronze up to the state of silver's events, from the sessions that bronze knows, merged first."""
        history = Snapshots(self._spark, self._own.bronze)
        done = read_done(history)
        merge(self._spark, self._into, environment)
        silver = Snapshots(self._spark, self._source.silver)
        read_at, state = datetime.now(UTC), progress.read(silver)
        known = done.alone and done.declaration == self._digest
        if silver.current is None or (known and done.snapshot == silver.current):
            return self._result(read_at)
        whole = not known or done.snapshot is None or not silver.descends(done.snapshot)
        place = self._position(state.merged_at)
        named = {
            tables.BASE: str(history.current or ""),
            tables.CONSUMED: str(silver.current),
            tables.MERGED_AT: state.merged_at,
            DECLARATION: self._digest,
        }
        stored = self._stored()
        if whole:
            windows = sessions.windows_of_all(self._prepared(self._at(silver.current)), self._live(stored))
        else:
            windows = self._touched(silver, done, stored)
        with landing.cached(windows) as touched:
            visitors, since = touched.agg(f.count("*"), f.min(f.unix_micros(SINCE))).first()
            changes = self._changes(silver.current, touched, stored, since)
            rows = changes.select(
                "*",
                f.lit(place).alias("_position"),
                f.lit(_time(state.merged_at)).cast("timestamp").alias("_committed_at"),
                f.lit(read_at).cast("timestamp").alias("_ingested_at"),
                f.lit(None).cast("string").alias("_missing"),
                f.lit(f"{self._events.dataset}/{silver.current}").alias("_origin"),
            )
            with landing.cached(rows) as appended:
                operations = {row["_op"]: row["count"] for row in appended.groupBy("_op").count().collect()}
                bronze.append(appended, self._own.bronze, named)
        return self._result(read_at, visitors, operations, whole, place)

    @property
    def alone(self) -> bool:
        """False when another run came between the newest one's start and its commit."""
        return read_done(Snapshots(self._spark, self._own.bronze)).alone

    def _stored(self) -> DataFrame:
        """Silver's sessions, with their visitor."""
        rows = self._spark.table(self._own.silver)
        return rows.withColumn(VISITOR, sessions.visitor_of(self._into, self._declared))

    def _live(self, stored: DataFrame) -> DataFrame:
        names = [f.col(column_name(self._into, name)).alias(name) for name in (START, END)]
        return stored.where("not _is_deleted").select(VISITOR, *names)

    def _prepared(self, events: DataFrame) -> DataFrame:
        return sessions.prepare(events, self._events, self._declared)

    def _at(self, snapshot: int) -> DataFrame:
        return at_snapshot(self._spark, self._source.silver, snapshot)

    def _touched(self, silver: Snapshots, done: Done, stored: DataFrame) -> DataFrame:
        """The visitors of events merged since, and of what was replaced by them: where these events were before."""
        changed = self._at(silver.current).where(f.col("_merged_at") > f.lit(_time(done.merged_at)))
        moments = self._prepared(changed).select(VISITOR, TIME)
        if replaced_since(silver, done.snapshot):
            key = list(self._events.key)
            before = self._at(done.snapshot).join(changed.select(*key), key, "left_semi")
            moments = moments.union(self._prepared(before).select(VISITOR, TIME))
        return sessions.windows_of_change(moments, self._live(stored), self._declared)

    def _changes(self, snapshot: int, touched: DataFrame, stored: DataFrame, since: int | None) -> DataFrame:
        if since is None:
            return transform(stored.limit(0), stored.limit(0), self._into)
        start = column_name(self._into, START)
        # The oldest of all, which lets Iceberg leave out files by their statistics.
        time = column_name(self._events, self._declared.time)
        recent = self._at(snapshot).where(f.col(time) >= _moment(since))
        events = self._prepared(recent).join(touched, VISITOR).where(f.col(TIME) >= f.col(SINCE))
        found = sessions.sessionize(events.drop(SINCE), self._declared, self._into)
        known = stored.where(f.col(start) >= _moment(since)).join(touched, VISITOR)
        return transform(found, known.where(f.col(start) >= f.col(SINCE)), self._into)

    def _position(self, merged_at: str) -> str:
        """The time of the events' state, or a microsecond after what silver's sessions know already."""
        newest = progress.read(Snapshots(self._spark, self._own.silver)).newest_position
        after = position.parse(newest).log + 1 if newest else 0
        return position.make(0, max(sessions.micros(_time(merged_at) - EPOCH), after))

    def _result(
        self,
        read_at: datetime,
        visitors: int = 0,
        operations: dict[str, int] | None = None,
        whole: bool = False,
        place: str | None = None,
    ) -> dict:
        operations = operations or {}
        return {
            "dataset": self._into.dataset,
            "job": "derive_sessions",
            "visitors": visitors,
            "bronze_rows": sum(operations.values()),
            "changed": operations.get("upsert", 0),
            "deleted": operations.get("delete", 0),
            "whole": whole,
            "newest_committed_at": runs.iso(read_at),
            "position": place,
        }


def _time(iso: str) -> datetime:
    return datetime.fromisoformat(iso) if iso else EPOCH


def _moment(micros: int) -> Column:
    """A constant: as a Python datetime it would go through this machine's time zone."""
    return f.timestamp_micros(f.lit(micros))


def derive(
    spark: SparkSession, declared: Sessions, events: Contract, into: Contract, environment: str
) -> dict:
    """Derives one dataset of sessions, and says what that did. Starts over when another run came between."""
    run, result = Run(spark, declared, events, into, environment), None
    for _ in range(ATTEMPTS):
        done = run.once(environment)
        result = result or done
        if run.alone:
            break
    return result


def main(argv: list[str], spark: SparkSession | None = None) -> dict:
    """Runs the job; gives its result, which is also printed as one JSON line."""
    parser = arguments.parser("Derives sessions from the events of silver.")
    parser.add_argument("--sessions", required=True)
    given, _ = parser.parse_known_args(argv)
    all_declared = [Sessions.model_validate(each) for each in json.loads(given.sessions)]
    by_dataset = {each.dataset: each for each in all_declared}
    if given.dataset not in by_dataset:
        raise SystemExit(
            f"--dataset {given.dataset} is no dataset of sessions; there are: {', '.join(by_dataset) or 'none'}"
        )
    declared = by_dataset[given.dataset]
    into, events = (contract_file.load(given.contracts, name) for name in (given.dataset, declared.events))
    session = spark or SparkSession.builder.getOrCreate()
    result = derive(session, declared, events, into, given.env)
    return runs.finish(result, given.run_id, given.runs_table)


if __name__ == "__main__":
    main(sys.argv[1:])
