"""Live answers: what was merged since gold was built is seen without a build."""

from collections.abc import Callable

import pytest
from dbt_rows import item, order
from dbt_runner import Run, Warehouse

pytestmark = pytest.mark.sample

LIVE = {"MARTS_LIVE": "true"}
STATUSES = "select status, sum(orders)::int from gold.orders_by_customer group by 1 order by 1"


@pytest.fixture
def merged(new_warehouse: Callable[..., Warehouse], dbt: Callable[..., Run], request) -> Warehouse:
    """A warehouse that was built in the environment of the parameter, and whose silver was merged since."""
    environment = getattr(request, "param", LIVE)
    warehouse = new_warehouse(f"live{len(request.node.name)}")
    later = "2026-11-30T03:00:00Z"
    warehouse.put("orders", order(1, status="open"), order(2, status="open"), order(3, status="open"))
    warehouse.put("order_items", item(1, 1), item(2, 1))
    done = dbt("run", warehouse.environment | environment)
    assert done.code == 0, done.output

    warehouse.merge("orders", order(1, status="shipped"), order(4, status="open"), at=later)
    warehouse.delete("orders", order(2), at=later)
    warehouse.merge("orders", order(5, status="open"), at=later, incomplete=True)
    warehouse.merge("order_items", item(1, 1, quantity=9), item(4, 1), at=later)
    return warehouse


def test_what_silver_merges_is_seen_at_once_and_nothing_twice(
    merged: Warehouse, dbt: Callable[..., Run]
) -> None:
    seen = merged.sql("select order_id, status from gold.live_orders order by 1")
    assert seen == [(1, "shipped"), (3, "open"), (4, "open")]
    items = "select order_id, quantity from gold.live_order_items where order_id < 4 order by 1"
    assert merged.sql(items) == [(1, 9), (2, 1)]
    assert merged.sql(STATUSES) == [("open", 2), ("shipped", 1)]

    built = dbt("build --exclude-resource-type unit_test", merged.environment | LIVE)
    assert built.code == 0, built.output
    assert merged.sql("select order_id, status from gold.live_orders order by 1") == seen
    assert merged.sql(STATUSES) == [("open", 2), ("shipped", 1)]


@pytest.mark.parametrize("merged", [{}], indirect=True)
def test_without_the_wish_an_aggregate_is_as_the_build_left_it(merged: Warehouse) -> None:
    assert merged.sql(STATUSES) == [("open", 3)]
    assert merged.sql("select count(*) from gold.live_orders") == [(3,)]


@pytest.mark.parametrize("merged", [{}], indirect=True)
def test_aggregates_become_live_and_built_again(merged: Warehouse, dbt: Callable[..., Run]) -> None:
    for environment, kind in ((LIVE, "VIEW"), ({}, "BASE TABLE")):
        # One thread: PostgreSQL drops with a view what is bound to it; Redshift's late-bound ones stay.
        done = dbt("run --threads 1", merged.environment | environment)
        assert done.code == 0, done.output
        found = "select table_type from information_schema.tables where table_name = 'orders_by_customer'"
        assert merged.sql(found) == [(kind,)]
        assert merged.sql(STATUSES) == [("open", 2), ("shipped", 1)]
