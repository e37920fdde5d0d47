"""Silver to gold on a real PostgreSQL, by the commands of dbt/buildspec.yml."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
import yaml
from dbt_rows import customer, event, order
from dbt_runner import DBT, Run, Warehouse, run


def fill(warehouse: Warehouse) -> None:
    """Rows that gold shows, and beside them each kind that it must not."""
    warehouse.put("customers", customer(10), customer(11))
    warehouse.put(
        "orders",
        order(1),
        order(2, customer_id=11),
        order(3, status="shipped"),
        order(4, delivery_date=None),
        order(5, customer_id=99, delivery_date="2026-11-03"),
    )
    warehouse.put("web_events", event("a"), event("b", customer_id=10, order_id=1))
    # A tombstone has its key and nothing else; an incomplete row lacks what no change has told yet.
    warehouse.put("customers", {"customer_id": 12}, deleted=True)
    warehouse.put("orders", {"order_id": 6}, {"order_id": 7, "status": "open"}, deleted=True)
    warehouse.put("orders", {"order_id": 8, "status": "never heard of"}, incomplete=True)
    warehouse.put("web_events", {"event_id": "c"}, incomplete=True)


def build(warehouse: Warehouse, folder: Path) -> Run:
    """CodeBuild's build phase, unchanged."""
    commands = yaml.safe_load((DBT / "buildspec.yml").read_text())["phases"]["build"]["commands"]
    return run(" && ".join(commands), folder, warehouse.environment)


@pytest.fixture(scope="module")
def warehouse(new_warehouse: Callable[[str], Warehouse]) -> Warehouse:
    made = new_warehouse("good")
    fill(made)
    return made


@pytest.fixture(scope="module")
def built(warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Run:
    done = build(warehouse, tmp_path_factory.mktemp("build"))
    assert done.code == 0, done.output
    return done


def test_gold_shows_rows_that_are_alive_and_whole(warehouse: Warehouse, built: Run) -> None:
    assert warehouse.sql("select order_id, is_customer_known from gold.fct_orders order by 1") == [
        (1, True),
        (2, True),
        (3, True),
        (4, True),
        (5, False),
    ]
    assert warehouse.sql("select customer_id, is_current from gold.dim_customers order by 1") == [
        (10, True),
        (11, True),
    ]
    assert warehouse.sql("select event_id from gold.fct_web_events order by 1") == [("a",), ("b",)]


def test_the_aggregate_counts_every_order_and_keeps_those_without_a_date(
    warehouse: Warehouse, built: Run
) -> None:
    rows = warehouse.sql(
        "select delivery_date, status, orders from gold.orders_by_delivery_date order by 1, 2"
    )
    assert rows == [
        (date(2026, 11, 2), "open", 2),
        (date(2026, 11, 2), "shipped", 1),
        (date(2026, 11, 3), "open", 1),
        (None, "open", 1),
    ]


def test_an_order_of_an_unknown_customer_is_told_and_stops_nothing(built: Run) -> None:
    assert built.results()["orders_of_unknown_customers"] == "warn"


def test_a_model_that_reconciles_a_dataset_holds_its_columns_as_they_are(
    warehouse: Warehouse, built: Run
) -> None:
    manifest = built.manifest()
    sources = {s["name"]: list(s["columns"]) for s in manifest["sources"].values()}
    models = {
        node["config"]["meta"]["reconciles"]: node["name"]
        for node in manifest["nodes"].values()
        if "reconciles" in node["config"]["meta"]
    }
    assert sorted(models) == sorted(sources), "each dataset has one gold model that reconciles it"
    for dataset, model in models.items():
        columns = ", ".join(f'"{name}"' for name in sources[dataset])
        kept = f"select {columns} from silver.{dataset} where not _is_deleted and not _incomplete"
        shown = f"select {columns} from gold.{model}"
        assert warehouse.sql(f"({kept} except all {shown}) union all ({shown} except all {kept})") == []


def test_views_stand_in_staging_and_tables_in_gold(warehouse: Warehouse, built: Run) -> None:
    kinds = warehouse.sql(
        "select distinct table_schema, table_type from information_schema.tables"
        " where table_schema not in ('pg_catalog', 'information_schema') order by 1"
    )
    assert kinds == [("gold", "BASE TABLE"), ("silver", "BASE TABLE"), ("staging", "VIEW")]


def test_unit_tests_pass(warehouse: Warehouse, built: Run, dbt: Callable[..., Run]) -> None:
    done = dbt("test --select test_type:unit", warehouse.environment)
    assert done.code == 0, done.output
    assert len(done.results()) == 4


def test_broken_rules_of_a_contract_are_told_and_leave_gold_as_it_was(
    warehouse: Warehouse, built: Run, new_warehouse: Callable[..., Warehouse], tmp_path: Path
) -> None:
    broken = new_warehouse("broken", copy_of=warehouse.database)
    broken.put("orders", order(20), order(21, status="lost"))
    broken.put("customers", customer(10), customer(13, country=None))
    broken.put("web_events", event("d"))
    done = build(broken, tmp_path)

    assert done.code != 0
    statuses = done.results()
    assert sorted(name for name, status in statuses.items() if status == "fail") == [
        next(name for name in statuses if name.startswith("source_accepted_values_silver_")),
        "source_not_null_silver_customers__country_",
        "source_unique_silver_customers__customer_id_",
    ]
    for model in ("dim_customers", "fct_orders", "orders_by_delivery_date"):
        assert statuses[model] == "skipped"
        assert broken.sql(f"select * from gold.{model} order by 1, 2") == warehouse.sql(
            f"select * from gold.{model} order by 1, 2"
        )
    # What does not come from a broken dataset goes on.
    assert broken.sql("select event_id from gold.fct_web_events order by 1") == [("a",), ("b",), ("d",)]


def test_a_table_that_does_not_add_up_is_told(
    warehouse: Warehouse, built: Run, new_warehouse: Callable[..., Warehouse], dbt: Callable[..., Run]
) -> None:
    spoilt = new_warehouse("spoilt", copy_of=warehouse.database)
    spoilt.sql("delete from gold.fct_orders where order_id = 3")
    spoilt.sql(
        "insert into gold.orders_by_delivery_date values ('2026-11-02', 'open', 1), ('2026-11-04', 'lost', 1)"
    )
    done = dbt("test --exclude source:* test_type:unit", spoilt.environment)
    assert sorted(name for name, status in done.results().items() if status == "fail") == [
        "endpoint_values_orders_by_delivery_date_",
        "every_order_is_counted_once",
        "fct_orders_holds_every_order",
        "unique_together_orders_by_delivery_date_delivery_date__status",
    ]
