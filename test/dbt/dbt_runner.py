"""dbt as a command, and a database of the PostgreSQL that stands in Redshift's place."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import yaml

ROOT = Path(__file__).resolve().parents[2]
DBT = ROOT / "dbt"
BIN = Path(sys.executable).parent
PROGRAMS = [BIN]
# Dummy values: nothing listens there, and compiling must not mind.
REDSHIFT = {
    "DBT_TARGET": "redshift",
    "WAREHOUSE_HOST": "moraine.000000000000.eu-central-1.redshift-serverless.amazonaws.com",
    "WAREHOUSE_WORKGROUP": "moraine",
    "AWS_REGION": "eu-central-1",
}
# Without a database nobody knows whether a table is there: the SQL of a first build, or of a later one, is shown.
OFFLINE = "--no-introspect --no-populate-cache --vars '{{offline_incremental: {later}}}'"
BOOKKEEPING = [
    "_is_deleted boolean",
    "_incomplete boolean",
    "_position varchar(60)",
    "_merged_at timestamptz",
]

FIRST_MERGE = "2026-11-01T13:00:00Z"


def _silver() -> list[dict[str, Any]]:
    return yaml.safe_load((DBT / "models" / "sources.yml").read_text())["sources"][0]["tables"]


KEYS = {table["name"]: table["config"]["meta"]["key"] for table in _silver()}


@dataclass
class Run:
    """What a dbt command left behind. `folder` is its target path."""

    code: int
    output: str
    folder: Path

    def results(self) -> dict[str, str]:
        """Status of each model and test, by its name."""
        # unit_test.<project>.<model>.<name>, test.<project>.<name>.<hash>, model.<project>.<name>
        parts = [(each["unique_id"].split("."), each["status"]) for each in self._found()]
        return {name[3 if name[0] == "unit_test" else 2]: status for name, status in parts}

    def timings(self) -> dict[str, float]:
        """Seconds that each model and test took, by its name."""
        return {each["unique_id"].split(".")[2]: each["execution_time"] for each in self._found()}

    def _found(self) -> list[dict[str, Any]]:
        """Results, without those of hooks."""
        found = json.loads((self.folder / "run_results.json").read_text())["results"]
        return [each for each in found if not each["unique_id"].startswith("operation.")]

    def manifest(self) -> dict[str, Any]:
        return json.loads((self.folder / "manifest.json").read_text())


@dataclass
class Warehouse:
    """One database of the server."""

    port: int
    database: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            "DBT_TARGET": "local",
            "WAREHOUSE_PORT": str(self.port),
            "WAREHOUSE_DATABASE": self.database,
            "WAREHOUSE_USER": "warehouse",
            "WAREHOUSE_PASSWORD": "warehouse",
        }

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Runs one statement and commits; the rows, if it gives any."""
        with self.connect() as connection, connection.cursor() as cursor:
            connection.autocommit = True
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def drop_views(self) -> None:
        """As the local lake does when a table of silver is made anew; the next dbt run brings them back."""
        views = self.sql("select schemaname, viewname from pg_views where schemaname in ('gold', 'staging')")
        for schema, view in views:
            self.sql(f'drop view if exists {schema}."{view}" cascade')

    @contextmanager
    def connect(self) -> Iterator[Any]:
        """A connection, which ends without a commit."""
        connection = psycopg2.connect(
            host="127.0.0.1", port=self.port, dbname=self.database, user="warehouse", password="warehouse"
        )
        try:
            yield connection
        finally:
            connection.close()

    def put(
        self,
        dataset: str,
        *rows: dict[str, Any],
        deleted: bool = False,
        incomplete: bool = False,
        at: str = FIRST_MERGE,
    ) -> None:
        """Adds rows to a silver table, merged at the time `at`."""
        for row in rows:
            whole = {**row, "_is_deleted": deleted, "_incomplete": incomplete, "_merged_at": at}
            holes = ", ".join(["%s"] * len(whole))
            self.sql(f"insert into silver.{dataset} ({', '.join(whole)}) values ({holes})", *whole.values())

    def merge(self, dataset: str, *rows: dict[str, Any], at: str, **states: bool) -> None:
        """Puts rows in the place of those of the same key."""
        for row in rows:
            key = KEYS[dataset]
            same = " and ".join(f"{name} = %s" for name in key)
            self.sql(f"delete from silver.{dataset} where {same}", *(row[name] for name in key))
        self.put(dataset, *rows, at=at, **states)

    def delete(self, dataset: str, *rows: dict[str, Any], at: str) -> None:
        """Leaves tombstones in the place of rows: their key and nothing else."""
        keys = [{name: row[name] for name in KEYS[dataset]} for row in rows]
        self.merge(dataset, *keys, at=at, deleted=True)


@contextmanager
def server() -> Iterator[int]:
    """Port of a PostgreSQL that ends with the block, and leaves nothing."""
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


def make_silver(warehouse: Warehouse) -> None:
    """Empty silver tables, as the contracts declare them."""
    warehouse.sql("create schema silver")
    for table in _silver():
        columns = [f'"{c["name"]}" {c["data_type"]}' for c in table["columns"]]
        warehouse.sql(f"create table silver.{table['name']} ({', '.join(columns + BOOKKEEPING)})")


@contextmanager
def preloaded(folder: Path) -> Iterator[None]:
    """Lets `run` use a dbt that is imported already (preloaded.py), in a folder with a short path."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("preloaded.py")), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin and process.stdout
    assert process.stdout.readline() == "ready\n", "dbt could not be imported; its reason is above"
    PROGRAMS.insert(0, folder)
    try:
        yield
    finally:
        PROGRAMS.remove(folder)
        process.stdin.close()
        process.wait(timeout=30)


def run(command: str, folder: Path, environment: dict[str, str], project: Path = DBT) -> Run:
    """Runs a shell command in dbt/ with the folders of `PROGRAMS` first on the path."""
    process = start(command, folder, environment, project, PROGRAMS)
    try:
        output, _ = process.communicate(timeout=300)
    except BaseException:
        process.kill()
        raise
    return Run(process.returncode, output, folder / "target")


def build(warehouse: Warehouse, folder: Path, instead: str | None = None) -> Run:
    """CodeBuild's build phase on a warehouse, unchanged; or another command in its environment."""
    spec = yaml.safe_load((DBT / "buildspec.yml").read_text())
    command = instead or " && ".join(spec["phases"]["build"]["commands"])
    return run(command, folder, {**spec["env"]["variables"], **warehouse.environment})


def start(
    command: str,
    folder: Path,
    environment: dict[str, str],
    project: Path = DBT,
    programs: Sequence[Path] = (BIN,),
) -> subprocess.Popen[str]:
    """The same, without waiting for its end; `kill` ends dbt itself, when the command is no more than that."""
    return subprocess.Popen(
        command,
        shell=True,
        cwd=project,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={
            "PATH": os.pathsep.join([*map(str, programs), os.environ["PATH"]]),
            "HOME": str(folder),
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
            **environment,
        },
    )
