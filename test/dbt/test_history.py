"""Dimensions with history: versions come of silver's changes, once each.

One company, built after each of three days' merges; the tests look at what the builds left.
"""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from dbt_rows import customer, order, product
from dbt_runner import Run, Warehouse

pytestmark = pytest.mark.sample

BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)
VERSIONS = (
    "select version_key, country, email, valid_from, valid_to, is_current from gold.dim_customers order by 1"
)
STAYS, MOVES, RETURNS, LEAVES, COMES, MAILS, LACKS, VANISHES, BLINKS, GOES_BACK = range(1, 11)

Version = tuple[str, str, str | None, datetime, datetime | None, bool]


def merged(day: int) -> str:
    """When silver merged on a day of November."""
    return f"2026-11-{day:02}T03:00:00Z"


def at(day: int) -> datetime:
    return datetime(2026, 11, day, 3, tzinfo=UTC)


def first_day(warehouse: Warehouse) -> None:
    warehouse.put("customers", *(customer(n) for n in range(1, 11) if n != COMES), at=merged(1))
    warehouse.put("products", product(7), at=merged(1))
    days = {1: "2026-10-01", 2: "2026-11-01", 3: "2026-11-02", 4: "2026-11-30"}
    for first, customer_id in ((0, MOVES), (10, LEAVES)):
        placed = (order(first + n, customer_id=customer_id, order_date=day) for n, day in days.items())
        warehouse.put("orders", *placed, at=merged(1))


def second_day(warehouse: Warehouse) -> None:
    moved = (customer(n, country="DE") for n in (MOVES, RETURNS, GOES_BACK))
    # One is merged again as it was; one comes late, for it has ordered long ago.
    warehouse.merge("customers", *moved, customer(STAYS), customer(COMES), at=merged(2))
    warehouse.merge("customers", customer(MAILS, email="ada@example.com"), at=merged(2))
    warehouse.delete("customers", customer(LEAVES), at=merged(2))
    warehouse.merge("customers", customer(LACKS), at=merged(2), incomplete=True)
    warehouse.merge("products", product(7, price="13.00"), at=merged(2))
    # As after the purge of a tombstone; and deleted and inserted again between two builds.
    warehouse.sql("delete from silver.customers where customer_id = %s", VANISHES)
    warehouse.delete("customers", customer(BLINKS), at="2026-11-02T01:00:00Z")
    warehouse.merge("customers", customer(BLINKS), at=merged(2))


def third_day(warehouse: Warehouse) -> None:
    # Back to what they were, with the time of change in the source that they had at first.
    warehouse.merge("customers", *(customer(n) for n in (RETURNS, LEAVES, MAILS)), at=merged(3))
    # As after a rollback of silver: the row is another, its merge an old one.
    warehouse.merge("customers", customer(GOES_BACK, country="FR"), at=merged(1))


@pytest.fixture(scope="module")
def warehouse(new_warehouse: Callable[..., Warehouse]) -> Warehouse:
    return new_warehouse("history")


@pytest.fixture(scope="module")
def days(warehouse: Warehouse, dbt: Callable[..., Run]) -> list[list[Version]]:
    """All versions after each build: one for each day, and two more after the second in which nothing had changed."""

    def build(arguments: str = "run --select +fct_orders +dim_products") -> list[Version]:
        done = dbt(arguments, warehouse.environment)
        assert done.code == 0, done.output
        return warehouse.sql(VERSIONS)

    first_day(warehouse)
    built = [build()]
    second_day(warehouse)
    built += [build(), build(), build("run --full-refresh --select +fct_orders +dim_products")]
    third_day(warehouse)
    return [*built, build("build --exclude-resource-type unit_test")]


def of(customer_id: int, versions: list[Version]) -> list[tuple]:
    return [version for version in versions if version[0].startswith(f"{customer_id}-")]


def test_a_first_version_is_valid_from_the_beginning_of_time(days: list[list[Version]]) -> None:
    assert {version[2:] for version in days[0]} == {(None, BEGINNING, None, True)}
    assert of(COMES, days[1]) == [(f"{COMES}-1", "GB", None, BEGINNING, None, True)]


def test_a_build_without_changes_adds_nothing_and_a_full_refresh_loses_nothing(
    days: list[list[Version]],
) -> None:
    assert days[1] == days[2] == days[3]


def test_a_change_closes_a_version_and_opens_another(days: list[list[Version]], warehouse: Warehouse) -> None:
    assert of(STAYS, days[-1]) == of(STAYS, days[0])
    assert of(MOVES, days[-1]) == [
        (f"{MOVES}-1", "GB", None, BEGINNING, at(2), False),
        (f"{MOVES}-2", "DE", None, at(2), None, True),
    ]
    prices = warehouse.sql(
        "select version_key, cast(price as varchar), is_current from gold.dim_products order by 1"
    )
    assert prices == [("7-1", "12.50", False), ("7-2", "13.00", True)]


def test_a_change_and_back_is_three_versions(days: list[list[Version]]) -> None:
    assert of(RETURNS, days[-1]) == [
        (f"{RETURNS}-1", "GB", None, BEGINNING, at(2), False),
        (f"{RETURNS}-2", "DE", None, at(2), at(3), False),
        (f"{RETURNS}-3", "GB", None, at(3), None, True),
    ]
    assert [version[2] for version in of(MAILS, days[-1])] == [None, "ada@example.com", None]


def test_a_deleted_row_is_closed_and_opened_anew_when_it_is_inserted_again_with_the_same_updated_at(
    days: list[list[Version]],
) -> None:
    closed = (f"{LEAVES}-1", "GB", None, BEGINNING, at(2), False)
    assert of(LEAVES, days[1]) == [closed]
    assert of(LEAVES, days[-1]) == [closed, (f"{LEAVES}-2", "GB", None, at(3), None, True)]
    assert of(BLINKS, days[-1]) == of(BLINKS, days[0]), "between two builds it is no change"


def test_what_silver_no_longer_shows_is_closed(days: list[list[Version]]) -> None:
    assert of(LACKS, days[-1]) == [(f"{LACKS}-1", "GB", None, BEGINNING, at(2), False)]
    ((*_, valid_to, is_current),) = of(VANISHES, days[-1])
    assert valid_to > at(2) and not is_current


def test_versions_follow_each_other_though_silver_was_rolled_back(days: list[list[Version]]) -> None:
    first, second, third = of(GOES_BACK, days[-1])
    assert (first[4], second[3], third[1], third[5]) == (at(2), at(2), "FR", True)
    assert second[4] == third[3] > at(3), "it is known since the build"


def test_an_order_has_its_customer_as_its_day_left_it(
    days: list[list[Version]], warehouse: Warehouse
) -> None:
    found = dict(warehouse.sql("select order_id, customer_version_key from gold.fct_orders"))
    assert [found[n] for n in (1, 2, 3, 4)] == [f"{MOVES}-{version}" for version in (1, 1, 2, 2)]
    # In the gap between delete and insert the customer is known as it was last.
    assert [found[10 + n] for n in (1, 2, 3, 4)] == [f"{LEAVES}-{version}" for version in (1, 1, 1, 2)]
