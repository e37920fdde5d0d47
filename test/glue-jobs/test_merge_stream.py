"""The merge as a resident job: what arrives while it runs is merged, and one dataset's trouble is not the others'."""

import threading
from collections import Counter

import merge as merge_job
import merge_stream as job
import pytest
from lakes import ENVIRONMENT, append, contract_of, contract_text, silver

from common import compaction, iceberg, progress, spark_threads
from common.algebra import Change
from common.iceberg import Snapshots
from common.merging import merge
from common.position import make

COLUMNS = [("id", "bigint", "key"), ("note", "varchar(9)", "")]


def upsert(number, key, note):
    return Change("upsert", make(1, number), (key,), {"note": note})


@pytest.fixture
def lakes(make_lake, tmp_path):
    made = {}
    for name in ("notes", "letters"):
        (tmp_path / f"{name}.odcs.yaml").write_text(contract_text(name, COLUMNS))
        made[name] = make_lake(contract_of(name, COLUMNS))
    return made


def run(lakes, folder, datasets, seconds, **more):
    arguments = {"env": ENVIRONMENT, "run-id": "r", "contracts": str(folder), "datasets": datasets}
    arguments |= {"seconds": str(seconds), "every": "0.2"} | more
    argv = [each for name, value in arguments.items() for each in (f"--{name}", value)]
    return job.main(argv, next(iter(lakes.values())).spark)


def notes(lake):
    return {key[0]: values["note"] for key, (values, *_) in silver(lake).items()}


def newer_version(lake):
    """As a deployment of another contract leaves the table: a run ends then."""
    lake.spark.sql(f"alter table {lake.silver} set tblproperties ('moraine.contract-version' = '1.1.0')")


def test_what_arrives_while_it_runs_is_merged(lakes, tmp_path, monkeypatch):
    stock, lake = job.merge, lakes["notes"]

    def and_more_arrives(spark, contract, environment, **how):
        result = stock(spark, contract, environment, **how)
        if contract.dataset == "notes" and result["bronze_rows"] == 2:
            append(lake, [upsert(2, 1, "new"), upsert(3, 3, "came"), upsert(4, 4, "too")])
        elif contract.dataset == "notes" and result["bronze_rows"] == 3:
            newer_version(lake)
        return result

    monkeypatch.setattr(job, "merge", and_more_arrives)
    append(lake, [upsert(1, 1, "old"), upsert(1, 2, "stays")])
    result = run(lakes, tmp_path, "notes,letters", 120)
    assert notes(lake) == {1: "new", 2: "stays", 3: "came", 4: "too"}
    assert result["batches"] == 2 and result["failures"] == 0 and result["rounds"] >= 2


def test_a_dataset_that_cannot_be_merged_does_not_hold_up_the_others_and_is_told_in_the_end(lakes, tmp_path):
    lakes["notes"].spark.sql(f"drop table {lakes['notes'].silver}")
    append(lakes["letters"], [upsert(1, 1, "a")])
    with pytest.raises(Exception, match="notes"):
        run(lakes, tmp_path, "notes,letters", 60)
    assert notes(lakes["letters"]) == {1: "a"}


def test_tables_are_merged_side_by_side_each_with_its_own_progress(lakes, tmp_path, monkeypatch):
    """Both are about to commit at the same time, or the barrier breaks."""
    together, commit, busy, at_once = threading.Barrier(2, timeout=60), iceberg.commit_with, Counter(), []

    def meet(spark, properties, work):
        together.wait()
        commit(spark, properties, work)

    def look(self, environment):
        name = self.contract.dataset
        busy[name] += 1
        at_once.append(busy[name])
        try:
            return stock(self, environment)
        finally:
            busy[name] -= 1

    stock = job.Follower.look
    monkeypatch.setattr(iceberg, "commit_with", meet)
    monkeypatch.setattr(job.Follower, "look", look)
    append(lakes["notes"], [upsert(7, 1, "a")])
    append(lakes["letters"], [upsert(8, 1, "b"), upsert(9, 2, "c")])
    result = run(lakes, tmp_path, "notes,letters", 1, parallel="4")
    assert result["batches"] == 2 and set(at_once) == {1}
    assert [notes(lakes[name]) for name in lakes] == [{1: "a"}, {1: "b", 2: "c"}]
    for lake, newest in zip(lakes.values(), (7, 9), strict=True):
        done = progress.read(Snapshots(lake.spark, lake.silver))
        assert done.consumed == Snapshots(lake.spark, lake.bronze).current
        assert done.newest_position == make(1, newest)


