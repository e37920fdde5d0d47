"""What can be said of dbt/ without a database: sources are fresh, the SQL compiles and is Redshift's."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from dbt_runner import DBT, OFFLINE, REDSHIFT, ROOT, Run
from sql_denylist import postgres_only

GENERATE = ROOT / "scripts" / "generate_dbt_sources.py"


def generate(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, GENERATE, *map(str, arguments)], capture_output=True, text=True)


@pytest.fixture(scope="module")
def compiled(dbt: Callable[..., Run]) -> Run:
    done = dbt(f"compile {' '.join(OFFLINE)}", REDSHIFT)
    assert done.code == 0, done.output
    return done


def test_sources_are_what_the_contracts_say() -> None:
    done = generate("--check")
    assert done.returncode == 0, done.stderr


def test_stale_sources_are_refused_in_one_line(tmp_path: Path) -> None:
    contracts = tmp_path / "contracts"
    shutil.copytree(ROOT / "contracts", contracts)
    changed = contracts / "orders.odcs.yaml"
    changed.write_text(changed.read_text().replace("varchar(20)", "varchar(30)"))
    done = generate("--check", "--contracts", contracts)
    assert (done.returncode, done.stderr) == (
        1,
        "sources.yml is not what contracts/ says; run: npm run generate\n",
    )


def test_a_key_of_two_columns_is_tested_as_one(tmp_path: Path) -> None:
    contracts = tmp_path / "contracts"
    shutil.copytree(ROOT / "contracts", contracts)
    changed = contracts / "orders.odcs.yaml"
    document = yaml.safe_load(changed.read_text())
    document["schema"][0]["properties"][1].update(primaryKey=True, primaryKeyPosition=2)
    changed.write_text(yaml.safe_dump(document, sort_keys=False))
    assert generate("--contracts", contracts, "--output", tmp_path / "sources.yml").returncode == 0
    tables = yaml.safe_load((tmp_path / "sources.yml").read_text())["sources"][0]["tables"]
    table = next(t for t in tables if t["name"] == "orders")
    assert table["data_tests"][0]["unique_together"]["arguments"] == {
        "columns": ['"order_id"', '"customer_id"']
    }
    assert not any("unique" in test for column in table["columns"] for test in column.get("data_tests", []))


def test_every_model_compiles_for_redshift_without_a_connection(compiled: Run) -> None:
    files = {path.stem: path.read_text() for path in (compiled.folder / "compiled").rglob("*.sql")}
    models = {path.stem for path in (DBT / "models").rglob("*.sql")}
    assert models <= set(files)
    assert all(sql.strip() for sql in files.values())


def test_compiled_sql_is_not_postgresql_only(compiled: Run) -> None:
    files = sorted((compiled.folder / "compiled").rglob("*.sql"))
    assert {path.name: found for path in files if (found := postgres_only(path.read_text()))} == {}


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("select count(*) filter (where a > 1) from t", "filter (where …)"),
        ("select distinct on (a) a, b from t order by a, b", "distinct on"),
        ("select a from t, lateral (select 1) x", "lateral"),
        ("select array_agg(a) from t", "array_agg"),
        ("select string_agg(a, ',') from t", "string_agg (listagg)"),
        ("select a -> 'b' from t", "->"),
        ("select a ->> 'b' from t", "->>"),
        ("select a::text from t", "type text"),
        ("select cast(a as jsonb) from t", "type jsonb"),
        ("select * from generate_series(1, 9)", "generate_series"),
        ("insert into t values (1) on conflict do nothing", "on conflict"),
        ("delete from t returning a", "returning"),
        ("create index i on t (a)", "create index"),
        ("select gen_random_uuid()", "gen_random_uuid"),
        ("select now()", "now or current_timestamp"),
        ("select unnest(a) from t", "unnest"),
        ("select to_jsonb(a) from t", "to_jsonb"),
        ("select a from t where a is distinct from b", "is distinct from"),
        (
            "select sum(a) over (order by b range between interval '1 day' preceding and current row) from t",
            "window frame in range",
        ),
    ],
)
def test_the_deny_list_catches(sql: str, found: str) -> None:
    assert found in postgres_only(sql)


def test_the_deny_list_lets_portable_sql_through() -> None:
    sql = """
        with a as (select b, d, count(*) as c, rank() over (partition by b order by d) r from t group by b, d)
        select date_trunc('month', d), coalesce(b, 'x')::varchar(10), c from a where r = 1 order by 1 limit 5
    """
    assert postgres_only(sql) == []


def test_a_rule_taken_from_a_column_without_one_is_refused(dbt: Callable[..., Run]) -> None:
    done = dbt(
        f"""compile {" ".join(OFFLINE)} --quiet --inline "{{{{ valid_values('orders.currency') }}}}" """,
        REDSHIFT,
    )
    assert done.code != 0
    assert "orders.currency has no validValues; add an invalidValues rule" in done.output
