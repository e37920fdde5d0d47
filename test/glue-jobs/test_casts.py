"""Casts by contract lose nothing in silence: a value fits exactly, or its row is rejected with a reason."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from lakes import contract_of
from pyspark.sql import functions as f

from common.casts import cast
from common.contract import Column, ContractError
from common.rules import check, extra_columns, missing_columns

TEXT = [
    ("boolean", "t", True),
    ("boolean", "False", False),
    ("boolean", "yes", None),
    ("int", "007", 7),
    ("int", "+2147483647", 2147483647),
    ("int", "2147483648", None),
    ("int", "1.0", None),
    ("int", "1e3", None),
    ("int", " 1", None),
    ("int", "1\n", None),
    ("int", "", None),
    ("bigint", "9007199254740993", 9007199254740993),
    ("bigint", "-9223372036854775808", -9223372036854775808),
    ("bigint", "9223372036854775808", None),
    ("double", "1e3", 1000.0),
    ("double", "-0.0", 0.0),
    ("double", "1e999", None),
    ("double", "NaN", None),
    ("decimal(12,2)", "1.50", Decimal("1.50")),
    ("decimal(12,2)", "-1.5000", Decimal("-1.50")),
    ("decimal(12,2)", "9999999999.99", Decimal("9999999999.99")),
    ("decimal(12,2)", "10000000000", None),
    ("decimal(12,2)", "1.555", None),
    ("decimal(12,2)", "0.001", None),
    ("decimal(12,2)", "NaN", None),
    ("decimal(12,2)", "1e2", None),
    ("decimal(12,2)", "12x", None),
    ("decimal(38,0)", "9" * 38, Decimal("9" * 38)),
    ("decimal(38,0)", "9" * 39, None),
    ("date", "2024-02-29", date(2024, 2, 29)),
    ("date", "2023-02-29", None),
    ("date", "2024-1-1", None),
    ("date", "0044-03-15 BC", None),
    ("date", "0000-01-01", None),
    ("date", "infinity", None),
    ("date", "10000-01-01", None),
    ("date", "2024-01-01 00:00:00", None),
    ("timestamp", "2024-01-01 10:00:00.123456", datetime(2024, 1, 1, 10, 0, 0, 123456)),
    ("timestamp", "2024-01-01T10:00:00", datetime(2024, 1, 1, 10)),
    ("timestamp", "2024-01-01 10:00:00+00", None),
    ("timestamp", "2024-01-01 10:00:00.1234567", None),
    ("timestamp", "2024-01-01 25:00:00", None),
    ("timestamp", "-infinity", None),
    ("timestamptz", "2024-01-01 10:00:00.123456+00", datetime(2024, 1, 1, 10, 0, 0, 123456, UTC)),
    ("timestamptz", "2024-01-01 10:00:00+05:30", datetime(2024, 1, 1, 4, 30, tzinfo=UTC)),
    ("timestamptz", "2024-01-01 10:00:00+0530", datetime(2024, 1, 1, 4, 30, tzinfo=UTC)),
    ("timestamptz", "2024-01-01 10:00:00-03", datetime(2024, 1, 1, 13, tzinfo=UTC)),
    ("timestamptz", "1890-01-01 10:00:00+00:53:28", datetime(1890, 1, 1, 9, 6, 32, tzinfo=UTC)),
    ("timestamptz", "2024-01-01T10:00:00Z", datetime(2024, 1, 1, 10, tzinfo=UTC)),
    ("timestamptz", "2024-01-01 10:00:00", None),
    ("timestamptz", "0044-03-15 10:00:00+00 BC", None),
    ("timestamptz", "infinity", None),
    ("varchar(3)", "äöü", "äöü"),
    ("varchar(3)", "abcd", None),
    ("varchar(16384)", "ü" * 8193, None),
]
BINARY = [
    ("int", "bigint", 2147483648, None),
    ("bigint", "int", 5, 5),
    ("int", "double", 1.0, 1),
    ("int", "double", 1.5, None),
    ("decimal(12,2)", "double", 0.1, Decimal("0.10")),
    ("decimal(12,2)", "double", 0.125, None),
    ("decimal(12,2)", "double", float("nan"), None),
    ("decimal(3,2)", "bigint", 10, None),
    ("decimal(12,2)", "decimal(12,3)", Decimal("1.234"), None),
    ("decimal(12,2)", "decimal(12,3)", Decimal("1.230"), Decimal("1.23")),
    ("double", "bigint", 9007199254740993, None),
    ("double", "float", 0.5, 0.5),
    ("varchar(5)", "bigint", 12345, "12345"),
    ("varchar(5)", "bigint", 123456, None),
    ("varchar(5)", "binary", b"abc", None),
    ("date", "bigint", 20240101, None),
    ("boolean", "int", 1, None),
]


def results(spark, cases):
    """Each case's cast, all in one query; cases are (contract type, source type, value)."""
    schema = ", ".join(f"c{n} {source}" for n, (_, source, _) in enumerate(cases))
    frame = spark.createDataFrame([tuple(value for _, _, value in cases)], schema)
    casts = []
    for n, (type_, _, _) in enumerate(cases):
        sql = cast(Column(name="x", type=type_), frame.schema[n].dataType, f"c{n}")
        # Spark gives times without zone: compare those with a zone as microseconds.
        casts.append(f.expr(f"unix_micros({sql})" if type_ == "timestamptz" else sql).alias(f"c{n}"))
    return list(frame.select(*casts).first())


