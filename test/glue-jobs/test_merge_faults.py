"""The merge's progress stands and falls with its data: deaths, conflicts, repetition, and rows that can't be
merged.
"""

import random
import threading

import merge as job
import pytest
from lakes import ENVIRONMENT, append, contract_of, contract_text, expected, row_of, silver

from common import iceberg, merging, tables
from common.algebra import Change, fold
from common.iceberg import Snapshots
from common.merging import merge
from common.position import make
from common.progress import read

COLUMNS = [("id", "bigint", "key"), ("a", "int", ""), ("b", "varchar(9)", "")]
CONTRACT = contract_of("parts", COLUMNS)
NAMES = ("a", "b")


def p(number: int) -> str:
    return make(0, number)


def full(number: int, key: int, a: int = 1) -> Change:
    return Change("upsert", p(number), (key,), {"a": a, "b": "x"})


@pytest.fixture
def lake(make_lake):
    return make_lake(CONTRACT)


def run(lake, **options) -> dict:
    return merge(lake.spark, CONTRACT, ENVIRONMENT, **options)


def staging_tables(lake) -> int:
    return lake.spark.sql(f"show tables in lake.{ENVIRONMENT}_staging").count()


class Died(Exception):
    pass


def die(*_):
    raise Died


def test_nothing_new_makes_no_commit_and_no_effect_still_records_progress(lake):
    assert run(lake)["consumed_snapshot"] is None
    assert lake.snapshots(lake.silver) == 0
    append(lake, [full(2, 1)])
    first = run(lake)
    assert run(lake)["bronze_rows"] == 0
    assert lake.snapshots(lake.silver) == 1
    append(lake, [full(2, 1), full(1, 1, a=9)])
    again = run(lake)
    assert (again["bronze_rows"], again["changed"]) == (2, 0)
    assert again["consumed_snapshot"] != first["consumed_snapshot"]
    assert lake.snapshots(lake.silver) == 2
    assert run(lake)["bronze_rows"] == 0


def test_death_before_the_commit_is_done_again_and_reports_once(lake, monkeypatch):
    append(lake, [full(1, 1), {**row_of(CONTRACT, full(2, 1)), "_op": "merge"}])
    with monkeypatch.context() as patched:
        patched.setattr(iceberg, "commit_with", die)
        with pytest.raises(Died):
            run(lake)
    assert silver(lake) == {} and staging_tables(lake) == 0
    append(lake, [{**row_of(CONTRACT, full(3, 1)), "_op": "truncated"}])
    assert run(lake)["quarantined"] == 2
    assert silver(lake) == expected(fold([full(1, 1)], NAMES))
    assert sorted(row.reason for row in lake.rows(lake.quarantine)) == [
        '_op: "merge" is unknown; allowed: upsert, delete, truncate',
        '_op: "truncated" is unknown; allowed: upsert, delete, truncate',
    ]


def test_death_after_the_commit_leaves_nothing_to_do(lake, monkeypatch):
    append(lake, [full(1, 1)])
    with monkeypatch.context() as patched:
        patched.setattr(merging, "_result", die)
        with pytest.raises(Died):
            run(lake)
    assert run(lake)["bronze_rows"] == 0
    assert lake.snapshots(lake.silver) == 1
    assert silver(lake) == expected(fold([full(1, 1)], NAMES))


def test_a_merge_that_died_a_hundred_times_in_a_row_still_progresses(lake, monkeypatch):
    """At its commit, when it is staged, or after its commit; meanwhile more changes come."""
    generator, log, deaths = random.Random(7), [], 0
    commit, finish = iceberg.commit_with, merging._result

    def fails_at_random(work, share: float, after: bool):
        def attempt(*arguments):
            if not after and generator.random() < share:
                die()
            done = work(*arguments)
            if after and generator.random() < share:
                die()
            return done

        return attempt

    monkeypatch.setattr(merging, "_result", fails_at_random(finish, 1, after=False))
    while deaths < 100:
        if deaths % 5 == 0:
            new = full(len(log) + 1, generator.randint(1, 9), a=len(log))
            log.append(new)
            append(lake, [new])
        monkeypatch.setattr(iceberg, "commit_with", fails_at_random(commit, 0.5, generator.random() < 0.5))
        with pytest.raises(Died):
            run(lake)
        deaths += 1
    monkeypatch.setattr(iceberg, "commit_with", commit)
    monkeypatch.setattr(merging, "_result", finish)
    before = lake.snapshots(lake.silver)
    run(lake)
    assert silver(lake) == expected(fold(log, NAMES))
    assert staging_tables(lake) == 0
    # A commit for each batch at most, however often it was tried.
    assert lake.snapshots(lake.silver) <= before + 1 <= len(log) + 1


