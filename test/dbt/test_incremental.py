"""Facts that are built by what changed: the table is what a full build would make of silver."""

import random
import subprocess
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from dbt_rows import customer, event, item, order, product, rate, web_session
from dbt_runner import Run, Warehouse, start

pytestmark = pytest.mark.sample

FACTS = ("fct_orders", "fct_order_items", "fct_web_events", "fct_web_sessions", "fct_exchange_rates")


def merged(number: int) -> str:
    """When silver merged for the `number`th time."""
    return f"2026-11-{number:02}T03:00:00Z"


@pytest.fixture
def build(dbt: Callable[..., Run]) -> Callable[..., Run]:
    def call(warehouse: Warehouse, arguments: str = "run") -> Run:
        done = dbt(arguments, warehouse.environment)
        assert done.code == 0, done.output
        return done

    return call


def rows(warehouse: Warehouse, relation: str) -> set[tuple]:
    return set(warehouse.sql(f"select * from gold.{relation}"))


def written(warehouse: Warehouse, relation: str) -> set[tuple]:
    """The physical rows, which a row that is written again leaves."""
    return set(warehouse.sql(f"select ctid, xmin::text, order_id from gold.{relation}"))


def put_company(warehouse: Warehouse) -> None:
    warehouse.put("customers", customer(10))
    warehouse.put("products", product(7))
    warehouse.put("orders", order(1), order(2, currency="USD"), order(3, customer_id=11))
    warehouse.put("order_items", item(1, 1), item(2, 1), item(3, 1, product_id=8), item(4, 1))


@pytest.fixture(scope="module")
def built(new_warehouse: Callable[..., Warehouse], dbt: Callable[..., Run]) -> Warehouse:
    """Two orders that lack something: one its exchange rate, one its customer; and an item without its order."""
    warehouse = new_warehouse("incremental")
    put_company(warehouse)
    done = dbt("run", warehouse.environment)
    assert done.code == 0, done.output
    return warehouse


@pytest.fixture
def warehouse(
    built: Warehouse, new_warehouse: Callable[..., Warehouse], request: pytest.FixtureRequest
) -> Warehouse:
    return new_warehouse(request.node.name[:60], copy_of=built.database)


def test_what_is_missing_is_kept_and_counted(built: Warehouse, dbt: Callable[..., Run]) -> None:
    results = dbt("test --exclude test_type:unit", built.environment).results()
    assert sorted(name for name, status in results.items() if status == "warn") == [
        "items_of_unknown_orders",
        "items_of_unknown_products",
        "items_without_an_amount_in_euros",
        "orders_of_unknown_customers",
        "orders_without_an_amount_in_euros",
    ]
    assert "fail" not in results.values()


def test_a_build_without_changes_writes_nothing(warehouse: Warehouse, build: Callable[..., Run]) -> None:
    before = written(warehouse, "fct_orders"), written(warehouse, "fct_order_items")
    build(warehouse)
    assert (written(warehouse, "fct_orders"), written(warehouse, "fct_order_items")) == before


def test_only_changed_rows_are_written_and_deleted_ones_go(
    warehouse: Warehouse, build: Callable[..., Run]
) -> None:
    before = written(warehouse, "fct_orders")
    warehouse.merge("orders", order(1, status="shipped"), order(5), at=merged(2))
    warehouse.delete("orders", order(2), at=merged(2))
    build(warehouse)
    assert sorted(row[2] for row in written(warehouse, "fct_orders") - before) == [1, 5]
    assert warehouse.sql("select order_id, status from gold.fct_orders order by 1") == [
        (1, "shipped"),
        (3, "open"),
        (5, "open"),
    ]
    # The item of the deleted order is kept, and says so.
    assert warehouse.sql("select order_id, is_order_known from gold.fct_order_items order by 1") == [
        (1, True),
        (2, False),
        (3, True),
        (4, False),
    ]


def amounts(warehouse: Warehouse, fact: str, version_key: str) -> list[tuple]:
    return warehouse.sql(f"select order_id, {version_key}, amount_eur from gold.{fact} order by 1")


def test_what_arrives_late_is_corrected_or_taken_back_mends_the_rows_that_it_concerns(
    warehouse: Warehouse, build: Callable[..., Run]
) -> None:
    warehouse.put("customers", customer(11), at=merged(2))
    warehouse.put("products", product(8), at=merged(2))
    warehouse.put("exchange_rates", rate("2026-10-29", "USD", "1.25"), at=merged(2))
    warehouse.put("orders", order(4, currency="USD"), at=merged(2))
    build(warehouse)
    whole, tenth = Decimal("12.50"), Decimal("10.00")
    assert amounts(warehouse, "fct_orders", "customer_version_key") == [
        (1, "10-1", whole),
        (2, "10-1", tenth),
        (3, "11-1", whole),
        (4, "10-1", tenth),
    ]
    assert amounts(warehouse, "fct_order_items", "product_version_key") == [
        (1, "7-1", whole),
        (2, "7-1", tenth),
        (3, "8-1", whole),
        (4, "7-1", tenth),
    ]

    warehouse.merge("exchange_rates", rate("2026-10-29", "USD", "2.5"), at=merged(3))
    build(warehouse)
    for fact, key in (("fct_orders", "customer_version_key"), ("fct_order_items", "product_version_key")):
        assert [row[2] for row in amounts(warehouse, fact, key)] == [whole, tenth / 2, whole, tenth / 2]

    warehouse.delete("exchange_rates", rate("2026-10-29", "USD", "2.5"), at=merged(4))
    build(warehouse)
    for fact, key in (("fct_orders", "customer_version_key"), ("fct_order_items", "product_version_key")):
        assert [row[2] for row in amounts(warehouse, fact, key)] == [whole, None, whole, None]


