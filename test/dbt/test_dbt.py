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
from sqlfluff.core import FluffConfig, Linter

GENERATE = ROOT / "scripts" / "generate_dbt_sources.py"


def generate(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, GENERATE, *map(str, arguments)], capture_output=True, text=True)


@pytest.fixture(scope="module")
def compiled(dbt: Callable[..., Run]) -> dict[str, Run]:
    """The SQL of a `first` build, and of a `later` one, which loads what changed."""
    runs = {}
    for name, later in (("first", "false"), ("later", "true")):
        runs[name] = dbt(f"compile {OFFLINE.format(later=later)}", REDSHIFT)
        assert runs[name].code == 0, runs[name].output
    return runs


def test_sources_are_what_the_contracts_say() -> None:
    done = generate("--check")
    assert done.returncode == 0, done.stderr


@pytest.mark.sample
def test_stale_sources_are_refused_in_one_line(tmp_path: Path) -> None:
    contracts = tmp_path / "contracts"
    shutil.copytree(ROOT / "contracts", contracts)
    changed = contracts / "orders.odcs.yaml"
    changed.write_text(changed.read_text().replace("varchar(20)", "varchar(30)"))
    done = generate("--check", "--contracts", contracts)
    assert (done.returncode, done.stderr) == (
        1,
        "sources.yml, staging/staging.yml: not what contracts/ says; run: npm run generate\n",
    )


@pytest.mark.sample
def test_what_a_contract_says_of_a_column_stands_beside_it(tmp_path: Path) -> None:
    contracts = tmp_path / "contracts"
    shutil.copytree(ROOT / "contracts", contracts)
    changed = contracts / "orders.odcs.yaml"
    document = yaml.safe_load(changed.read_text())
    properties = document["schema"][0]["properties"]
    properties[1].update(primaryKey=True, primaryKeyPosition=2)
    properties[5]["customProperties"] = [{"property": "previousNames", "value": ["total"]}]
    changed.write_text(yaml.safe_dump(document, sort_keys=False))
    assert generate("--contracts", contracts, "--output", tmp_path / "models").returncode == 0
    tables = yaml.safe_load((tmp_path / "models" / "sources.yml").read_text())["sources"][0]["tables"]
    table = next(t for t in tables if t["name"] == "orders")
    columns = {each["name"]: each["config"]["meta"] for each in table["columns"]}
    assert table["config"]["meta"]["key"] == ["order_id", "customer_id"]
    assert columns["delivery_date"] == {"classification": "internal"}
    assert columns["amount"] == {
        "classification": "confidential",
        "required": True,
        "previous_names": ["total"],
    }
    assert columns["status"]["valid_values"] == ["open", "pending", "shipped", "delivered", "cancelled"]
    # Models that take the description over by the former name go on.
    assert "{% docs orders__total %}" in (tmp_path / "models" / "contracts.md").read_text()


@pytest.mark.parametrize("build", ["first", "later"])
def test_every_model_compiles_for_redshift_without_a_connection(compiled: dict[str, Run], build: str) -> None:
    files = {path.stem: path.read_text() for path in (compiled[build].folder / "compiled").rglob("*.sql")}
    models = {path.stem for path in (DBT / "models").rglob("*.sql")}
    assert models <= set(files)
    assert all(sql.strip() for sql in files.values())


@pytest.mark.parametrize("build", ["first", "later"])
def test_compiled_sql_is_not_postgresql_only(compiled: dict[str, Run], build: str) -> None:
    files = sorted((compiled[build].folder / "compiled").rglob("*.sql"))
    assert {path.name: found for path in files if (found := postgres_only(path.read_text()))} == {}


@pytest.mark.parametrize("build", ["first", "later"])
def test_compiled_models_parse_as_redshift_sql(compiled: dict[str, Run], build: str) -> None:
    linter = Linter(FluffConfig(overrides={"dialect": "redshift", "templater": "raw"}))
    names = {path.name for path in (DBT / "models").rglob("*.sql")}
    for path in (compiled[build].folder / "compiled").rglob("*.sql"):
        if path.name in names:
            assert linter.parse_string(path.read_text()).violations == [], path.name


@pytest.mark.sample
def test_a_later_build_reads_what_silver_merged_since(compiled: dict[str, Run]) -> None:
    def sql(build: str, model: str) -> str:
        (path,) = (compiled[build].folder / "compiled").rglob(f"{model}.sql")
        return path.read_text()

    for model in ("fct_orders", "fct_order_items", "fct_web_events"):
        assert "where _merged_at > cast(" in sql("later", model)
        assert "where _merged_at > cast(" not in sql("first", model)
    # No column of an event is looked up: its table is not read again.
    assert '"gold"."fct_web_events"' not in sql("later", "fct_web_events")


def test_every_model_and_every_column_is_described_with_its_type(compiled: dict[str, Run]) -> None:
    manifest = compiled["first"].manifest()
    sources = {each["name"]: list(each["columns"]) for each in manifest["sources"].values()}
    models = [each for each in manifest["nodes"].values() if each["resource_type"] == "model"]
    missing = []
    for model in models:
        columns = model["columns"]
        declared = sources.get(model["config"]["meta"].get("reconciles"), [])
        missing += [f"{model['name']} is not described"] if not model["description"].strip() else []
        missing += [f"{model['name']}.{name} is not in its YAML" for name in declared if name not in columns]
        for name, column in columns.items():
            missing += (
                [f"{model['name']}.{name} is not described"] if not column["description"].strip() else []
            )
            if not column["data_type"] and name not in declared:
                missing.append(f"{model['name']}.{name} has no data_type")
    assert missing == []


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
        ("select a from t except all select a from s", "except all"),
        ("select a from t intersect all select a from s", "intersect all"),
        ("select extract(isodow from d) from t", "extract isodow"),
        ("select a from (values (1), (2)) as t (a)", "values as a table"),
        ("with c as materialized (select a from t) select a from c", "with … as materialized"),
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
        select date_trunc('month', d), coalesce(b, 'x')::varchar(10), c from a where r = 1
        union all select extract(dow from d), b, 1 from t except select d, b, c from a order by 1 limit 5
    """
    assert postgres_only(sql) == []


@pytest.mark.sample
def test_a_rule_taken_from_a_column_without_one_is_refused(dbt: Callable[..., Run]) -> None:
    done = dbt(
        f"""compile {OFFLINE.format(later="false")} --quiet --inline "{{{{ valid_values('orders.currency') }}}}" """,
        REDSHIFT,
    )
    assert done.code != 0
    assert "orders.currency has no validValues; add an invalidValues rule" in done.output
