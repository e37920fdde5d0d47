"""The Spark merge agrees with the algebra on random logs, however they are delivered, and on a replay."""

import random
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from change_logs import shuffled
from lakes import ENVIRONMENT, append, contract_of, expected, fresh_silver, silver

from common.algebra import Change, State, apply, fold
from common.merging import merge
from common.position import make

SIMPLE = contract_of(
    "things", [("id", "bigint", "key"), ("a", "int", ""), ("b", "varchar(9)", ""), ("c", "boolean", "")]
)
EVERY_TYPE = contract_of(
    "many_types",
    [
        ("region", "varchar(5)", "key"),
        ("amount", "decimal(12,2)", ""),
        ("number", "int", "key"),
        ("day", "date", ""),
        ("at", "timestamptz", ""),
        ("local_at", "timestamp", ""),
        ("ratio", "double", ""),
    ],
)
VALUES = {
    "a": [None, -1, 0, 7],
    "b": [None, "", "x", "ü"],
    "c": [None, True, False],
    "amount": [None, Decimal("-1.00"), Decimal("10.50"), Decimal("9.75")],
    "day": [None, date(2024, 2, 29), date(1969, 12, 31)],
    "at": [None, datetime(2024, 1, 1, 10, 0, 0, 123456), datetime(1969, 1, 1)],
    "local_at": [None, datetime(2024, 1, 1, 10, 0, 0, 1), datetime(2024, 1, 1, 9)],
    "ratio": [None, -0.5, 0.0, 1e300],
}


def random_log(generator: random.Random, contract, size: int) -> list[Change]:
    """Few keys and positions, so that changes meet and tie; some truncates."""
    names = [column.name for column in contract.values]
    log = []
    for _ in range(size):
        position = make(0, generator.randint(1, size // 5), generator.randint(0, 1))
        number = generator.randint(1, 5)
        key = (number,) if len(contract.key) == 1 else (generator.choice("ab"), number)
        kind = generator.random()
        if kind < 0.03:
            log.append(Change("truncate", position))
        elif kind < 0.25:
            log.append(Change("delete", position, key))
        else:
            carried = names if kind < 0.6 else generator.sample(names, generator.randint(0, len(names)))
            values = {name: generator.choice(VALUES[name]) for name in carried}
            other = generator.randint(1, 5)
            moves = kind > 0.85 and other != number
            previous = (other,) if len(contract.key) == 1 else (key[0], other)
            log.append(Change("upsert", position, key, values, previous if moves else None))
    return log


@pytest.mark.parametrize(("seed", "contract"), [(1, SIMPLE), (2, EVERY_TYPE), (3, SIMPLE)])
def test_random_logs_end_as_in_the_algebra(make_lake, seed, contract):
    lake, generator = make_lake(contract), random.Random(seed)
    columns = tuple(column.name for column in contract.values)
    log = random_log(generator, contract, 50)
    delivered = shuffled(generator, log)
    state = State(columns)
    for start in range(0, len(delivered), 20):
        batch = delivered[start : start + 20]
        append(lake, batch)
        result = merge(lake.spark, contract, ENVIRONMENT)
        state, _ = apply(state, batch)
        assert result["bronze_rows"] == len(batch)
        assert silver(lake) == expected(state)
    assert silver(lake) == expected(fold(log, columns))
    fresh_silver(lake)
    assert merge(lake.spark, contract, ENVIRONMENT)["bronze_rows"] == len(delivered)
    assert silver(lake) == expected(state)


def test_counts_and_bookkeeping(make_lake):
    lake = make_lake(SIMPLE)
    row = {"a": 1, "b": "x", "c": True}
    append(lake, [Change("upsert", make(0, 1), (key,), row) for key in (1, 2, 3)])
    first = merge(lake.spark, SIMPLE, ENVIRONMENT)
    changes = [
        Change("upsert", make(0, 2), (1,), {"a": 2}),
        Change("delete", make(0, 2), (2,)),
        Change("upsert", make(0, 2), (4,), row),
    ]
    append(lake, changes)
    second = merge(lake.spark, SIMPLE, ENVIRONMENT)
    assert (first["bronze_rows"], first["changed"], first["inserted"], first["deleted"]) == (3, 3, 3, 0)
    assert (second["bronze_rows"], second["changed"], second["inserted"], second["deleted"]) == (3, 3, 1, 1)
    # Rows 2 and 3 lie in one file, so its delete file is written anew with what the second merge had put there.
    append(lake, [Change("upsert", make(0, 3), (3,), {"a": 3})])
    third = merge(lake.spark, SIMPLE, ENVIRONMENT)
    assert (third["bronze_rows"], third["changed"], third["inserted"], third["deleted"]) == (1, 1, 0, 0)
    assert second["position"] == make(0, 2)
    assert second["newest_committed_at"] == "2026-01-01T00:00:02.000000+00:00"
    times = {row.id: row["_merged_at"].replace(tzinfo=UTC) for row in lake.rows(lake.silver)}
    assert times[1] == times[2] == times[4] < times[3]
