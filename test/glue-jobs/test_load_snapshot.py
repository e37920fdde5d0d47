"""A snapshot export changes silver only where the snapshot knows better, once, and rejects what it can't
cast.
"""

from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace

import load_snapshot as job
import pytest
from lakes import ENVIRONMENT, append, contract_of, contract_text, row_of, silver

from common import keyed_snapshot, reconciliation, tables
from common.algebra import Change
from common.contract import ContractError
from common.iceberg import Snapshots
from common.merging import merge
from common.position import make

COLUMNS = [("id", "bigint", "key"), ("amount", "decimal(12,2)", "required"), ("note", "varchar(9)", "")]
CONTRACT = contract_of("bills", COLUMNS)
SCHEMA = "id long, amount string, note string"


def p(number: int) -> str:
    return make(0, number)


class Loader:
    """Writes exports in RDS's layout and loads them through `main`."""

    committed_at = "2026-01-01T00:00:00Z"

    def __init__(self, lake, folder):
        self.lake, self.folder = lake, folder
        (folder / "bills.odcs.yaml").write_text(contract_text("bills", COLUMNS))

    def write_others(self, export_id, *folders):
        """An export that has another table, and these empty folders."""
        for folder in ("shop/public.others", *folders):
            (self.folder / export_id / folder).mkdir(parents=True)
        (self.folder / export_id / "shop/public.others/part-0.gz.parquet").touch()

    def write(self, export_id, rows, schema=SCHEMA, batch="/1"):
        frame = self.lake.spark.createDataFrame(rows, schema)
        path = f"{self.folder}/{export_id}/shop/public.bills{batch}"
        frame.coalesce(1).write.mode("append").parquet(path)

    def load(self, export_id, position, complete="true"):
        arguments = {
            "env": ENVIRONMENT,
            "dataset": "bills",
            "run-id": "r-1",
            "contracts": str(self.folder),
            "export": f"{self.folder}/{export_id}/",
            "table": "shop/public.bills",
            "export-id": export_id,
            "position": position,
            "committed-at": self.committed_at,
            "complete": complete,
        }
        return job.main(
            [each for name, value in arguments.items() for each in (f"--{name}", value)], self.lake.spark
        )

    def run(self, export_id, position, rows, schema=SCHEMA, complete="true"):
        """Writes, loads and merges an export."""
        self.write(export_id, rows, schema)
        result = self.load(export_id, position, complete)
        merge(self.lake.spark, CONTRACT, ENVIRONMENT)
        return result

    def told(self, position):
        """What bronze got at a position: key → (operation, amount, note, _missing)."""
        rows = self.lake.rows(self.lake.bronze, f"_position = '{position}'")
        return {
            row.id: (row["_op"], row.amount and str(row.amount), row.note, row["_missing"]) for row in rows
        }


@pytest.fixture
def loader(make_lake, tmp_path):
    return Loader(make_lake(CONTRACT), tmp_path)


def alive(loader):
    return {
        key[0]: str(values["amount"])
        for key, (values, _, deleted, *_) in silver(loader.lake).items()
        if not deleted
    }


def test_only_differences_go_to_bronze(loader):
    first = loader.run("e1", p(10), [(1, "1.00", "x"), (2, "2.00", None), (3, "3.00", "z")])
    assert (first["export_rows"], first["bronze_rows"], first["changed"]) == (3, 3, 3)
    second = loader.run("e2", p(20), [(1, "1.0", "x"), (2, "2.00", "new"), (4, "4.00", None)])
    assert loader.told(p(20)) == {
        2: ("upsert", "2.00", "new", None),
        3: ("delete", None, None, None),
        4: ("upsert", "4.00", None, None),
    }
    assert (second["changed"], second["deleted"], second["bronze_rows"]) == (2, 1, 3)
    assert alive(loader) == {1: "1.00", 2: "2.00", 4: "4.00"}
    third = loader.run(
        "e3", p(30), [(1, "1.00", "x"), (2, "2.00", "new"), (3, "3.00", None), (4, "4.00", None)]
    )
    assert loader.told(p(30)) == {3: ("upsert", "3.00", None, None)}
    assert third["position"] == p(30) and third["newest_committed_at"] == "2026-01-01T00:00:00.000000+00:00"