def test_two_merges_at_once_one_wins_and_the_other_starts_over(lake, monkeypatch):
    log = [full(1, 1), full(2, 2), full(3, 3)]
    append(lake, log)
    together, conflicts = threading.Barrier(2, timeout=60), []
    commit, is_conflict, first_try = iceberg.commit_with, iceberg.is_conflict, set()

    def at_once(*arguments):
        if threading.get_ident() not in first_try:
            first_try.add(threading.get_ident())
            together.wait()
        commit(*arguments)

    def count(error):
        conflicts.append(is_conflict(error))
        return conflicts[-1]

    monkeypatch.setattr(iceberg, "commit_with", at_once)
    monkeypatch.setattr(iceberg, "is_conflict", count)
    results = []

    def work():
        results.append(merge(lake.spark.newSession(), CONTRACT, ENVIRONMENT))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert conflicts == [True]
    assert sorted(result["changed"] for result in results) == [0, 3]
    assert silver(lake) == expected(fold(log, NAMES))
    assert lake.snapshots(lake.silver) == 1


def test_a_commit_between_start_and_merge_is_mended(lake, monkeypatch):
    """A merge of later changes commits after this one read its progress: the floor it raised must hold here
    too.
    """
    append(lake, [full(1, 1)])
    run(lake)
    commit, calls = iceberg.commit_with, []

    def overtaken(*arguments):
        calls.append(None)
        if len(calls) == 1:
            seen = Snapshots(lake.spark, lake.bronze).current
            append(lake, [Change("truncate", p(5)), full(6, 2)])
            run(lake, from_snapshot=seen)
            assert (3,) not in silver(lake)
        commit(*arguments)

    monkeypatch.setattr(iceberg, "commit_with", overtaken)
    append(lake, [full(4, 3)])
    run(lake)
    log = [full(1, 1), full(4, 3), Change("truncate", p(5)), full(6, 2)]
    assert silver(lake) == expected(fold(log, NAMES))
    done = read(Snapshots(lake.spark, lake.silver))
    assert done.sound and done.truncate_floor == p(5)


def test_a_row_merged_after_an_overtaking_merge_gets_a_later_time(lake, monkeypatch):
    commit, calls = iceberg.commit_with, []

    def overtaken(*arguments):
        calls.append(None)
        if len(calls) == 1:
            append(lake, [full(2, 2)])
            run(lake)
            lake.spark.sql(f"delete from {lake.silver} where id = 1")
        commit(*arguments)

    append(lake, [full(1, 1)])
    monkeypatch.setattr(iceberg, "commit_with", overtaken)
    run(lake)
    times = {row.id: row["_merged_at"] for row in lake.rows(lake.silver)}
    assert times[1] > times[2]


def test_rows_that_cannot_be_merged_go_to_quarantine_and_the_rest_go_on(lake):
    good = full(1, 1)
    bad = [
        {**row_of(CONTRACT, full(1, 2), "o2"), "id": None},
        {**row_of(CONTRACT, full(1, 3), "o3"), "_position": "12"},
        {**row_of(CONTRACT, full(1, 4), "o4"), "_op": None},
        {**row_of(CONTRACT, full(1, 5), "o5"), "_position": None},
    ]
    append(lake, [good, *bad])
    assert run(lake)["quarantined"] == 4
    assert silver(lake) == expected(fold([good], NAMES))
    found = {row["_origin"]: (row.reason, row.column_name) for row in lake.rows(lake.quarantine)}
    assert found == {
        "o2": ("id: the key is empty", "id"),
        "o3": ('_position: "12" is malformed', "_position"),
        "o4": ('_op: "null" is unknown; allowed: upsert, delete, truncate', "_op"),
        "o5": ('_position: "null" is malformed', "_position"),
    }


def purge(lake, through: str) -> None:
    """What the job that purges tombstones will do."""
    done = read(Snapshots(lake.spark, lake.silver))
    properties = {**done.properties(), tables.TOMBSTONE_FLOOR: through}
    statement = f"delete from {lake.silver} where _is_deleted and _position <= '{through}'"
    iceberg.commit_with(lake.spark, properties, lambda: lake.spark.sql(statement))


def test_a_purge_while_a_merge_is_under_way_brings_no_deleted_row_back(lake, monkeypatch):
    append(lake, [full(1, 1), Change("delete", p(3), (1,)), full(1, 2)])
    run(lake)
    done = read(Snapshots(lake.spark, lake.silver))
    iceberg.commit_with(
        lake.spark,
        {**done.properties(), tables.TOMBSTONE_FLOOR: p(3)},
        lambda: lake.spark.sql(f"update {lake.silver} set a = a where id = 2"),
    )
    append(lake, [full(2, 1), full(5, 2, a=7)])
    commit = iceberg.commit_with

    def purge_first(spark, properties, work):
        monkeypatch.setattr(iceberg, "commit_with", commit)
        purge(lake, p(3))
        commit(spark, properties, work)

    monkeypatch.setattr(iceberg, "commit_with", purge_first)
    run(lake)
    assert {key: value["a"] for key, (value, *_) in silver(lake).items()} == {(2,): 7}


