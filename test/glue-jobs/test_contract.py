"""Contracts are read in full, and a wrong one is refused in one line that says what to do."""

import zipfile
from pathlib import Path

import pytest
from lakes import contract_text

from common.contract import ContractError
from common.contract_file import load, load_all, parse

ROOT = Path(__file__).resolve().parents[2]
FILE = "contracts/x.odcs.yaml"
KEY = ("id", "bigint", "key")

ERRORS = [
    ([], "the schema has no properties; write a column at least"),
    (
        [KEY, ("a", "money", "")],
        "column 'a' has physicalType 'money'; allowed: boolean, int, bigint, double,",
    ),
    ([KEY, ("a", "varchar(16385)", "")], "column 'a' has physicalType 'varchar(16385)'; allowed: "),
    ([KEY, ("a", "decimal(39,2)", "")], "column 'a' has physicalType 'decimal(39,2)'; allowed: "),
    ([KEY, ("a", "decimal(3,4)", "")], "column 'a' has physicalType 'decimal(3,4)'; allowed: "),
    ([KEY, ("_a", "int", "")], "column '_a' starts with _, which is reserved for bookkeeping; rename it"),
    (
        [KEY, ("a,b", "int", "")],
        "column 'a,b': allowed are up to 63 of a-z, 0-9 and _, a letter first; rename it",
    ),
    ([KEY, KEY], "column 'id' is declared twice; remove one"),
    ([("id", "double", "key")], "the key's first column 'id' is double, which Iceberg can't bucket"),
]


@pytest.mark.parametrize(("columns", "message"), ERRORS)
def test_a_wrong_contract_is_refused_in_one_line(columns, message):
    with pytest.raises(ContractError) as refused:
        parse(FILE, contract_text("x", [(f"'{name}'", *rest) for name, *rest in columns]))
    assert str(refused.value).startswith(f"{FILE}: {message}")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "not YAML"),
        ("- 1", "is list; write an ODCS document"),
        ("id: x", "schema must hold exactly one object"),
        (
            contract_text("x", [KEY]) + "\nslaProperties: [{property: retention, value: 7, unit: w}]",
            "retention is 7 'w'",
        ),
        (
            contract_text("x", [KEY]).replace("bucketCount, value: 2", "bucketCount, value: many"),
            "bucketCount is 'many'; give a whole number from 1 to 1024",
        ),
        (
            contract_text("x", [KEY]).replace("primaryKey", "classification: secret, primaryKey", 1),
            "column 'id'",
        ),
    ],
)
def test_a_malformed_file_is_refused_in_one_line(text, message):
    with pytest.raises(ContractError) as refused:
        parse(FILE, text)
    assert str(refused.value).startswith(f"{FILE}: {message}")
    assert "\n" not in str(refused.value)


@pytest.mark.sample
def test_the_sample_contracts_are_read_whole(tmp_path):
    orders = load(str(ROOT / "contracts"), "orders")
    assert orders.key == ("order_id",)
    assert orders.bucket_count == 2
    types = {column.name: column.spark_type for column in orders.columns}
    assert types["amount"] == "decimal(12,2)" and types["updated_at"] == "timestamp"
    status = next(column for column in orders.columns if column.name == "status")
    assert status.valid_values == ("open", "pending", "shipped", "delivered", "cancelled")
    assert (status.length, status.required) == (20, True)
    assert orders.freshness_hours == 26
    customers = load(str(ROOT / "contracts"), "customers")
    assert customers.retention_days == 7 * 365
    assert customers.owner == "commerce"
    assert {column.classification for column in customers.columns} == {"internal", "personal"}


def test_a_zip_says_the_same_as_its_folder(tmp_path):
    archive = tmp_path / "contracts.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for each in (ROOT / "contracts").glob("*.odcs.yaml"):
            file.write(each, f"any/folder/{each.name}")
    assert load_all(str(archive)) == load_all(str(ROOT / "contracts"))


def test_a_zip_with_two_files_of_one_name_takes_neither_for_the_other(tmp_path):
    archive = tmp_path / "contracts.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for folder in ("a", "b"):
            file.writestr(f"{folder}/x.odcs.yaml", contract_text("x", [KEY]))
    with pytest.raises(
        ContractError,
        match=r'^contracts/b/x.odcs.yaml: dataset is "x", as in contracts/a/x.odcs.yaml; each contract',
    ):
        load_all(str(archive))


def test_an_unknown_dataset_names_the_known(tmp_path):
    (tmp_path / "x.odcs.yaml").write_text(contract_text("x", [KEY]))
    with pytest.raises(
        ContractError, match="no contract for dataset 'y' in .*; there are: x. Name one of them"
    ):
        load(str(tmp_path), "y")
    with pytest.raises(ContractError, match="is neither a folder nor a .zip file"):
        load(str(tmp_path / "none"), "y")


def test_a_contract_without_a_key_is_that_of_rows_that_are_known_by_all_their_columns():
    found = parse(FILE, contract_text("x", [("b", "double", ""), ("a", "int", "required")]))
    assert found.keyless and found.key == ("_row_hash", "_row_copy")
    assert found.key_columns == found.values == found.columns


def test_a_composite_key_has_the_order_of_its_positions():
    text = contract_text("x", [("b", "int", "key"), ("a", "int", "key")])
    text = text.replace("primaryKeyPosition: 1", "primaryKeyPosition: 3")
    assert parse(FILE, text).key == ("a", "b")