def many_files(lake, monkeypatch):
    """Six merges of one row, which leave eleven files; and a change that is not merged yet."""
    monkeypatch.setattr(compaction, "MANY_FILES", 1)
    for number in range(1, 7):
        append(lake, [upsert(number, 1, f"v{number}")])
        merge(lake.spark, lake.contract, ENVIRONMENT)
    append(lake, [upsert(7, 1, "v7")])


def merge_and_end(lake, monkeypatch):
    """Lets the run end when it has merged something."""
    stock = job.merge

    def and_end(*arguments, **how):
        result = stock(*arguments, **how)
        if result["bronze_rows"]:
            newer_version(lake)
        return result

    monkeypatch.setattr(job, "merge", and_end)


def test_what_merges_have_left_in_small_files_is_compacted_and_merges_go_on(lakes, tmp_path, monkeypatch):
    lake = lakes["notes"]
    many_files(lake, monkeypatch)
    merge_and_end(lake, monkeypatch)
    run(lakes, tmp_path, "notes", 120)
    after = Snapshots(lake.spark, lake.silver)
    assert int(after.summary(after.current)["total-data-files"]) < 3
    assert notes(lake) == {1: "v7"}


def test_files_that_others_have_compacted_count_from_what_is_left(lakes, monkeypatch):
    lake = lakes["notes"]
    many_files(lake, monkeypatch)
    follower = job.Follower(lake.contract, files=1000)
    spark_threads.enter(lake.spark)
    follower.look(ENVIRONMENT)
    there = compaction.files(Snapshots(lake.spark, lake.silver))
    assert 0 < follower.files <= there


def test_a_compaction_that_fails_stops_no_merge(lakes, tmp_path, monkeypatch):
    lake = lakes["notes"]
    many_files(lake, monkeypatch)

    def fail(*_):
        raise RuntimeError("no memory")

    monkeypatch.setattr(compaction, "compact", fail)
    merge_and_end(lake, monkeypatch)
    assert run(lakes, tmp_path, "notes", 120)["failures"] == 0
    assert notes(lake) == {1: "v7"}


def test_a_table_that_a_compaction_has_reserved_waits(lakes, tmp_path):
    until = {"notes": "2999-01-01", "letters": "2020-01-01"}
    for name, lake in lakes.items():
        properties = f"'moraine.reserved-until' = '{until[name]}T00:00:00+00:00'"
        lake.spark.sql(f"alter table {lake.silver} set tblproperties ({properties})")
        append(lake, [upsert(1, 1, "a")])
    run(lakes, tmp_path, "notes,letters", 1)
    assert [notes(lakes[name]) for name in lakes] == [{}, {1: "a"}]


def test_a_table_of_a_newer_contract_ends_the_run_before_it_merges_anything(lakes, tmp_path):
    newer_version(lakes["notes"])
    append(lakes["notes"], [upsert(1, 1, "a")])
    result = run(lakes, tmp_path, "notes,letters", 60)
    assert result["outdated"] == "notes" and result["rounds"] == 0
    assert notes(lakes["notes"]) == {}


def test_one_run_of_the_merge_takes_several_datasets_and_names_those_that_failed(lakes, tmp_path):
    for name, lake in lakes.items():
        append(lake, [upsert(1, 1, name)])
    argv = [
        "--env",
        ENVIRONMENT,
        "--run-id",
        "r",
        "--contracts",
        str(tmp_path),
        "--datasets",
        "notes,letters",
    ]
    results = merge_job.main(argv, lakes["notes"].spark)
    assert {name: result["changed"] for name, result in results.items()} == {"notes": 1, "letters": 1}
    assert [notes(lakes[name]) for name in lakes] == [{1: "notes"}, {1: "letters"}]
    lakes["notes"].spark.sql(f"drop table {lakes['notes'].silver}")
    append(lakes["letters"], [upsert(2, 1, "again")])
    with pytest.raises(RuntimeError, match="^not merged: notes "):
        merge_job.main(argv, lakes["notes"].spark)
    assert notes(lakes["letters"]) == {1: "again"}


def test_a_snapshot_to_begin_from_goes_with_one_dataset(tmp_path, capsys):
    argv = ["--env", ENVIRONMENT, "--run-id", "r", "--contracts", str(tmp_path), "--datasets", "a,b"]
    with pytest.raises(SystemExit):
        merge_job.main([*argv, "--from-snapshot", "0"])
    assert "give it with --dataset" in capsys.readouterr().err