def test_an_export_is_loaded_once_and_a_cut_off_load_is_done_again(loader, monkeypatch):
    rows = [(1, "1.00", "x"), (2, "12x", None)]
    loader.write("e1", rows)
    with monkeypatch.context() as patched:
        patched.setattr(job.bronze, "append", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            loader.load("e1", p(10))
    assert len(loader.lake.rows(loader.lake.quarantine)) == 1 and loader.told(p(10)) == {}
    compared = loader.lake.rows(loader.lake.reconciliation)
    assert sum(row.missing for row in compared) == 1
    first, again = loader.load("e1", p(10)), loader.load("e1", p(10))
    assert (first["skipped"], again["skipped"]) == (False, True)
    assert {**again, "skipped": False, "finished_at": None} == {**first, "finished_at": None}
    assert (
        len(loader.lake.rows(loader.lake.bronze)) == 1 and len(loader.lake.rows(loader.lake.quarantine)) == 1
    )
    assert loader.lake.rows(loader.lake.reconciliation) == compared


def test_a_bad_row_goes_to_quarantine_and_its_key_is_not_deleted(loader):
    loader.run("e1", p(10), [(1, "1.00", "x"), (2, "2.00", None), (3, "3.00", None)])
    result = loader.run("e2", p(20), [(1, "12x", "x"), (2, None, "much too long")])
    assert (result["quarantined"], result["deleted"]) == (2, 1)
    assert (result["unreadable_keys"], result["deletes_withheld"]) == (0, False)
    assert alive(loader) == {1: "1.00", 2: "2.00"}
    found = {row.reason: row for row in loader.lake.rows(loader.lake.quarantine)}
    assert set(found) == {
        'amount: "12x" is not a decimal(12,2)',
        'amount: is empty but required; note: "much too long" is not a varchar(9)',
    }
    row = found['amount: "12x" is not a decimal(12,2)']
    assert (row.dataset, row.column_name, row["_position"]) == ("bills", "amount", p(20))
    assert row.payload == '{"id":1,"amount":"12x","note":"x"}'
    assert row["_origin"].startswith("e2/part-") and row["_origin"].endswith(".parquet#0")


def test_a_row_whose_key_is_unreadable_withholds_every_delete_until_an_export_without_one(loader):
    loader.run("e1", p(10), [(1, "1.00", "x"), (2, "2.00", None), (3, "3.00", None)])
    text = SCHEMA.replace("long", "string")
    rows = [("1", "5.00", "x"), ("2b", "2.00", None), (None, "4.00", None)]
    result = loader.run("e2", p(20), rows, schema=text)
    assert alive(loader) == {1: "5.00", 2: "2.00", 3: "3.00"}
    assert {name: result[name] for name in ("quarantined", "unreadable_keys", "deleted", "changed")} == {
        "quarantined": 2,
        "unreadable_keys": 2,
        "deleted": 0,
        "changed": 1,
    }
    assert result["deletes_withheld"] is True
    reasons = {row.reason for row in loader.lake.rows(loader.lake.quarantine)}
    assert reasons == {'id: "2b" is not a bigint', "id: is empty but required"}
    changed_type = [(f"0x{number}", "1.00", None) for number in (1, 2, 3)]
    assert loader.run("e3", p(30), changed_type, schema=text)["unreadable_keys"] == 3
    assert set(alive(loader)) == {1, 2, 3}
    mended = loader.run("e4", p(40), [(1, "5.00", "x")])
    assert (mended["deleted"], mended["deletes_withheld"], alive(loader)) == (2, False, {1: "5.00"})


def test_an_incomplete_export_deletes_nothing(loader):
    loader.run("e1", p(10), [(1, "1.00", "x"), (2, "2.00", None)])
    result = loader.run("e2", p(20), [(1, "5.00", "x")], complete="false")
    assert (result["deleted"], result["deletes_withheld"]) == (0, True)
    assert alive(loader) == {1: "5.00", 2: "2.00"}


def test_the_stream_wins_where_it_is_newer_and_the_snapshot_fills_what_it_left_open(loader):
    whole = {"amount": Decimal("9.00"), "note": "s"}
    stream = [
        Change("upsert", p(30), (1,), whole),
        Change("upsert", p(30), (2,), {"note": "s"}),
        Change("upsert", p(30), (3,), whole),
        Change("delete", p(30), (4,)),
        Change("delete", p(10), (5,)),
        Change("upsert", p(10), (6,), whole),
        Change("upsert", p(30), (7,), {"amount": Decimal("9.00")}),
    ]
    append(loader.lake, stream)
    merge(loader.lake.spark, CONTRACT, ENVIRONMENT)
    loader.run(
        "e1",
        p(20),
        [(1, "1.00", "e"), (2, "2.00", "e"), (4, "4.00", "e"), (5, "5.00", "e"), (7, "7.00", None)],
    )
    assert {key: told[0] for key, told in loader.told(p(20)).items()} == {
        2: "upsert",
        5: "upsert",
        6: "delete",
        7: "upsert",
    }
    found = {
        key[0]: (values["note"], deleted, incomplete)
        for key, (values, _, deleted, incomplete, _) in silver(loader.lake).items()
    }
    assert found == {
        1: ("s", False, False),
        2: ("s", False, False),
        3: ("s", False, False),
        4: (None, True, False),
        5: ("e", False, False),
        6: (None, True, False),
        7: (None, False, False),
    }
    assert (alive(loader)[2], alive(loader)[7]) == ("2.00", "9.00")


def test_what_an_unmerged_load_inserted_is_known_to_the_next(loader):
    loader.write("e1", [(1, "1.00", "x"), (2, "2.00", None)])
    loader.load("e1", p(10))
    loader.run("e2", p(20), [(1, "1.00", "x")])
    assert alive(loader) == {1: "1.00"}


def test_columns_that_the_export_lacks_or_has_in_excess(loader):
    loader.run("e1", p(10), [(1, "1.00", "x")])
    result = loader.run("e2", p(20), [(1, "2.00", True)], schema="id long, amount string, extra boolean")
    assert (result["ignored_columns"], result["missing_columns"]) == (["extra"], ["note"])
    assert loader.told(p(20)) == {1: ("upsert", "2.00", None, "note")}
    assert silver(loader.lake)[1,][0]["note"] == "x"
    loader.write("e3", [(1, "x")], schema="id long, note string")
    with pytest.raises(ContractError, match="bills: the source lacks required column.s. amount"):
        loader.load("e3", p(30))


def test_of_two_rows_of_a_key_the_greatest_is_kept_and_the_other_rejected(loader):
    rows = [
        (1, "1.00", "a"),
        (1, "1.00", "b"),
        (2, "2.00", "c"),
        (2, "2.00", "c"),
        (3, "bad", None),
        (3, "3.00", "d"),
    ]
    result = loader.run("e1", p(10), rows)
    assert (result["quarantined"], result["duplicates"], result["bronze_rows"]) == (2, 1, 3)
    told = loader.told(p(10))
    assert [told[key][2] for key in (1, 2, 3)] == ["b", "c", "d"]
    reasons = {row.reason for row in loader.lake.rows(loader.lake.quarantine)}
    assert reasons == {"id: key 1 has another row, which was kept", 'amount: "bad" is not a decimal(12,2)'}


def test_files_are_read_with_and_without_batch_folder(loader):
    loader.write("e1", [(1, "1.00", "x")], batch="")
    loader.write("e1", [(2, "2.00", "x")], batch="/1")
    loader.write("e1", [(3, "3.00", "x")], batch="/2/deeper")
    assert loader.load("e1", p(10))["export_rows"] == 3


@pytest.mark.parametrize("folders", [(), ("shop/public.bills/1",)])
def test_no_file_for_a_table_that_silver_shows_empty_is_nothing_to_do(loader, folders):
    loader.write_others("e1", *folders)
    result = loader.load("e1", p(10))
    assert (result["export_rows"], result["bronze_rows"], result["skipped"]) == (0, 0, False)
    assert loader.lake.snapshots(loader.lake.bronze) == 0
    loader.run("e2", p(20), [(1, "1.00", "x")])
    assert alive(loader) == {1: "1.00"}
    loader.write_others("e0", *folders)
    assert loader.load("e0", p(15))["export_rows"] == 0  # what is newer than the snapshot says nothing of it
    assert alive(loader) == {1: "1.00"}


def test_no_file_for_a_table_with_live_rows_is_an_error_that_a_truncate_resolves(loader):
    loader.run("e1", p(10), [(1, "1.00", "x"), (2, "2.00", None)])
    loader.write_others("e2")
    message = (
        "bills: export e2 has no .parquet file for it and silver still has 2 live row.s. older than .* "
        f"append a row to {loader.lake.bronze} with _op 'truncate', _position '{p(20)}' and nulls elsewhere"
    )
    with pytest.raises(FileNotFoundError, match=message):
        loader.load("e2", p(20))
    assert set(alive(loader)) == {1, 2}
    append(loader.lake, [{"_op": "truncate", "_position": p(20)}])
    assert loader.load("e2", p(20))["export_rows"] == 0
    assert alive(loader) == {}
    loader.run("e3", p(30), [(1, "3.00", "x")])
    assert alive(loader) == {1: "3.00"}


def test_an_export_that_is_not_there_and_a_time_without_zone_are_errors(loader):
    with pytest.raises(FileNotFoundError, match="nothing is at .*/e9/; give the root of an export"):
        loader.load("e9", p(10))
    with pytest.raises(ValueError, match="position '10' is malformed"):
        loader.load("e9", "10")


def test_deletes_of_an_export_are_its_own(loader):
    snapshot = job.Snapshot("e1", p(10), datetime(2026, 1, 1, tzinfo=UTC), True)
    spark = loader.lake.spark
    export = spark.createDataFrame([(1, "1.00", "x", "o")], f"{SCHEMA}, _origin string")
    rows = keyed_snapshot.checked(export, CONTRACT)
    compared = keyed_snapshot.transform(
        rows, spark.table(loader.lake.silver), CONTRACT, snapshot, [], snapshot.committed_at
    )
    changes = compared.select(f"{reconciliation.CHANGE}.*")
    fields = spark.table(loader.lake.bronze).schema.fieldNames()
    assert [*changes.schema.fieldNames(), "_previous_key", "_rest"] == fields


def stream(lake, *told, committed_at=datetime(2025, 12, 30, tzinfo=UTC)):
    """What a stream of epoch 1 told: (log position, key, amount; None: deleted)."""
    changes = [
        Change("delete", make(1, log), (key,))
        if amount is None
        else Change("upsert", make(1, log), (key,), {"amount": Decimal(amount), "note": None})
        for log, key, amount in told
    ]
    rows = [row_of(CONTRACT, change) for change in changes]
    append(lake, [{**row, "_committed_at": committed_at, "_ingested_at": committed_at} for row in rows])


def test_from_snapshot_to_stream_the_stream_wins_wherever_both_speak(loader):
    loader.run("e0", p(10), [(1, "1.00", None), (2, "2.00", None), (3, "3.00", None)])
    during = datetime(2025, 12, 31, 23, 0, tzinfo=UTC)
    stream(loader.lake, (70, 1, "1.50"), (80, 2, None), (90, 4, "4.00"), committed_at=during)
    # Taken before those changes: 1 as it was, 2 still there, 4 not yet; 3 was deleted before the capture began.
    result = loader.run("e1", make(1, 0), [(1, "1.00", None), (2, "2.00", None), (5, "5.00", None)])
    assert make(1, 0) < result["position"] < make(1, 1)
    assert alive(loader) == {1: "1.50", 4: "4.00", 5: "5.00"}
    stream(loader.lake, (100, 5, "5.50"), (60, 3, None), committed_at=during)
    merge(loader.lake.spark, CONTRACT, ENVIRONMENT)
    assert alive(loader) == {1: "1.50", 4: "4.00", 5: "5.50"}


def test_a_later_snapshot_mends_what_the_stream_has_lost_and_takes_back_nothing(loader):
    stream(loader.lake, (10, 1, "1.00"), (20, 2, "2.00"), (25, 3, "3.00"), (30, 7, "7.00"))
    stream(loader.lake, (40, 1, "1.50"), (50, 9, "9.00"), committed_at=datetime(2025, 12, 31, 12, tzinfo=UTC))
    # Lost: 2 became 2.50, 3 was deleted, both long ago. 9 came while the snapshot's day was running.
    result = loader.run("e1", make(1, 0), [(1, "1.00", None), (2, "2.50", None), (7, "7.00", None)])
    assert make(1, 30, 99) < result["position"] < make(1, 31)
    assert alive(loader) == {1: "1.50", 2: "2.50", 7: "7.00", 9: "9.00"}


def test_what_the_stream_lost_is_told_from_the_third_snapshot_on(loader):
    """The first may have been taken before the capture began, and the second closes that gap."""
    mended = []
    for day, second in enumerate(("2.00", "2.50", "2.75", "2.75"), 1):
        loader.committed_at = f"2026-01-0{day}T00:00:00Z"
        with pytest.MonkeyPatch.context() as patched:
            hour_later = datetime(2026, 1, day, 1, tzinfo=UTC)
            clock = SimpleNamespace(now=lambda _, now=hour_later: now, fromisoformat=datetime.fromisoformat)
            patched.setattr(job, "datetime", clock)
            mended.append(loader.run(f"e{day}", make(1, 0), [(1, "1.00", None), (2, second, None)]))
    assert [(each["changed"], each["lost"]) for each in mended] == [(2, 0), (1, 0), (1, 1), (0, 0)]
    again = loader.load("e3", make(1, 0))
    assert (again["skipped"], again["lost"]) == (True, 1), (
        "a repeated load tells what it did, and that it did it before"
    )
    rows = loader.lake.rows(loader.lake.reconciliation, "export_id = 'e3'")
    found = [(row.key_from, row.key_to, row.source_rows, row.silver_rows, row.different) for row in rows]
    assert sorted(found, key=lambda row: row[0] or "") == [(None, "2", 1, 1, 0), ("2", None, 1, 1, 1)]
    assert {(row.dataset, row.position, row.beside_stream) for row in rows} == {
        ("bills", mended[2]["position"], True)
    }


def test_what_changed_without_a_stream_is_no_loss(loader):
    loader.run("e1", p(10), [(1, "1.00", None)])
    loader.run("e2", p(20), [(1, "1.50", None)])
    assert loader.run("e3", p(30), [(1, "1.75", None)])["lost"] == 0
    rows = loader.lake.rows(loader.lake.reconciliation, "different = 1")
    assert {row.export_id: row.beside_stream for row in rows} == {"e2": False, "e3": False}


def test_a_load_tells_when_the_merge_before_it_saw_the_log_go_back(loader):
    def told(log, hour):
        change = Change("upsert", make(1, log), (1,), {"amount": Decimal("1.00"), "note": None})
        row = row_of(CONTRACT, change, origin="bills/kinesis/shard-0/1")
        append(loader.lake, [row | {"_committed_at": datetime(2026, 1, 1, hour, tzinfo=UTC)}])

    told(100, 1)
    assert not loader.run("e1", make(1, 0), [(1, "1.00", None)])["log_went_back"]
    told(90, 2)
    told(80, 3)
    assert loader.run("e2", make(1, 0), [(1, "1.00", None)])["log_went_back"]
    assert not loader.load("e2", make(1, 0))["log_went_back"]


def test_of_two_snapshots_at_one_place_of_a_quiet_stream_the_newer_wins(loader):
    """The first was taken before the capture began: the second closes the gap."""
    loader.run("e1", make(1, 0), [(1, "1.00", None), (2, "2.00", None)])
    loader.committed_at = "2026-01-01T06:00:00Z"
    loader.run("e2", make(1, 0), [(1, "1.50", None), (3, "3.00", None)])
    assert alive(loader) == {1: "1.50", 3: "3.00"}
    stream(loader.lake, (10, 1, "1.75"))
    merge(loader.lake.spark, CONTRACT, ENVIRONMENT)
    assert alive(loader) == {1: "1.75", 3: "3.00"}


def test_beside_a_quiet_stream_a_snapshot_is_not_below_the_tombstone_floor(loader):
    stream(loader.lake, (10, 1, "1.00"), (20, 2, "2.00"))
    merge(loader.lake.spark, CONTRACT, ENVIRONMENT)
    floor = {tables.TOMBSTONE_FLOOR: make(1, 20)}
    Snapshots(loader.lake.spark, loader.lake.silver).mark(floor)
    loader.committed_at = "2026-03-01T06:00:00Z"
    result = loader.run("e1", make(1, 0), [(1, "1.00", None), (2, "2.00", None), (3, "3.00", None)])
    assert result["position"] > make(1, 20)
    assert alive(loader) == {1: "1.00", 2: "2.00", 3: "3.00"}


def test_when_the_capture_is_taken_away_snapshots_go_on(loader):
    stream(loader.lake, (10, 1, "1.00"), (20, 2, "2.00"))
    merge(loader.lake.spark, CONTRACT, ENVIRONMENT)
    loader.run("e1", p(99), [(1, "1.50", None), (3, "3.00", None)])
    assert alive(loader) == {1: "1.50", 3: "3.00"}
