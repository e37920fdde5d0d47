"""Maintenance changes no row and loses no progress: merges and streams go on where they were, whatever has gone."""

import threading
import traceback
from datetime import UTC, datetime, timedelta

import maintain as job
import pytest
from lakes import ENVIRONMENT, append, contract_of, expected, row_of, silver

from common import bronze, compaction, iceberg, kafka_progress, progress, tables, tombstones
from common.algebra import Change, apply, fold
from common.algebra import purge as purged
from common.iceberg import Snapshots
from common.merging import merge
from common.position import make

COLUMNS = [("id", "bigint", "key"), ("a", "int", ""), ("b", "varchar(9)", "")]
CONTRACT = contract_of("parts", COLUMNS, buckets=2)
NAMES = ("a", "b")
LATER = datetime.now(UTC) + timedelta(days=60)
"""Everything that a test has done is older than what is kept by then."""


def p(number: int) -> str:
    return make(0, number)


def full(number: int, key: int, a: int = 1) -> Change:
    return Change("upsert", p(number), (key,), {"a": a, "b": "x"})


def delete(number: int, key: int) -> Change:
    return Change("delete", p(number), (key,))


@pytest.fixture
def lake(make_lake, monkeypatch):
    # Five of them by default: each takes a merge.
    monkeypatch.setitem(compaction.OPTIONS, "min-input-files", "3")
    return make_lake(CONTRACT)


def run(lake) -> dict:
    return merge(lake.spark, CONTRACT, ENVIRONMENT)


def maintain(lake, now: datetime = LATER, tombstone_days: int = 30) -> dict:
    keep, age = timedelta(hours=48), timedelta(days=tombstone_days)
    return job.maintain(lake.spark, "parts", ENVIRONMENT, now, keep, age)


def batches(lake, count: int, first: int = 0) -> list[Change]:
    """Batches of five rows, merged one by one; each changes a row of every batch before it, and deletes one."""
    log = []
    for batch in range(first, first + count):
        at = batch * 100
        changes = [full(at + row, 10 * batch + row, batch) for row in range(5)]
        changes += [full(at + 50 + old, 10 * old, batch) for old in range(batch)]
        changes += [delete(at + 99, 10 * batch + 1)]
        append(lake, changes)
        run(lake)
        log += changes
    return log


def test_the_rows_are_the_same_in_fewer_files_without_deletes_to_carry_out(lake, monkeypatch):
    monkeypatch.setattr(compaction, "MANY_MANIFESTS", 1)
    log = batches(lake, 4)
    before = Snapshots(lake.spark, lake.silver)
    assert int(before.summary(before.current)["total-delete-files"]) > 0
    told, many = lake.rows(lake.bronze), before.manifests
    result = maintain(lake)
    after = Snapshots(lake.spark, lake.silver)
    assert silver(lake) == expected(fold(log, NAMES))
    assert int(after.summary(after.current).get("total-delete-files", 0)) == 0
    assert after.manifests < many / 2 and Snapshots(lake.spark, lake.bronze).manifests == 1
    assert result["silver_files"] == 2 < result["silver_files_before"]
    assert result["bronze_files"] == 1 < result["bronze_files_before"] == 4
    assert sorted(map(str, lake.rows(lake.bronze))) == sorted(map(str, told))
    assert before.line[-1] not in after.line and len(Snapshots(lake.spark, lake.bronze).line) < 4
    assert result["expired"] > 0


def test_the_next_merge_reads_what_has_come_since_and_nothing_else(lake):
    log = batches(lake, 3)
    maintain(lake)
    assert run(lake)["bronze_rows"] == 0
    waiting = [[full(700, 1, 7)], [full(701, 2, 8), delete(702, 3)]]
    for changes in waiting:
        append(lake, changes)
    done = progress.read(Snapshots(lake.spark, lake.silver))
    maintain(lake)
    assert progress.read(Snapshots(lake.spark, lake.silver)).consumed == done.consumed
    assert run(lake)["bronze_rows"] == 3
    log += [change for changes in waiting for change in changes]
    log += batches(lake, 2, first=8)
    maintain(lake)
    assert run(lake)["bronze_rows"] == 0
    assert silver(lake) == expected(fold(log, NAMES))
    assert progress.read(Snapshots(lake.spark, lake.silver)).sound


def test_nothing_of_bronze_goes_that_no_merge_has_read(lake):
    for number in range(6):
        append(lake, [full(number, number)])
    assert maintain(lake)["expired"] == 0
    assert run(lake)["bronze_rows"] == 6


def test_a_rejected_row_is_reported_once_when_a_merge_dies_and_maintenance_comes_between(lake, monkeypatch):
    batches(lake, 3)
    append(lake, [full(700, 1), {**row_of(CONTRACT, full(701, 1)), "_op": "wrong"}])

    def die(*_):
        raise InterruptedError

    with monkeypatch.context() as patched:
        patched.setattr(iceberg, "commit_with", die)
        with pytest.raises(InterruptedError):
            run(lake)
    maintain(lake)
    append(lake, [{**row_of(CONTRACT, full(702, 1)), "_op": "wronger"}])
    assert run(lake)["quarantined"] == 2
    assert sorted(row.reason[:12] for row in lake.rows(lake.quarantine)) == ['_op: "wrong"', '_op: "wronge']


