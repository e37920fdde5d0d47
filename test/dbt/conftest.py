"""Fixtures: dbt as a command, a real PostgreSQL, and silver tables in it."""

import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from dbt_runner import DBT, Run, Warehouse, make_silver, preloaded, run, server  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def programs() -> Iterator[None]:
    """dbt is imported once. A socket's path may have about a hundred characters, pytest's folders have more."""
    with tempfile.TemporaryDirectory(prefix="dbt-") as folder, preloaded(Path(folder)):
        yield


@pytest.fixture(scope="session")
def dbt(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Run]:
    """`dbt("build", environment)`: one dbt command with a target folder of its own."""

    def call(arguments: str, environment: dict[str, str], project: Path = DBT) -> Run:
        return run(f"dbt --no-use-colors {arguments}", tmp_path_factory.mktemp("dbt"), environment, project)

    return call


@pytest.fixture(scope="session", name="server")
def session_server() -> Iterator[int]:
    """Port of a PostgreSQL that lives as long as the test run."""
    with server() as port:
        yield port


@pytest.fixture(scope="session")
def new_warehouse(server: int) -> Callable[..., Warehouse]:
    """Makes a database: with empty silver tables, as the contracts declare them, or a copy of another."""

    def make(name: str, copy_of: str | None = None) -> Warehouse:
        warehouse = Warehouse(server, name)
        template = f" template {copy_of}" if copy_of else ""
        Warehouse(server, "postgres").sql(f"create database {name}{template}")
        if not copy_of:
            make_silver(warehouse)
        return warehouse

    return make