def micros(value):
    since = value - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def test_text_casts_exactly_or_not_at_all(spark):
    found = results(spark, [(type_, "string", text) for type_, text, _ in TEXT])
    wanted = [micros(value) if type_ == "timestamptz" and value else value for type_, _, value in TEXT]
    assert list(zip(TEXT, found, strict=True)) == list(zip(TEXT, wanted, strict=True))


def test_binary_values_cast_exactly_or_not_at_all(spark):
    found = results(spark, [case[:3] for case in BINARY])
    assert found == [case[3] for case in BINARY]


CONTRACT = contract_of(
    "sheets",
    [
        ("id", "int", "key"),
        ("amount", "decimal(12,2)", "required"),
        ("note", "varchar(5)", ""),
        ("day", "date", ""),
    ],
)


def test_a_row_is_rejected_with_every_reason_and_the_rest_go_on(spark):
    rows = [
        ("1", "1.50", "fine", "2024-01-01", "x"),
        ("2", "12x", "too long", None, "x"),
        ("3", None, None, None, "x"),
        (None, "1", None, "infinity", "x"),
        ("5", "1", "y" * 300, None, "x"),
    ]
    frame = spark.createDataFrame(rows, "id string, amount string, note string, day string, other string")
    found = {n: row for n, row in enumerate(check(frame, CONTRACT).collect(), 1)}
    assert found[1]["_reasons"] is None and found[1]["_payload"] is None
    assert (found[1].id, found[1].amount, found[1].day) == (1, Decimal("1.50"), date(2024, 1, 1))
    assert (
        found[2]["_reasons"] == 'amount: "12x" is not a decimal(12,2); note: "too long" is not a varchar(5)'
    )
    assert found[2]["_failed"] == "amount"
    payload = {"id": "2", "amount": "12x", "note": "too long", "day": None, "other": "x"}
    assert json.loads(found[2]["_payload"]) == payload
    assert found[3]["_reasons"] == "amount: is empty but required"
    assert found[4]["_reasons"] == 'id: is empty but required; day: "infinity" is not a date'
    assert found[5]["_reasons"] == f'note: "{"y" * 100}…" is not a varchar(5)'


def test_columns_that_only_one_side_has():
    assert missing_columns(CONTRACT, ["id", "amount", "note", "other"]) == ["day"]
    assert extra_columns(CONTRACT, ["id", "amount", "note", "other"]) == ["other"]
    with pytest.raises(
        ContractError, match="sheets: the source lacks required column.s. amount; it has id, note"
    ):
        missing_columns(CONTRACT, ["id", "note"])
