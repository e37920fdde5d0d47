"""Gold after a change of contracts: facts are built anew, dimensions keep their history and gain no false one."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from dbt_rows import customer, event, item, order, product
from dbt_runner import DBT, ROOT, Run, Warehouse


def merged(number: int) -> str:
    """When silver merged for the `number`th time."""
    return f"2026-11-{number:02}T03:00:00Z"


@pytest.fixture(scope="module")
def evolved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dbt project after a change of contracts: columns added, renamed, widened; `npm run generate`, no more."""
    folder = tmp_path_factory.mktemp("evolved")
    contracts, project = folder / "contracts", folder / "dbt"
    shutil.copytree(ROOT / "contracts", contracts)
    shutil.copytree(DBT, project, ignore=shutil.ignore_patterns("target", "logs"))
    note = {"name": "note", "physicalType": "varchar(20)", "description": "Whatever else."}
    for dataset, change in {
        "customers": {
            "country": {"name": "land", "previousNames": "country"},
            "name": {"type": "varchar(300)"},
        },
        "order_items": {"quantity": {"type": "bigint"}},
        "web_events": {"page_url": {"name": "page", "previousNames": "page_url"}},
    }.items():
        path = contracts / f"{dataset}.odcs.yaml"
        document = yaml.safe_load(path.read_text())
        for column in document["schema"][0]["properties"]:
            new = change.get(column["name"], {})
            if "type" in new:
                column["physicalType"] = new["type"]
            if "previousNames" in new:
                column["customProperties"] = [{"property": "previousNames", "value": [column["name"]]}]
                column["name"] = new["name"]
        document["schema"][0]["properties"].append(note)
        path.write_text(yaml.safe_dump(document, sort_keys=False))
    generate = [sys.executable, ROOT / "scripts" / "generate_dbt_sources.py"]
    subprocess.run([*generate, "--contracts", contracts, "--output", project / "models"], check=True)
    return project


@pytest.fixture(scope="module")
def built(new_warehouse: Callable[..., Warehouse], dbt: Callable[..., Run]) -> Warehouse:
    """Two customers, one of which has moved once, an item and an event: gold under the old contracts."""
    warehouse = new_warehouse("schema_changes")
    warehouse.put("customers", customer(10), customer(11))
    warehouse.put("products", product(7))
    warehouse.put("orders", order(1))
    warehouse.put("order_items", item(1, 1))
    warehouse.put("web_events", event("a", page_url="/"))
    assert dbt("run", warehouse.environment).code == 0
    warehouse.merge("customers", customer(10, country="DE"), at=merged(2))
    assert dbt("run", warehouse.environment).code == 0
    warehouse.drop_views()
    for statement in (
        "alter table silver.customers rename column country to land",
        "alter table silver.customers alter column name type varchar(300)",
        "alter table silver.order_items alter column quantity type bigint",
        "alter table silver.web_events rename column page_url to page",
        *(
            f"alter table silver.{d} add column note varchar(20)"
            for d in ("customers", "order_items", "web_events")
        ),
    ):
        warehouse.sql(statement)
    return warehouse


@pytest.fixture
def warehouse(
    built: Warehouse, new_warehouse: Callable[..., Warehouse], request: pytest.FixtureRequest
) -> Warehouse:
    return new_warehouse(request.node.name[:60], copy_of=built.database)


VERSIONS = "select version_key, land, note, is_current from gold.dim_customers order by 1"


def evolved_customer(number: int, note: str | None, **values: object) -> dict:
    row = customer(number, **values)
    return {**{name: value for name, value in row.items() if name != "country"}, "note": note}


