"""Fixtures: dbt as a command, a real PostgreSQL, and silver tables in it."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent))

from dbt_runner import BOOKKEEPING, DBT, Run, Warehouse, run  # noqa: E402


@pytest.fixture(scope="session")
def dbt(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Run]:
    """`dbt("build", environment)`: one dbt command with a target folder of its own."""

    def call(arguments: str, environment: dict[str, str]) -> Run:
        return run(f"dbt --no-use-colors {arguments}", tmp_path_factory.mktemp("dbt"), environment)

    return call


@pytest.fixture(scope="session")
def server() -> Iterator[int]:
    """Port of a PostgreSQL that lives as long as the test run."""
    process = subprocess.Popen(
        ["node", str(Path(__file__).with_name("postgres.mjs"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin and process.stdout
    try:
        line = process.stdout.readline()
        assert line, "PostgreSQL did not start; its reason is above. Run `npm ci` first"
        yield json.loads(line)["port"]
    finally:
        process.stdin.close()
        process.wait(timeout=30)


@pytest.fixture(scope="session")
def new_warehouse(server: int) -> Callable[..., Warehouse]:
    """Makes a database: with empty silver tables, as the contracts declare them, or a copy of another."""

    def make(name: str, copy_of: str | None = None) -> Warehouse:
        warehouse = Warehouse(server, name)
        postgres = Warehouse(server, "postgres")
        if copy_of:
            postgres.sql(f"create database {name} template {copy_of}")
            return warehouse
        postgres.sql(f"create database {name}")
        warehouse.sql("create schema silver")
        source = yaml.safe_load((DBT / "models" / "sources.yml").read_text())["sources"][0]
        for table in source["tables"]:
            columns = [f'"{c["name"]}" {c["data_type"]}' for c in table["columns"]]
            warehouse.sql(f"create table silver.{table['name']} ({', '.join(columns + BOOKKEEPING)})")
        return warehouse

    return make