def test_tombstones_go_days_after_the_floor_rose_and_a_late_change_is_then_too_late(lake):
    log = [full(1, 1), full(2, 2), full(3, 3), delete(4, 1), delete(5, 2)]
    append(lake, log)
    run(lake)
    state = fold(log, NAMES)
    soon = datetime.now(UTC)
    assert maintain(lake, soon)["purged"] == 0
    assert progress.read(Snapshots(lake.spark, lake.silver)).tombstone_floor == ""
    assert maintain(lake, LATER)["purged"] == 0
    assert progress.read(Snapshots(lake.spark, lake.silver)).tombstone_floor == p(5)
    assert silver(lake) == expected(state)
    assert maintain(lake, LATER + timedelta(days=1))["purged"] == 0
    assert maintain(lake, LATER + timedelta(days=3))["purged"] == 2
    state = purged(state, p(9))
    assert silver(lake) == expected(state)
    assert progress.read(Snapshots(lake.spark, lake.silver)).tombstone_floor == state.tombstone_floor
    more = [full(4, 2), full(5, 3, a=9), full(6, 1, a=8)]
    append(lake, more)
    assert run(lake)["quarantined"] == 1
    state, late = apply(state, more)
    assert late == [more[0]] and silver(lake) == expected(state)
    assert [row.reason[:8] for row in lake.rows(lake.quarantine)] == ["too_late"]
    assert maintain(lake, LATER + timedelta(days=9))["purged"] == 0
    assert progress.read(Snapshots(lake.spark, lake.silver)).tombstone_floor == p(5)


def test_a_purge_that_dies_after_any_commit_is_made_good_by_the_next(lake, monkeypatch):
    log = [full(1, 1), full(3, 3), delete(4, 1)]
    append(lake, log)
    run(lake)
    names = tables.of(ENVIRONMENT, "parts")
    tombstones._raise(lake.spark, lake.silver, "`_is_deleted`", LATER)
    lake.spark.sql(f"alter table {lake.silver} unset tblproperties ('{tables.PURGES}')")
    age = timedelta(days=30)
    assert [tombstones.purge(lake.spark, names, LATER + timedelta(days=n), age) for n in (1, 4)] == [0, 1]
    assert progress.read(Snapshots(lake.spark, lake.silver)).tombstone_floor == p(4)


def test_of_a_topic_the_newest_progress_and_the_tombstones_stay(lake):
    done = kafka_progress.Progress("topic", 1, {0: 7, 1: 3})
    rows = lake.spark.table(lake.bronze)
    append(lake, [full(1, 1), delete(2, 1)])
    bronze.append(rows.limit(0), lake.bronze, done.properties("parts"))
    for number in range(3, 9):
        append(lake, [full(number, number)])
    run(lake)
    for days in (0, 3):
        assert maintain(lake, LATER + timedelta(days=days))["purged"] == 0
    history = Snapshots(lake.spark, lake.bronze)
    assert kafka_progress.read(history, "parts", "topic", 1) == done
    assert (1,) in silver(lake)


def test_merges_and_compactions_of_one_table_at_once_lose_no_row(lake):
    """The merge is the resident one: it leaves the table alone when a compaction that lost has reserved it."""
    log, over, failed = batches(lake, 3), threading.Event(), []
    spark = lake.spark.newSession()

    def resident():
        number = 1000
        while not over.is_set():
            number += 1
            spark.catalog.refreshTable(lake.silver)
            if compaction.is_reserved(spark, lake.silver):
                continue
            changes = [full(number, key, number) for key in (0, 2, 10, 13, 20, 22)]
            try:
                append(lake, changes)
                merge(spark, CONTRACT, ENVIRONMENT)
            except Exception:
                failed.append(traceback.format_exc())
                return
            log.extend(changes)

    thread = threading.Thread(target=resident)
    thread.start()
    try:
        first = maintain(lake)
        maintain(lake)
    finally:
        over.set()
        thread.join()
    assert not failed, failed[0]
    assert first["silver_files"] < first["silver_files_before"]
    run(lake)
    assert silver(lake) == expected(fold(log, NAMES))


def test_a_compaction_that_lost_to_a_merge_reserves_the_table_until_it_has_ended(lake, monkeypatch):
    batches(lake, 3)
    call, reserved = compaction._call, []

    def lose(spark, procedure, table, *options):
        if table == lake.silver:
            reserved.append(compaction.is_reserved(spark, table))
            if len(reserved) < 3:
                raise RuntimeError("org.apache.iceberg.exceptions.ValidationException: found new delete")
        call(spark, procedure, table, *options)

    monkeypatch.setattr(compaction, "_call", lose)
    assert maintain(lake)["silver_files"] == 2
    assert reserved == [False, True, True]
    assert tables.RESERVED_UNTIL not in Snapshots(lake.spark, lake.silver).properties


def test_main_does_the_others_when_one_dataset_cannot_be_maintained(lake, capsys):
    batches(lake, 3)
    argv = ["--env", ENVIRONMENT, "--run-id", "r", "--contracts", "-", "--datasets", "absent,parts"]
    with pytest.raises(RuntimeError, match="^not maintained: absent "):
        job.main(argv, lake.spark)
    (line,) = capsys.readouterr().out.strip().splitlines()
    assert '"dataset": "parts", "job": "maintain", "purged": 0' in line
    assert (
        Snapshots(lake.spark, lake.silver).summary(Snapshots(lake.spark, lake.silver).current)[
            "total-data-files"
        ]
        == "2"
    )
