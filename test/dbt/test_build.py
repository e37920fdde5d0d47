"""Silver to gold on a real PostgreSQL, by the commands of dbt/buildspec.yml."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from dbt_rows import customer, event, item, order, product, rate
from dbt_runner import Run, Warehouse, build

pytestmark = pytest.mark.sample

LATER = "2026-11-02T13:00:00Z"


def fill(warehouse: Warehouse) -> None:
    """Rows that gold shows, and beside them each kind that it must not."""
    warehouse.put("customers", customer(10), customer(11))
    warehouse.put(
        "orders",
        order(1),
        order(2, customer_id=11),
        order(3, status="shipped", currency="USD"),
        order(4, delivery_date=None, currency="CHF"),
        order(5, customer_id=99, delivery_date="2026-11-03"),
    )
    warehouse.put("products", product(7), product(8, name="Blue cup", is_sold=False))
    warehouse.put(
        "order_items",
        item(1, 1),
        item(2, 1, product_id=8, quantity=5, unit_price="2.50"),
        item(3, 1, product_id=99),
        item(4, 1),
        item(5, 1, quantity=2, unit_price="6.00"),
        item(77, 1),
    )
    warehouse.put("exchange_rates", rate("2026-10-29", "USD", "1.25"), rate("2026-10-31", "USD", "2.5"))
    warehouse.put("web_events", event("a"), event("b", customer_id=10, order_id=1))
    # A tombstone has its key and nothing else; an incomplete row lacks what no change has told yet.
    warehouse.put("customers", {"customer_id": 12}, deleted=True)
    warehouse.put("orders", {"order_id": 6}, {"order_id": 7, "status": "open"}, deleted=True)
    warehouse.put("orders", {"order_id": 8, "status": "never heard of"}, incomplete=True)
    warehouse.put("web_events", {"event_id": "c"}, incomplete=True)
    warehouse.put("order_items", {"order_id": 1, "line_number": 2}, deleted=True)
    warehouse.put("products", {"product_id": 9}, deleted=True)
    warehouse.put("exchange_rates", {"rate_date": "2026-10-30", "currency": "USD"}, deleted=True)


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


def test_amounts_are_in_the_orders_currency_and_in_euros(warehouse: Warehouse, built: Run) -> None:
    assert warehouse.sql("select order_id, exchange_rate, amount_eur from gold.fct_orders order by 1") == [
        (1, Decimal("1"), Decimal("12.50")),
        (2, Decimal("1"), Decimal("12.50")),
        # Ordered on the 30th: the rate of the 29th holds, that of the 30th was taken back.
        (3, Decimal("1.25"), Decimal("10.00")),
        (4, None, None),
        (5, Decimal("1"), Decimal("12.50")),
    ]
    assert warehouse.sql(
        "select order_id, amount, amount_eur, is_product_known, is_order_known from gold.fct_order_items"
        " order by 1"
    ) == [
        (1, Decimal("12.50"), Decimal("12.50"), True, True),
        (2, Decimal("12.50"), Decimal("12.50"), True, True),
        (3, Decimal("12.50"), Decimal("10.00"), False, True),
        (4, Decimal("12.50"), None, True, True),
        (5, Decimal("12.00"), Decimal("12.00"), True, True),
        (77, Decimal("12.50"), None, True, False),
    ]


def test_what_is_missing_or_does_not_add_up_is_told_and_stops_nothing(built: Run) -> None:
    assert sorted(name for name, status in built.results().items() if status == "warn") == [
        "an_order_is_the_sum_of_its_items",
        "items_of_unknown_orders",
        "items_of_unknown_products",
        "items_without_an_amount_in_euros",
        "orders_of_unknown_customers",
        "orders_without_an_amount_in_euros",
    ]


def test_an_item_without_its_order_is_kept_and_told_in_one_line(warehouse: Warehouse, built: Run) -> None:
    assert built.code == 0
    assert warehouse.sql(
        "select line_number, product_id, amount, order_date, currency, amount_eur, is_order_known"
        " from gold.fct_order_items where order_id = 77"
    ) == [(1, 7, Decimal("12.50"), None, None, None, False)]
    told = [
        line for line in built.output.splitlines() if re.search(r"\bWARN 1 items_of_unknown_orders\b", line)
    ]
    assert len(told) == 1, built.output


def test_the_calendar_has_each_day_from_the_year_before_the_data_to_the_year_after(
    warehouse: Warehouse, built: Run
) -> None:
    ((first, last, days),) = warehouse.sql(
        "select min(date_day), max(date_day), count(*) from gold.dim_dates"
    )
    today = datetime.now(UTC).year
    assert (first, last) == (date(2025, 1, 1), date(max(today, 2026) + 1, 12, 31))
    assert days == (last - first).days + 1
    rows = warehouse.sql(
        "select date_day, year, quarter, month, day_of_month, day_of_year, month_start, week_start,"
        " iso_year, iso_week, weekday, weekday_name, is_weekend from gold.dim_dates"
    )
    for day, *columns in rows:
        iso = day.isocalendar()
        assert columns == [
            day.year,
            (day.month + 2) // 3,
            day.month,
            day.day,
            day.timetuple().tm_yday,
            day.replace(day=1),
            day - timedelta(days=day.weekday()),
            iso.year,
            iso.week,
            iso.weekday,
            day.strftime("%A"),
            iso.weekday > 5,
        ]


def test_the_tables_have_the_columns_that_their_yaml_or_contract_declares(
    warehouse: Warehouse, built: Run
) -> None:
    manifest = built.manifest()
    sources = {each["name"]: each["columns"] for each in manifest["sources"].values()}
    models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    for model in models:
        found = warehouse.sql(
            "select column_name from information_schema.columns where table_schema = %s and table_name = %s",
            model["schema"],
            model["name"],
        )
        declared = model["columns"] or sources[model["config"]["meta"]["shows"]]
        assert sorted(declared) == sorted(name for (name,) in found), model["name"]


def test_a_model_that_reconciles_a_dataset_holds_its_columns_as_they_are(
    warehouse: Warehouse, built: Run
) -> None:
    manifest = built.manifest()
    sources = {s["name"]: list(s["columns"]) for s in manifest["sources"].values()}
    by_name = {
        node["name"]: node for node in manifest["nodes"].values() if "reconciles" in node["config"]["meta"]
    }
    models = {node["config"]["meta"]["reconciles"]: name for name, node in by_name.items()}
    current = {name: node["config"]["meta"].get("current") for name, node in by_name.items()}
    assert sorted(models) == sorted(sources), "each dataset has one gold model that reconciles it"
    for dataset, model in models.items():
        columns = ", ".join(f'"{name}"' for name in sources[dataset])
        kept = f"select {columns} from silver.{dataset} where not _is_deleted and not _incomplete"
        shown = f"select {columns} from gold.{model} where {current[model] or 'true'}"
        assert warehouse.sql(f"({kept} except all {shown}) union all ({shown} except all {kept})") == []


def test_views_stand_in_staging_and_tables_in_gold_but_for_live_rows(
    warehouse: Warehouse, built: Run
) -> None:
    kinds = warehouse.sql(
        "select distinct table_schema, table_type, table_name like 'live%%' from information_schema.tables"
        " where table_schema not in ('pg_catalog', 'information_schema') order by 1, 2"
    )
    assert kinds == [
        ("gold", "BASE TABLE", False),
        ("gold", "VIEW", True),
        ("silver", "BASE TABLE", False),
        ("staging", "VIEW", False),
    ]


def test_a_warehouse_without_rows_is_built(new_warehouse: Callable[..., Warehouse], tmp_path: Path) -> None:
    empty = new_warehouse("empty")
    for done in (build(empty, tmp_path), build(empty, tmp_path)):
        assert done.code == 0, done.output
        assert set(done.results().values()) == {"pass", "success"}


def test_unit_tests_pass(warehouse: Warehouse, built: Run, dbt: Callable[..., Run]) -> None:
    done = dbt("test --select test_type:unit", warehouse.environment)
    assert done.code == 0, done.output
    assert len(done.results()) == 11


def test_broken_rules_of_a_contract_are_told_and_leave_gold_as_it_was(
    warehouse: Warehouse, built: Run, new_warehouse: Callable[..., Warehouse], tmp_path: Path
) -> None:
    broken = new_warehouse("broken", copy_of=warehouse.database)
    broken.put("orders", order(20), order(21, status="lost"), order(22, amount=None), at=LATER)
    broken.put("customers", customer(10), customer(13, country=None), at=LATER)
    broken.put("order_items", item(1, 1), at=LATER)
    broken.put("web_events", event("d"), at=LATER)
    # What a tombstone or an incomplete row lacks breaks nothing.
    broken.put("web_events", {"event_id": "e"}, deleted=True, at=LATER)
    broken.put("web_events", {"event_id": "f"}, incomplete=True, at=LATER)
    failures = {
        "source_keeps_contract_silver_customers_customers",
        "source_keeps_contract_silver_order_items_order_items",
        "source_keeps_contract_silver_orders_orders",
    }
    # Again, too: gold has not got these rows yet.
    for done in (build(broken, tmp_path), build(broken, tmp_path)):
        assert done.code != 0
        statuses = done.results()
        assert {name for name, status in statuses.items() if status == "fail"} == failures
        assert sorted(re.findall(r"silver\.\w+: .* row\(s\)", done.output)) == [
            "silver.customers: country is missing in 1 row(s)",
            "silver.customers: the key stands in several rows in 1 row(s)",
            "silver.order_items: the key stands in several rows in 1 row(s)",
            "silver.orders: amount is missing in 1 row(s)",
            "silver.orders: status is none of the values allowed in 1 row(s)",
        ]
        for model in ("dim_customers", "fct_orders", "fct_order_items", "orders_by_delivery_date"):
            assert statuses[model] == "skipped"
            assert broken.sql(f"select * from gold.{model} order by 1, 2") == warehouse.sql(
                f"select * from gold.{model} order by 1, 2"
            )
        # What does not come from a broken dataset goes on.
        assert broken.sql("select event_id from gold.fct_web_events order by 1") == [("a",), ("b",), ("d",)]


def test_rows_that_gold_has_got_are_tested_on_request(
    warehouse: Warehouse,
    built: Run,
    new_warehouse: Callable[..., Warehouse],
    dbt: Callable[..., Run],
    tmp_path: Path,
) -> None:
    """A build looks at what is new; `dbt test` at all, as after a new rule in a contract."""
    tightened = new_warehouse("tightened", copy_of=warehouse.database)
    tightened.sql("update silver.orders set status = 'lost' where order_id = 1")
    assert build(tightened, tmp_path).results()["source_keeps_contract_silver_orders_orders"] == "pass"
    done = dbt("test --select source:silver.orders --indirect-selection cautious", tightened.environment)
    assert done.results()["source_keeps_contract_silver_orders_orders"] == "fail"


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
        "live_orders_are_those_of_silver",
        "unique_together_orders_by_delivery_date_delivery_date__status",
    ]