def test_a_change_below_the_tombstone_floor_for_an_absent_key_is_too_late(lake, monkeypatch):
    append(lake, [full(1, 1), Change("delete", p(3), (1,)), full(1, 2)])
    run(lake)
    purge(lake, p(3))
    append(lake, [full(2, 1), full(2, 2, a=7), full(5, 3), full(3, 4), full(6, 4, a=8)])
    with monkeypatch.context() as patched:
        patched.setattr(iceberg, "commit_with", die)
        with pytest.raises(Died):
            run(lake)
    assert run(lake)["quarantined"] == 2
    values = {key: value["a"] for key, (value, *_) in silver(lake).items()}
    assert values == {(2,): 7, (3,): 1, (4,): 8}
    late = lake.rows(lake.quarantine)
    assert len(late) == 2 and all(row.reason.startswith(f"too_late, at or below {p(3)}") for row in late)
    assert run(lake)["bronze_rows"] == 0
    assert read(Snapshots(lake.spark, lake.silver)).tombstone_floor == p(3)


def test_floors_outlast_the_merge_that_raised_them(lake):
    append(lake, [Change("truncate", p(5))])
    run(lake)
    append(lake, [full(4, 1), full(6, 2)])
    run(lake)
    assert silver(lake) == expected(fold([Change("truncate", p(5)), full(4, 1), full(6, 2)], NAMES))


def test_a_replay_reads_all_and_a_lost_snapshot_is_an_error(lake):
    append(lake, [full(1, 1)])
    append(lake, [full(2, 2)])
    run(lake)
    assert run(lake, from_snapshot=0)["bronze_rows"] == 2
    with pytest.raises(
        ValueError, match="snapshot 12, after which to merge, is not in its history; merge with"
    ):
        run(lake, from_snapshot=12)


def test_time_grows_when_the_clock_does_not():
    assert merging._next_time("2999-01-01T00:00:00.000009+00:00") == "2999-01-01T00:00:00.000010+00:00"


def test_old_staging_tables_of_the_dataset_are_dropped(lake):
    database = f"lake.{ENVIRONMENT}_staging"
    names = [
        "parts__20200101000000_0123abcd",
        "parts__29990101000000_0123abcd",
        "parts_b__20200101000000_0123abcd",
    ]
    for name in names:
        lake.spark.sql(f"create table {database}.{name} (x int) using iceberg")
    append(lake, [full(1, 1)])
    run(lake)
    left = {row.tableName for row in lake.spark.sql(f"show tables in {database}").collect()}
    for name in left:
        lake.spark.sql(f"drop table {database}.{name}")
    assert left == set(names[1:])


def test_a_resident_merge_leaves_them_to_others(lake):
    old = f"lake.{ENVIRONMENT}_staging.parts__20200101000000_0123abcd"
    lake.spark.sql(f"create table {old} (x int) using iceberg")
    append(lake, [full(1, 1)])
    merge(lake.spark, CONTRACT, ENVIRONMENT, resident=True)
    assert staging_tables(lake) == 1 and len(silver(lake)) == 1
    lake.spark.sql(f"drop table {old}")


def test_main_prints_one_json_line_and_records_the_run(lake, tmp_path, capsys, monkeypatch):
    import boto3

    kept = []

    class Table:
        def put_item(self, Item):  # noqa: N803, boto3's name
            kept.append(Item)

    class Resource:
        Table = staticmethod(lambda name: Table() if name == "runs" else None)

    monkeypatch.setattr(boto3, "resource", lambda service: Resource if service == "dynamodb" else None)
    (tmp_path / "parts.odcs.yaml").write_text(contract_text("parts", COLUMNS))
    append(lake, [full(1, 1)])
    arguments = ["--env", ENVIRONMENT, "--dataset", "parts", "--run-id", "r-1", "--contracts", str(tmp_path)]
    result = job.main([*arguments, "--runs-table", "runs", "--JOB_NAME", "merge"], lake.spark)
    (line,) = capsys.readouterr().out.strip().splitlines()
    assert '"changed": 1' in line
    assert kept == [{"pk": "dataset#parts", "sk": "merge", **result}]
    assert (result["run_id"], result["bronze_rows"]) == ("r-1", 1)
