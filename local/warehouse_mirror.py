"""Silver as Redshift's external schema shows it: schema `silver` of the PostgreSQL that plays Redshift.

After each merge the rows that the merge changed are copied; nothing else writes there. How far the copy has
come is kept in schema `silver_mirror`, in the same transaction. A copy that can't be continued is made anew:
the table was rolled back or made again, a column was renamed or has another type, or rows are missing.
"""

import io
import re
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import psycopg
import pyarrow
import pyarrow.csv
from psycopg import sql
from pyiceberg.expressions import AlwaysTrue, BooleanExpression, GreaterThan
from pyiceberg.table import Table

sys.path.append(str(Path(__file__).resolve().parent.parent / "glue-jobs"))

from common import contract_file  # noqa: E402
from common.contract import Contract  # noqa: E402

BOOKKEEPING = {
    "_position": "text",
    "_is_deleted": "boolean",
    "_incomplete": "boolean",
    "_merged_at": "timestamp with time zone",
}
TYPES = {
    "boolean": "boolean",
    "int": "integer",
    "bigint": "bigint",
    "double": "double precision",
    "date": "date",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
}
PROGRESS = """
create schema if not exists silver;
create schema if not exists silver_mirror;
create table if not exists silver_mirror.progress (
  dataset text primary key, table_uuid text not null, snapshot_id bigint not null, merged_at timestamptz)
"""
COLUMNS = """
select attname, format_type(atttypid, atttypmod) from pg_attribute
where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped
"""
KEY = """
select array_agg(attname::text order by array_position(indkey::int2[], attnum)) from pg_index
join pg_attribute on attrelid = indrelid and attnum = any(indkey)
where indrelid = to_regclass(%s) and indisprimary
"""


def mirror(
    catalog, silver_database: str, dataset: str, contracts: Contract | str | Path, warehouse_dsn: str
) -> dict:
    """Copies what is new in one silver table; returns {dataset, copied (rows), full (whether all of them)}.

    `contracts` is the dataset's contract, or the folder or .zip file with the contracts.
    """
    contract = contracts if isinstance(contracts, Contract) else contract_file.load(str(contracts), dataset)
    table = catalog.load_table((silver_database, dataset))
    with psycopg.connect(warehouse_dsn, options="-c TimeZone=UTC") as connection:
        connection.execute("select pg_advisory_xact_lock(hashtext('silver_mirror'))")
        connection.execute(PROGRESS)
        same = _prepare(connection, contract)
        since = _since(connection, dataset, table) if same else None
        if since == "nothing new":
            return {"dataset": dataset, "copied": 0, "full": False}
        copied = _copy(connection, table, contract, since)
        if since is not None and not _has_as_many(table, _count(connection, dataset)):
            since, copied = None, _copy(connection, table, contract, None)
        _advance(connection, dataset, table)
    return {"dataset": dataset, "copied": copied, "full": since is None}


def relation(dataset: str) -> sql.Identifier:
    """The table of schema `silver` that holds the dataset."""
    return sql.Identifier("silver", dataset)


def postgres_type(contract_type: str) -> str:
    """A contract's type as PostgreSQL calls it (`format_type`)."""
    for ours, theirs in (("varchar", "character varying"), ("decimal", "numeric")):
        if contract_type.startswith(ours):
            return contract_type.replace(ours, theirs)
    return TYPES[contract_type]


def _columns(contract: Contract) -> dict[str, str]:
    row_key = dict.fromkeys(contract.key, "character varying(64)") if contract.keyless else {}
    return {column.name: postgres_type(column.type) for column in contract.columns} | row_key | BOOKKEEPING


def _prepare(connection: psycopg.Connection, contract: Contract) -> bool:
    """Makes the table fit the contract; False when it was made anew, and views on it dropped."""
    wanted, name = _columns(contract), f'silver."{contract.dataset}"'
    found = dict(connection.execute(COLUMNS, [name]).fetchall())
    (key,) = connection.execute(KEY, [name]).fetchone()
    added = [column for column in wanted if column not in found]
    former = {name for column in contract.columns if column.name in added for name in column.previous_names}
    fits = all(_holds(found.get(column, kind), kind) for column, kind in wanted.items())
    fits = fits and BOOKKEEPING.keys() <= found.keys()
    if found and fits and not former & found.keys() and key == list(contract.key):
        for column in added:
            _alter(connection, contract.dataset, column, wanted[column])
        return True
    connection.execute(sql.SQL("drop table if exists {} cascade").format(relation(contract.dataset)))
    lines = [sql.SQL("{} {}").format(sql.Identifier(each), sql.SQL(kind)) for each, kind in wanted.items()]
    connection.execute(
        sql.SQL("create table {} ({}, primary key ({}))").format(
            relation(contract.dataset), sql.SQL(", ").join(lines), _names(contract.key)
        )
    )
    return False


def _holds(found: str, wanted: str) -> bool:
    """A column of one type takes all that another does: the same, or a longer one of its kind, which an older
    contract leaves behind.
    """
    if found == wanted or (found, wanted) == ("bigint", "integer"):
        return True
    one, other = (
        re.fullmatch(r"(character varying|numeric)\((\d+)(,\d+)?\)", each) for each in (found, wanted)
    )
    same_kind = one and other and one[1] == other[1] and one[3] == other[3]
    return bool(same_kind) and int(one[2]) >= int(other[2])


