"""A dataset without a key in gold: copies of a row come and go, each by itself."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from dbt_runner import BOOKKEEPING, DBT, ROOT, Run, Warehouse

CONTRACT = """
kind: DataContract
id: visits
version: 1.0.0
schema:
  - name: visits
    properties: [{name: what, physicalType: varchar(9)}, {name: at, physicalType: int}]
"""
MODELS = """
import { modelsOf } from './scripts/source/models';
console.log(JSON.stringify(modelsOf({
  name: 'visits', source: 'shop', columns: ['what', 'at'], key: ['_row_hash', '_row_copy'],
})));
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dbt project with a dataset more, as `npm run source` declares it."""
    folder = tmp_path_factory.mktemp("keyless")
    contracts, project = folder / "contracts", folder / "dbt"
    shutil.copytree(ROOT / "contracts", contracts)
    shutil.copytree(DBT, project, ignore=shutil.ignore_patterns("target", "logs"))
    (contracts / "visits.odcs.yaml").write_text(CONTRACT)
    tsx = ["node", "node_modules/tsx/dist/cli.mjs", "--eval", MODELS]
    written = subprocess.run(tsx, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for path, text in yaml.safe_load(written).items():
        (folder / path).write_text(text)
    generate = [sys.executable, ROOT / "scripts" / "generate_dbt_sources.py"]
    subprocess.run([*generate, "--contracts", contracts, "--output", project / "models"], check=True)
    return project


def test_equal_rows_come_and_go_each_by_itself(
    new_warehouse: Callable[..., Warehouse], dbt: Callable[..., Run], project: Path
) -> None:
    warehouse = new_warehouse("keyless")
    columns = ["what varchar(9)", "at int", "_row_hash varchar(64)", "_row_copy varchar(64)", *BOOKKEEPING]
    warehouse.sql(f"create table silver.visits ({', '.join(columns)})")

    def merge(day: int, *copies: str, deleted: bool = False) -> None:
        for copy in copies:
            warehouse.sql("delete from silver.visits where _row_copy = %s", copy)
            row = {"what": "in", "at": None, "_row_hash": "h", "_row_copy": copy}
            warehouse.put("visits", row, at=f"2026-11-{day:02}T03:00:00Z", deleted=deleted)

    def gold() -> list[str]:
        done = dbt("build --select +fct_visits", warehouse.environment, project)
        assert done.code == 0, done.output
        return [copy for (copy,) in warehouse.sql("select _row_copy from gold.fct_visits order by 1")]

    merge(1, "1", "2", "3")
    assert gold() == ["1", "2", "3"]
    merge(2, "1", "9-", deleted=True)
    merge(2, "4")
    assert gold() == ["2", "3", "4"]
    merge(3, "1")
    merge(3, "2", deleted=True)
    assert gold() == ["1", "3", "4"]
