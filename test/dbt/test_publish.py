"""What publish-aggregates reads of gold: its own statements, on tables that dbt built."""

import json
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from dbt_rows import item, order, product
from dbt_runner import ROOT, Run, Warehouse
from sql_denylist import postgres_only

pytestmark = pytest.mark.sample

STATEMENTS = Path(__file__).with_name("publish_sql.ts")


@pytest.fixture(scope="module")
def statements() -> dict[str, str]:
    tsx = ROOT / "node_modules" / "tsx" / "dist" / "cli.mjs"
    done = subprocess.run(["node", tsx, STATEMENTS], cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def warehouse(new_warehouse: Callable[..., Warehouse], dbt: Callable[..., Run]) -> Warehouse:
    """1,003 customers with an open order each, of whom the last ten have one more; and a few pending ones."""
    made = new_warehouse("publish")
    made.sql(
        "insert into silver.orders select n, 1 + n % 1003, '2026-11-01', date '2026-11-02' + n % 3, 'open', 1, 'EUR',"
        " '2026-11-01', false, false, null, '2026-11-01' from generate_series(993, 2005) n"
    )
    made.put("orders", order(1, status="pending"), order(2, delivery_date=None), order(3, status="shipped"))
    made.put("products", product(7), product(8, name="Blue cup"))
    made.put("order_items", item(1, 1, quantity=5), item(2, 1, quantity=3), item(2, 2, product_id=8))
    made.put("order_items", item(3, 1, quantity=99), item(1, 2, product_id=9))
    done = dbt("build --exclude-resource-type unit_test", made.environment)
    assert done.code == 0, done.output
    return made


def test_each_endpoint_has_a_statement_that_redshift_takes_too(statements: dict[str, str]) -> None:
    assert sorted(statements) == [
        "/analytics/orders",
        "/analytics/orders/customers",
        "/analytics/orders/product",
        "/analytics/orders/top",
        "/analytics/web/sessions",
    ]
    assert {path: found for path, sql in statements.items() if (found := postgres_only(sql))} == {}


def test_of_many_customers_the_first_thousand_are_read_and_all_are_counted(
    statements: dict[str, str], warehouse: Warehouse
) -> None:
    rows = warehouse.sql(statements["/analytics/orders/customers"])
    open_ones = [(int(customer), int(orders)) for status, customer, orders, *_ in rows if status == "open"]
    # order 2 is customer 10's third; customers 994 to 1003 have two orders, the others one: ties by number.
    twice = [(10, 2), *((n, 2) for n in range(994, 1004))]
    assert open_ones[: len(twice)] == twice
    assert open_ones[len(twice) :] == [(n, 1) for n in range(1, 991) if n != 10]
    assert len(open_ones) == 1000 and {row[-1] for row in rows if row[0] == "open"} == {1003}
    assert sorted(row[0] for row in rows if row[0] != "open") == ["pending", "shipped"]


def test_delivery_dates_come_with_the_most_open_orders_first_and_ties_by_date(
    statements: dict[str, str], warehouse: Warehouse
) -> None:
    rows = warehouse.sql(statements["/analytics/orders/top"])
    assert [(day, int(orders)) for day, orders, *_ in rows] == [
        (date(2026, 11, 2), 338),
        (date(2026, 11, 3), 338),
        (date(2026, 11, 4), 337),
    ]


def test_products_come_with_their_open_and_pending_items(
    statements: dict[str, str], warehouse: Warehouse
) -> None:
    rows = warehouse.sql(statements["/analytics/orders/product"])
    assert [row[:7] for row in rows] == [
        ("7", "Red lamp", "1", "3", "1", "5", "8"),
        ("8", "Blue cup", "1", "1", "0", "0", "1"),
        ("9", None, "0", "0", "1", "1", "1"),
    ]
