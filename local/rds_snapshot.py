"""Freezes the tables of a PostgreSQL as Parquet files, in an RDS snapshot export's layout and types.

RDS keeps the storage; this keeps the files that an export would write, made at the time of the
snapshot, in one REPEATABLE READ transaction. A folder with its final name is whole and survives a kill -9;
one that is not whole is called `….partial` and is thrown away. An instance or cluster has one database here.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.Considerations.html (data types)
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.FileNames.html (layout)
"""

import json
import re
import shutil
import uuid
from datetime import UTC, datetime
from pathlib import Path

import postgres_arrow
import psycopg
import pyarrow
import pyarrow.parquet
from psycopg import sql

ROWS_PER_PART = 250_000
UNSUPPORTED = re.compile(r"[,;{}()\n\t= ]")
BINARY_TYPES = {
    "bigint": pyarrow.int64(),
    "integer": pyarrow.int32(),
    "smallint": pyarrow.int16(),
    "real": pyarrow.float32(),
    "double precision": pyarrow.float64(),
    "boolean": pyarrow.bool_(),
    "bytea": pyarrow.binary(),
}
"""Types that an export keeps; every other one becomes a string, as PostgreSQL prints it in UTC."""
EXPORTED_AS = {"bigint": "int64", "integer": "int32", "smallint": "int32", "real": "float",
               "double precision": "double", "boolean": "boolean", "bytea": "binary"}  # fmt: skip
COLUMNS = """
select n.nspname, c.relname, a.attname, format_type(a.atttypid, null),
       coalesce(information_schema._pg_char_max_length(a.atttypid, a.atttypmod), 0),
       coalesce(information_schema._pg_numeric_precision(a.atttypid, a.atttypmod), 0),
       coalesce(information_schema._pg_datetime_precision(a.atttypid, a.atttypmod), 0),
       case when c.relpersistence = 'u' then 'an unlogged table is not exported'
            when not has_schema_privilege(n.oid, 'usage') or not has_table_privilege(c.oid, 'select')
            then 'PERMISSIONS_DO_NOT_EXIST: its owner has not let the user of the export read it' end
from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
where c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
  and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\\_toast%' and
      n.nspname not like 'pg\\_temp%'
order by n.nspname, c.relname, a.attnum
"""


def freeze(dsn: str, folder: Path, about: dict | None = None) -> dict:
    """Writes every table of the database that `dsn` names below `folder`; returns `folder/snapshot.json`.

    `about` goes into it. The moment of the snapshot, `time`, is when its transaction began, ISO 8601 in UTC.
    """
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    with psycopg.connect(dsn, options=postgres_arrow.SESSION) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        (moment,) = connection.execute("select now()").fetchone()
        tables = [_table(each, partial) for each in _tables(connection)]
    found = {**(about or {}), "time": moment.isoformat(timespec="microseconds"), "tables": tables}
    (partial / "snapshot.json").write_text(json.dumps(found))
    partial.rename(folder)
    return found


def _tables(connection: psycopg.Connection) -> list[tuple]:
    tables: dict[tuple[str, str, str | None], list[dict]] = {}
    for schema, table, column, kind, length, precision, time_precision, barred in connection.execute(COLUMNS):
        tables.setdefault((schema, table, barred), []).append(
            {
                "columnName": column,
                "originalType": kind,
                "expectedExportedType": EXPORTED_AS.get(kind, "binary (UTF8)"),
                "originalCharMaxLength": length,
                "originalNumPrecision": precision,
                "originalDateTimePrecision": time_precision,
            }
        )
    return [(connection, *name, columns) for name, columns in tables.items()]


def _table(found: tuple, folder: Path) -> dict:
    connection, schema, table, barred, columns = found
    database = connection.info.dbname
    described = {"database": database, "schema": schema, "table": table, "columns": columns, "files": []}
    if reason := barred or _unsupported(table, columns):
        return described | {"skipped": reason}
    started = datetime.now(UTC).isoformat()
    path = Path(database, f"{schema}.{table}", "1")
    (folder / path).mkdir(parents=True)
    for name in _write(connection, schema, table, columns, folder / path):
        described["files"].append(str(path / name))
    if described["files"]:  # RDS promises no file for an empty table
        (folder / path / "_SUCCESS").touch()
        described["files"].append(str(path / "_SUCCESS"))
    size = sum((folder / name).stat().st_size for name in described["files"])
    return described | {"bytes": size, "started": started, "ended": datetime.now(UTC).isoformat()}


def _unsupported(table: str, columns: list[dict]) -> str | None:
    """Why an export skips a table for a name, if it does."""
    names = [each["columnName"] for each in columns if UNSUPPORTED.search(each["columnName"])]
    if names or "/" in table:
        what = f"column {names[0]!r}" if names else "its name"
        return f"{what} has a character that an export does not support"
    return None


def _write(connection: psycopg.Connection, schema: str, table: str, columns: list[dict], folder: Path):
    """Writes the rows in parts of ROWS_PER_PART, and yields their names; an empty table has none."""
    written = pyarrow.schema([(each["columnName"], _type(each)) for each in columns])
    job = uuid.uuid4()
    for part, batches in enumerate(_parts(_batches(connection, schema, table, columns, written))):
        name = f"part-{part:05d}-{job}-c000.gz.parquet"
        rows = pyarrow.Table.from_batches(batches, written)
        pyarrow.parquet.write_table(rows, folder / name, compression="gzip")
        yield name


def _parts(batches):
    held, rows = [], 0
    for batch in batches:
        while rows + batch.num_rows >= ROWS_PER_PART:
            head = batch.slice(0, ROWS_PER_PART - rows)
            yield [*held, head]
            held, rows, batch = [], 0, batch.slice(head.num_rows)
        held.append(batch)
        rows += batch.num_rows
    if rows:
        yield held


def _type(column: dict) -> pyarrow.DataType:
    return BINARY_TYPES.get(column["originalType"], pyarrow.string())


def _batches(
    connection: psycopg.Connection, schema: str, table: str, columns: list[dict], written: pyarrow.Schema
):
    names = sql.SQL(", ").join(sql.Identifier(each["columnName"]) for each in columns)
    query = sql.SQL("select {} from only {}").format(names, sql.Identifier(schema, table))
    types = {each.name: pyarrow.string() if each.type == pyarrow.binary() else each.type for each in written}
    yield from (_decoded(batch, written) for batch in postgres_arrow.stream(connection, query, types))


def _decoded(batch: pyarrow.RecordBatch, written: pyarrow.Schema) -> pyarrow.RecordBatch:
    columns = [
        pyarrow.array([text and bytes.fromhex(text[2:]) for text in column.to_pylist()], pyarrow.binary())
        if field.type == pyarrow.binary()
        else column
        for field, column in zip(written, batch.columns, strict=True)
    ]
    return pyarrow.RecordBatch.from_arrays(columns, schema=written)
