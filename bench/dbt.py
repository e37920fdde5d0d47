"""Benchmark of gold: dbt builds a million orders in a local warehouse, then again after 1 % of them changed.

    python bench/dbt.py [--orders N]

The warehouse is a PostgreSQL that is made for this and deleted; its schema `silver` is filled with SQL, as the
local mirror of the lake fills it. Prints figures, then the lines `dbt-full ratio R` (CodeBuild's build, models
and tests; limit 60 s) and `dbt-incremental ratio R` (the models after the change; limit 15 s). How long the
same takes with all tests is printed, without a limit.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "test" / "dbt"))

from dbt_runner import Run, Warehouse, build, make_silver, server  # noqa: E402

FULL, INCREMENTAL = 60, 15
# Ten orders for each customer, a hundred for each product, one to three items for each order, as in the sample.
MERGED = "false, false, null, timestamptz '2026-11-01 03:00:00+00'"
ROWS = {
    "customers": """select n, 'Customer ' || n, null, 'DE', date '2024-01-01' + n % 700, '2026-01-01', {merged}
        from generate_series(1, {orders} / 10) n""",
    "products": """select n, 'Product ' || n, 'light', (100 + n % 50000) / 100.0, true, '2026-01-01', {merged}
        from generate_series(1, {orders} / 100) n""",
    "order_items": """select n, line, 1 + (n * 7 + line * 13) % ({orders} / 100), 1 + n % 5, 10.00, {merged}
        from generate_series(1, {orders}) n, generate_series(1, 1 + n % 3) line""",
    "orders": """select n, 1 + (n::bigint * 7919) % ({orders} / 10), date '2026-01-01' + n % 300,
        date '2026-01-02' + (n + n / 300) % 310,
        (array['open', 'pending', 'shipped', 'delivered', 'delivered', 'delivered'])[1 + n % 6],
        (1 + n % 3) * (1 + n % 5) * 10.00, (array['EUR', 'USD', 'CHF', 'PLN'])[1 + n % 4], '2026-01-01', {merged}
        from generate_series(1, {orders}) n""",
    "exchange_rates": """select date '2025-12-01' + day, currency, 1 + (day % 100) / 100.0, '2026-01-01', {merged}
        from generate_series(0, 360) day, unnest(array['USD', 'CHF', 'PLN']) currency""",
    "web_events": """select md5(n::text), 'page_view', timestamptz '2026-01-01' + n * interval '1 second', 's', null,
        n, null, {merged} from generate_series(1, {orders} / 2) n""",
}
# 1 % of the orders move on, with their customers and items; some products cost more, one more day has rates.
CHANGES = (
    "update silver.orders set status = 'delivered', _merged_at = {now} where order_id % 100 = 7",
    "update silver.order_items set quantity = quantity + 1, _merged_at = {now} where order_id % 100 = 7",
    "update silver.orders set amount = amount + 10.00 * (1 + order_id % 3) where order_id % 100 = 7",
    "update silver.customers set country = 'FR', _merged_at = {now} where customer_id % 100 = 7",
    "update silver.products set price = price + 1, _merged_at = {now} where product_id % 100 = 7",
    "update silver.orders set _is_deleted = true, _merged_at = {now} where order_id % 1000 = 1",
    "update silver.order_items set _is_deleted = true, _merged_at = {now} where order_id % 1000 = 1",
    "insert into silver.exchange_rates values ('2026-12-01', 'USD', 1.1, '2026-12-01', false, false, null, {now})",
)
LATER = "timestamptz '2026-11-02 03:00:00+00'"


def measure(what: str, work: Callable[[], Run]) -> float:
    """Seconds that dbt took. Raises SystemExit with its output when it failed."""
    begun = time.perf_counter()
    done = work()
    seconds = time.perf_counter() - begun
    if done.code:
        sys.exit(done.output)
    slowest = sorted(done.timings().items(), key=lambda each: -each[1])[:3]
    print(
        f"{what}: {seconds:.1f} s ({', '.join(f'{name} {took:.1f} s' for name, took in slowest)} …)",
        flush=True,
    )
    return seconds


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--orders", type=int, default=1_000_000, help="orders (default %(default)s)")
    orders = parser.parse_args(argv).orders
    with server() as port, tempfile.TemporaryDirectory(prefix="moraine-bench-") as folder:
        postgres, warehouse, copy = (Warehouse(port, name) for name in ("postgres", "bench", "bench_copy"))
        postgres.sql("create database bench")
        make_silver(warehouse)
        for dataset, select in ROWS.items():
            warehouse.sql(f"insert into silver.{dataset} {select.format(orders=orders, merged=MERGED)}")
        full = measure(f"{orders} orders, all, with tests", lambda: build(warehouse, Path(folder)))
        for change in CHANGES:
            warehouse.sql(change.format(now=LATER))
        postgres.sql("create database bench_copy template bench")
        incremental = measure(
            f"{orders} orders, 1 % changed", lambda: build(copy, Path(folder), "dbt --no-use-colors run")
        )
        measure(f"{orders} orders, 1 % changed, with tests", lambda: build(warehouse, Path(folder)))
    print(f"dbt-full ratio {full / FULL:.2f} (of {FULL} s)")
    print(f"dbt-incremental ratio {incremental / INCREMENTAL:.2f} (of {INCREMENTAL} s)")
    if orders <= 1_000_000 and (full > FULL or incremental > INCREMENTAL):
        sys.exit(f"a build took longer than allowed: {FULL} s and {INCREMENTAL} s")


if __name__ == "__main__":
    main(sys.argv[1:])