def change(warehouse: Warehouse, chance: random.Random, at: str) -> None:
    """Some rows of every dataset come, change or go."""
    day = lambda: f"2026-10-{chance.randint(20, 31)}"  # noqa: E731
    makers = {
        "customers": lambda n: customer(n % 5, country=chance.choice(["GB", "DE"])),
        "products": lambda n: product(n % 5, price=f"{chance.randint(1, 9)}.00"),
        "orders": lambda n: order(
            n,
            customer_id=chance.randint(0, 6),
            order_date=day(),
            currency=chance.choice(["EUR", "USD", "CHF"]),
        ),
        "order_items": lambda n: item(n, chance.randint(1, 3), product_id=chance.randint(0, 6)),
        "exchange_rates": lambda n: rate(day(), chance.choice(["USD", "CHF"]), f"1.{chance.randint(1, 9)}"),
        "web_events": lambda n: event(str(n), page_url=chance.choice([None, "/"])),
        "web_sessions": lambda n: web_session(str(n), first_page=chance.choice([None, "/"])),
    }
    for dataset, make in makers.items():
        for number in chance.sample(range(20), 6):
            action = warehouse.delete if chance.random() < 0.3 else warehouse.merge
            action(dataset, make(number), at=at)


def test_builds_one_after_another_end_in_what_a_full_refresh_makes(
    new_warehouse: Callable[..., Warehouse], build: Callable[..., Run]
) -> None:
    warehouse, chance = new_warehouse("walk"), random.Random(1)
    for number in range(1, 5):
        change(warehouse, chance, merged(number))
        build(warehouse)
    one_by_one = {fact: rows(warehouse, fact) for fact in FACTS}
    history = rows(warehouse, "dim_customers")
    build(warehouse, "build --full-refresh --exclude-resource-type unit_test")
    assert {fact: rows(warehouse, fact) for fact in FACTS} == one_by_one
    assert rows(warehouse, "dim_customers") == history
    assert all(one_by_one.values()), "there is something to compare"


def test_a_build_that_was_killed_is_repeated_without_a_loss_or_a_double(
    warehouse: Warehouse, build: Callable[..., Run], tmp_path: Path
) -> None:
    warehouse.merge("customers", customer(10, country="DE"), customer(11), at=merged(2))
    warehouse.merge("orders", order(1, status="shipped"), order(5), at=merged(2))
    warehouse.merge("order_items", item(5, 1), at=merged(2))
    warehouse.delete("orders", order(2), at=merged(2))
    for locked in ("dim_customers", "fct_orders"):
        with warehouse.connect() as holder, holder.cursor() as cursor:
            # Reading is let through, writing waits: dbt stands where it begins to write.
            cursor.execute(f"lock table gold.{locked} in share mode")
            process = start("exec dbt run", tmp_path, warehouse.environment)
            wait_for_lock(warehouse, locked, process)
            process.kill()
            process.wait()
            end_sessions(warehouse, besides=holder.info.backend_pid)
    build(warehouse, "build --exclude-resource-type unit_test")
    assert warehouse.sql("select version_key, country from gold.dim_customers order by 1") == [
        ("10-1", "GB"),
        ("10-2", "DE"),
        ("11-1", "GB"),
    ]
    after = {fact: rows(warehouse, fact) for fact in FACTS}
    build(warehouse, "run --full-refresh")
    assert {fact: rows(warehouse, fact) for fact in FACTS} == after


def wait_for_lock(warehouse: Warehouse, table: str, process: subprocess.Popen[str]) -> None:
    waiting = (
        "select 1 from pg_locks where not granted and relation = %s::regclass"
        " and database = (select oid from pg_database where datname = current_database())"
    )
    until = time.monotonic() + 60
    while not warehouse.sql(waiting, f"gold.{table}"):
        assert process.poll() is None, "dbt ended before it wrote"
        assert time.monotonic() < until, "dbt did not come to write"
        time.sleep(0.05)


def end_sessions(warehouse: Warehouse, besides: int) -> None:
    """What the server does when it notices that the other end is gone."""
    warehouse.sql(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
        " where datname = current_database() and pid not in (pg_backend_pid(), %s)",
        besides,
    )
