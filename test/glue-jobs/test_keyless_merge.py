"""Tables without a key in Spark: as many copies of each row as the source has, however its changes come."""

import json
import random
import threading
from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal

import load_snapshot as job
import pytest
from lakes import ENVIRONMENT, START, append, contract_of, contract_text, fresh_silver

from common import iceberg, merging
from common.contract_file import parse
from common.keyless import Known, fates
from common.merging import merge
from common.position import make

COLUMNS = [("what", "varchar(9)", ""), ("at", "timestamptz", ""), ("amount", "decimal(12,2)", "")]
CONTRACT = contract_of("visits", COLUMNS)
NOON = datetime(2026, 1, 1, 12)
ROWS = [("in", NOON, Decimal("1.50")), ("in", NOON, None), (None, None, None)]


def change(op: str, number: int, row: tuple, previous: tuple | None = None) -> dict:
    texts = [str(value) + ("Z" if isinstance(value, datetime) else "") for value in previous or ()]
    names = [name for name, *_ in COLUMNS]
    old = {n: None if v == "None" else v for n, v in zip(names, texts, strict=True)} if previous else None
    return {
        **dict(zip(names, row, strict=True)),
        **{"_op": op, "_position": make(0, number), "_origin": f"test/{number}"},
        **{"_committed_at": START, "_ingested_at": START},
        "_previous_key": json.dumps(old) if old else None,
    }


def rows(lake, where="not _is_deleted") -> Counter:
    return Counter(tuple(row)[: len(COLUMNS)] for row in lake.rows(lake.silver, where))


def random_log(generator: random.Random, size: int) -> list[dict]:
    log = []
    for number in range(1, size + 1):
        kind, row = generator.random(), generator.choice(ROWS)
        if kind < 0.04:
            log.append(change("truncate", 2 * number, (None, None, None)))
        elif kind < 0.6:
            log.append(change("upsert", 2 * number, row))
        elif kind < 0.8:
            log.append(change("upsert", 2 * number, row, previous=generator.choice(ROWS)))
        else:
            log.append(change("delete", 2 * number, row))
    return log


def expected(log: list[dict]) -> Counter:
    """What common/keyless.py says of a log."""
    known: dict[tuple, Known] = {}
    floor = max((each["_position"] for each in log if each["_op"] == "truncate"), default="")
    for each in log:
        row, at = tuple(each[name] for name, *_ in COLUMNS), each["_position"]
        if each["_op"] == "delete":
            known[row] = known.get(row, Known()) | Known(left=frozenset({at}))
        elif each["_op"] == "upsert" and each["_previous_key"]:
            told = json.loads(each["_previous_key"])
            old = next(r for r in ROWS if (str(r[2]), str(r[0])) == (str(told["amount"]), str(told["what"])))
            known[old] = known.get(old, Known()) | Known(left=frozenset({at}))
            epoch, log_position, ordinal = at.split(".")
            at = make(int(epoch), int(log_position), int(ordinal) + 1)
        if each["_op"] == "upsert":
            known[row] = known.get(row, Known()) | Known(arrived=frozenset({at}))
    alive = {row: sum(died is None for died in fates(each, floor).values()) for row, each in known.items()}
    return Counter({row: count for row, count in alive.items() if count})


@pytest.mark.parametrize("seed", [1, 2])
def test_random_logs_end_as_in_plain_python(make_lake, seed):
    lake, generator = make_lake(CONTRACT), random.Random(seed)
    log = random_log(generator, 40)
    delivered = log + generator.sample(log, 8)
    generator.shuffle(delivered)
    for start in range(0, len(delivered), 16):
        append(lake, delivered[start : start + 16])
        merge(lake.spark, CONTRACT, ENVIRONMENT)
        assert rows(lake) == expected(delivered[: start + 16])
    merged_at = {(row["_row_hash"], row["_row_copy"]): row["_merged_at"] for row in lake.rows(lake.silver)}
    for row in lake.rows(lake.silver, "_is_deleted and not endswith(_row_copy, '-')"):
        taken_by = (row["_row_hash"], row["_position"] + "-")
        assert merged_at.get(taken_by, row["_merged_at"]) == row["_merged_at"], (
            "a purge would take one of them"
        )
    every = sorted(tuple(row)[3:7] for row in lake.rows(lake.silver))
    assert len(every) > len(rows(lake))
    fresh_silver(lake)
    merge(lake.spark, CONTRACT, ENVIRONMENT)
    assert sorted(tuple(row)[3:7] for row in lake.rows(lake.silver)) == every


def test_a_merge_that_another_overtook_is_mended(make_lake, monkeypatch):
    lake = make_lake(CONTRACT)
    append(lake, [change("upsert", 2, ROWS[0]), change("upsert", 4, ROWS[0])])
    merge(lake.spark, CONTRACT, ENVIRONMENT)
    append(lake, [change("delete", 8, ROWS[0])])
    commit, first = iceberg.commit_with, threading.Event()

    def commit_after_another(spark, properties, work):
        if not first.is_set():
            first.set()
            append(lake, [change("upsert", 1, ROWS[0]), change("delete", 9, ROWS[0])])
            merge(spark, CONTRACT, ENVIRONMENT)
        commit(spark, properties, work)

    monkeypatch.setattr(merging.iceberg, "commit_with", commit_after_another)
    merge(lake.spark, CONTRACT, ENVIRONMENT)
    assert rows(lake) == {ROWS[0]: 1}


