"""dbt as a command, and a database of the PostgreSQL that stands in Redshift's place."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

ROOT = Path(__file__).resolve().parents[2]
DBT = ROOT / "dbt"
BIN = Path(sys.executable).parent
# Dummy values: nothing listens there, and compiling must not mind.
REDSHIFT = {
    "DBT_TARGET": "redshift",
    "WAREHOUSE_HOST": "moraine.000000000000.eu-central-1.redshift-serverless.amazonaws.com",
    "WAREHOUSE_WORKGROUP": "moraine",
    "AWS_REGION": "eu-central-1",
}
OFFLINE = ["--no-introspect", "--no-populate-cache"]
BOOKKEEPING = [
    "_is_deleted boolean",
    "_incomplete boolean",
    "_position varchar(60)",
    "_merged_at timestamptz",
]


@dataclass
class Run:
    """What a dbt command left behind. `folder` is its target path."""

    code: int
    output: str
    folder: Path

    def results(self) -> dict[str, str]:
        """Status of each model and test, by its name."""
        found = json.loads((self.folder / "run_results.json").read_text())["results"]
        # unit_test.<project>.<model>.<name>, test.<project>.<name>.<hash>, model.<project>.<name>
        parts = {each["unique_id"]: each["unique_id"].split(".") for each in found}
        return {
            parts[each["unique_id"]][3 if each["unique_id"].startswith("unit_test") else 2]: each["status"]
            for each in found
        }

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
        connection = psycopg2.connect(
            host="127.0.0.1", port=self.port, dbname=self.database, user="warehouse", password="warehouse"
        )
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, values or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def put(
        self, dataset: str, *rows: dict[str, Any], deleted: bool = False, incomplete: bool = False
    ) -> None:
        """Adds rows to a silver table."""
        for row in rows:
            whole = {**row, "_is_deleted": deleted, "_incomplete": incomplete}
            holes = ", ".join(["%s"] * len(whole))
            self.sql(f"insert into silver.{dataset} ({', '.join(whole)}) values ({holes})", *whole.values())


def run(command: str, folder: Path, environment: dict[str, str]) -> Run:
    """Runs a shell command in dbt/ with the interpreter's own folder first on the path."""
    done = subprocess.run(
        command,
        shell=True,
        cwd=DBT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
        env={
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
            **environment,
        },
    )
    return Run(done.returncode, done.stdout, folder / "target")