def test_a_changed_contract_is_followed_and_history_kept(
    warehouse: Warehouse, evolved: Path, dbt: Callable[..., Run]
) -> None:
    first = dbt("run", warehouse.environment, evolved)
    assert first.code == 0, first.output
    assert sorted(re.findall(r'"(\w+)" is built anew', first.output)) == ["fct_order_items", "fct_web_events"]
    assert warehouse.sql(VERSIONS) == [
        ("10-1", "GB", None, False),
        ("10-2", "DE", None, True),
        ("11-1", "GB", None, True),
    ]
    assert warehouse.sql("select page, note from gold.fct_web_events") == [("/", None)]
    types = warehouse.sql(
        "select column_name, data_type, character_maximum_length from information_schema.columns"
        " where table_schema = 'gold' and (table_name, column_name) in"
        " (('fct_order_items', 'quantity'), ('dim_customers', 'name')) order by 1"
    )
    assert types == [("name", "character varying", 300), ("quantity", "bigint", None)]

    written = "select ctid, xmin::text, order_id from gold.fct_order_items"
    before = warehouse.sql(written)
    second = dbt("run", warehouse.environment, evolved)
    assert "is built anew" not in second.output
    assert warehouse.sql(written) == before


def test_the_first_values_of_a_new_column_open_no_versions_and_later_ones_do(
    warehouse: Warehouse, evolved: Path, dbt: Callable[..., Run]
) -> None:
    def build() -> list[tuple]:
        done = dbt("run", warehouse.environment, evolved)
        assert done.code == 0, done.output
        return warehouse.sql(VERSIONS)

    build()
    # A build later the source tells: customer 11 has moved, too.
    warehouse.sql("update silver.customers set note = 'a', _merged_at = %s", merged(3))
    warehouse.sql("update silver.customers set land = 'FR' where customer_id = 11")
    assert build() == [
        ("10-1", "GB", None, False),
        ("10-2", "DE", "a", True),
        ("11-1", "GB", "a", False),
        ("11-2", "FR", "a", True),
    ]
    warehouse.sql("update silver.customers set note = 'b', _merged_at = %s where customer_id = 10", merged(4))
    assert build()[1:3] == [("10-2", "DE", "a", False), ("10-3", "DE", "b", True)]


def test_facts_have_a_column_that_was_filled_for_old_rows(
    warehouse: Warehouse, evolved: Path, dbt: Callable[..., Run]
) -> None:
    assert dbt("run", warehouse.environment, evolved).code == 0
    warehouse.sql("update silver.order_items set note = 'a', _merged_at = %s", merged(3))
    done = dbt("run", warehouse.environment, evolved)
    assert "is built anew" not in done.output
    assert warehouse.sql("select order_id, note from gold.fct_order_items") == [(1, "a")]


def test_an_older_contract_takes_nothing_from_a_dimension(
    warehouse: Warehouse, evolved: Path, dbt: Callable[..., Run], tmp_path: Path
) -> None:
    """Back to a contract without the note and with shorter names, but under the new name."""
    long = "x" * 250
    warehouse.sql("update silver.customers set note = 'a', name = %s, _merged_at = %s", long, merged(3))
    assert dbt("run", warehouse.environment, evolved).code == 0
    older = tmp_path / "dbt"
    shutil.copytree(evolved, older, ignore=shutil.ignore_patterns("target", "logs"))
    sources = yaml.safe_load((older / "models" / "sources.yml").read_text())
    customers = next(t for t in sources["sources"][0]["tables"] if t["name"] == "customers")
    customers["columns"] = [c for c in customers["columns"] if c["name"] != "note"]
    next(c for c in customers["columns"] if c["name"] == "name")["data_type"] = "varchar(200)"
    (older / "models" / "sources.yml").write_text(yaml.safe_dump(sources, sort_keys=False))
    warehouse.sql(
        "update silver.customers set land = 'FR', _merged_at = %s where customer_id = 11", merged(4)
    )

    done = dbt("run", warehouse.environment, older)
    assert done.code == 0, done.output
    versions = warehouse.sql("select version_key, land, note, name from gold.dim_customers order by 1")
    assert [(key, land, note) for key, land, note, _ in versions] == [
        ("10-1", "GB", None),
        ("10-2", "DE", "a"),
        ("10-3", "DE", "a"),
        ("11-1", "GB", "a"),
        ("11-2", "GB", "a"),
        ("11-3", "FR", "a"),
    ]
    assert versions[-1][3] == long
    assert dbt("run", warehouse.environment, evolved).code == 0
    assert len(warehouse.sql(VERSIONS)) == 6, "and forward again it is no change either"