class Exports:
    """Writes exports in RDS's layout and loads them through `main`."""

    def __init__(self, lake, folder):
        self.lake, self.folder = lake, folder
        (folder / "visits.odcs.yaml").write_text(contract_text("visits", COLUMNS))

    def load(self, day: int, given: list[tuple], complete="true", epoch=0):
        export_id = f"e-{day}-{len(list(self.folder.iterdir()))}"
        texts = [tuple(None if v is None else str(v) for v in row) for row in given]
        texts = [(what, at and f"{at}+00", amount) for what, at, amount in texts]
        frame = self.lake.spark.createDataFrame(texts, "what string, at string, amount string")
        frame.coalesce(1).write.parquet(f"{self.folder}/{export_id}/shop/public.visits/1")
        taken_at = START + timedelta(days=day)
        arguments = {
            **{"env": ENVIRONMENT, "dataset": "visits", "run-id": "r", "contracts": str(self.folder)},
            **{"export": f"{self.folder}/{export_id}/", "table": "shop/public.visits"},
            **{"export-id": export_id, "position": make(epoch, 0 if epoch else day)},
            **{"committed-at": taken_at.isoformat(), "complete": complete},
        }
        argv = [each for name, value in arguments.items() for each in (f"--{name}", value)]
        result = job.main(argv, self.lake.spark)
        merge(self.lake.spark, CONTRACT, ENVIRONMENT)
        return result


@pytest.fixture
def exports(make_lake, tmp_path):
    return Exports(make_lake(CONTRACT), tmp_path)


def test_each_snapshot_ends_in_as_many_copies_as_it_has(exports):
    one, two, empty = ROWS
    days = [[one, one, two, empty], [one, one, one, empty, empty], [one, two], [], [two, two]]
    for day, given in enumerate(days, 1):
        if not given:
            continue
        result = exports.load(day, given)
        assert rows(exports.lake) == Counter(given)
        assert (result["export_rows"], result["quarantined"]) == (len(given), 0)
    assert exports.load(9, days[-1])["bronze_rows"] == 0


def test_an_incomplete_or_unreadable_export_takes_nothing_away_and_an_older_one_tells_nothing(exports):
    one, two, _ = ROWS
    exports.load(3, [one, one])
    exports.load(4, [one, two], complete="false")
    assert rows(exports.lake) == {one: 2, two: 1}
    result = exports.load(5, [two, ("far too long for it", None, None)])
    assert (result["quarantined"], result["deletes_withheld"]) == (1, True)
    assert rows(exports.lake) == {one: 2, two: 1}
    assert exports.load(2, [one, one, one])["bronze_rows"] == 0
    exports.load(6, [one])
    assert rows(exports.lake) == {one: 1}


def test_copies_are_compared_by_range_of_their_hash(exports):
    one, two, _ = ROWS

    def compared(day: int, given: list[tuple], **more) -> tuple:
        """Rows of the source, of silver, missing, extra, in flight; ranges whose hashes differ."""
        position = exports.load(day, given, **more)["position"]
        rows = exports.lake.rows(exports.lake.reconciliation, f"position = '{position}'")
        assert sorted(row.key_range for row in rows) == list(range(16))
        names = ("source_rows", "silver_rows", "missing", "extra", "in_flight")
        differing = [row for row in rows if row.source_hash != row.silver_hash]
        return *(sum(row[name] for row in rows) for name in names), len(differing)

    assert compared(1, [one, one, two]) == (3, 0, 3, 0, 0, 2)
    assert compared(2, [one, one, two]) == (3, 3, 0, 0, 0, 0)
    assert compared(3, [one, one, one]) == (3, 3, 1, 1, 0, 2)
    assert compared(4, [one], complete="false") == (1, 1, 0, 0, 0, 0)
    append(exports.lake, [change("upsert", 9, two)])
    assert compared(5, [one, two]) == (1, 3, 0, 2, 1, 1)


def test_beside_a_stream_a_snapshot_leaves_alone_what_changed_since_its_place(exports):
    one, two, empty = ROWS
    day = timedelta(days=1)

    def streamed(log, at, op, row):
        return change(op, 0, row) | {"_position": make(1, log), "_committed_at": at, "_ingested_at": at}

    append(exports.lake, [streamed(5, START, "upsert", one), streamed(9, START + 2.5 * day, "upsert", two)])
    # The snapshot has `two` already, and an `empty` that the stream lost.
    exports.load(3, [one, two, empty], epoch=1)
    assert rows(exports.lake) == {one: 1, two: 1, empty: 1}
    append(exports.lake, [streamed(12, START + 3.5 * day, "delete", two)])
    exports.load(5, [one, one], epoch=1)
    assert rows(exports.lake) == {one: 2}


def test_a_row_keeps_its_hash_when_its_contract_gets_another_column_or_name(make_lake, tmp_path):
    lake = make_lake(CONTRACT)
    append(lake, [change("upsert", 2, ROWS[0]), change("upsert", 4, ROWS[0])])
    merge(lake.spark, CONTRACT, ENVIRONMENT)
    for table in (lake.bronze, lake.silver):
        lake.spark.sql(f"alter table {table} rename column what to kind")
        lake.spark.sql(f"alter table {table} add column note string")
    text = contract_text("visits", [("note", "varchar(9)", ""), *COLUMNS[1:], ("kind", "varchar(9)", "")])
    text = text.replace(
        "name: kind,", "name: kind, customProperties: [{property: previousNames, value: [what]}],"
    )
    later = parse("contracts/visits.odcs.yaml", text)
    gone = change("delete", 6, ROWS[0])
    gone["kind"] = gone.pop("what")
    append(lake, [gone])
    merge(lake.spark, later, ENVIRONMENT)
    assert len(lake.rows(lake.silver, "not _is_deleted")) == 1