def _alter(connection: psycopg.Connection, dataset: str, column: str, kind: str) -> None:
    statement = sql.SQL("alter table {} add column {} {}")
    connection.execute(statement.format(relation(dataset), sql.Identifier(column), sql.SQL(kind)))


def _since(connection: psycopg.Connection, dataset: str, table: Table) -> datetime | str | None:
    """The newest `_merged_at` that is mirrored; None when all has to be copied; or "nothing new"."""
    query = "select table_uuid, snapshot_id, merged_at from silver_mirror.progress where dataset = %s"
    known = connection.execute(query, [dataset]).fetchone()
    current = table.current_snapshot()
    if known is None or current is None or known[0] != str(table.metadata.table_uuid):
        return None
    if known[1] == current.snapshot_id:
        return "nothing new"
    ancestors, at = set(), current
    while at is not None:
        ancestors.add(at.snapshot_id)
        at = table.metadata.snapshot_by_id(at.parent_snapshot_id) if at.parent_snapshot_id else None
    return known[2] if known[1] in ancestors else None


def _copy(connection: psycopg.Connection, table: Table, contract: Contract, since: datetime | None) -> int:
    """Copies the rows merged after `since`; None copies all of them into the emptied table."""
    columns = list(_columns(contract))
    target = relation(contract.dataset)
    newer = AlwaysTrue() if since is None else GreaterThan("_merged_at", since.isoformat())
    if since is None:
        connection.execute(sql.SQL("truncate {}").format(target))
        return _load(connection, table, columns, newer, target)
    connection.execute(
        sql.SQL("create temp table newer on commit drop as select {} from {} limit 0").format(
            _names(columns), target
        )
    )
    copied = _load(connection, table, columns, newer, sql.Identifier("newer"))
    others = [column for column in columns if column not in contract.key]
    connection.execute(
        sql.SQL("insert into {} ({}) select {} from newer on conflict ({}) do update set {}").format(
            target,
            _names(columns),
            _names(columns),
            _names(contract.key),
            sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(each)) for each in others),
        )
    )
    return copied


def _names(columns) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _load(
    connection, table: Table, columns: list[str], rows: BooleanExpression, target: sql.Composable
) -> int:
    present = [column for column in columns if column in table.schema().column_names]
    statement = sql.SQL("copy {} ({}) from stdin (format csv)").format(target, _names(present))
    copied = 0
    with connection.cursor().copy(statement) as copy:
        for batch in _batches(table, present, rows):
            copied += batch.num_rows
            copy.write(_csv(batch))
    return copied


def _batches(table: Table, columns: list[str], rows: BooleanExpression) -> Iterator[pyarrow.RecordBatch]:
    if table.current_snapshot() is not None:
        for batch in table.scan(row_filter=rows, selected_fields=tuple(columns)).to_arrow_batch_reader():
            yield batch.select(columns)


def _csv(batch: pyarrow.RecordBatch) -> bytes:
    """The rows as CSV: texts in quotes, so that an empty one is no null; times in UTC, without a zone."""
    output = io.BytesIO()
    rows = pyarrow.RecordBatch.from_arrays([_plain(column) for column in batch.columns], batch.schema.names)
    pyarrow.csv.write_csv(rows, output, pyarrow.csv.WriteOptions(include_header=False))
    return output.getvalue()


def _plain(column: pyarrow.Array) -> pyarrow.Array:
    if pyarrow.types.is_decimal(column.type):
        return column.cast(pyarrow.string())
    return column.cast(pyarrow.timestamp("us")) if pyarrow.types.is_timestamp(column.type) else column


def _count(connection: psycopg.Connection, dataset: str) -> int:
    return connection.execute(sql.SQL("select count(*) from {}").format(relation(dataset))).fetchone()[0]


def _has_as_many(table: Table, rows: int) -> bool:
    """Whether the table has so many rows. What its commits count tells that mostly, without a look into files that have
    deletes; a delete whose row a compaction took away with its file is still counted.
    """
    counts = table.current_snapshot().summary or {}
    told = int(counts.get("total-records") or -1) - int(counts.get("total-position-deletes") or 0)
    return told == rows or table.scan().count() == rows


def _advance(connection: psycopg.Connection, dataset: str, table: Table) -> None:
    """Keeps how far the copy has come."""
    current = table.current_snapshot()
    if current is None:
        connection.execute("delete from silver_mirror.progress where dataset = %s", [dataset])
        return
    newest = sql.SQL("select max(_merged_at) from {}").format(relation(dataset))
    (merged_at,) = connection.execute(newest).fetchone()
    connection.execute(
        "insert into silver_mirror.progress values (%s, %s, %s, %s) on conflict (dataset) do update "
        "set table_uuid = excluded.table_uuid, snapshot_id = excluded.snapshot_id, "
        "merged_at = excluded.merged_at",
        [dataset, str(table.metadata.table_uuid), current.snapshot_id, merged_at],
    )
