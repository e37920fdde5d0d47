"""A PostgreSQL database as the source of a replication: its slot, its publication, its catalogue and its rows.

DMS makes a slot of the plug-in pglogical or test_decoding; this one makes a slot of pgoutput, which every PostgreSQL
has, and the publication that belongs to it: its user must own the tables.
"""

import time
from collections.abc import Callable, Iterator

import psycopg2
import psycopg2.extras
from dms_mappings import Mappings
from pgoutput import Column, Relation, Row
from psycopg2 import sql

ROWS_AT_ONCE = 2000
BUSY_FOR = 60.0
"""Seconds for which the slot of a process that was killed may still be taken."""
SESSION = (
    "-c timezone=UTC -c datestyle=ISO -c intervalstyle=postgres -c extra_float_digits=1 -c bytea_output=hex"
)
"""The texts of values do not depend on the server's settings."""

TABLES = """
select c.oid, n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence = 'p'
  and n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema' order by 2, 3"""
COLUMNS = """
select attname, atttypid::bigint, atttypmod from pg_attribute
where attrelid = %s and attnum > 0 and not attisdropped and attgenerated = '' order by attnum"""
KEYS = """
select a.attname from pg_index i
cross join unnest(i.indkey) with ordinality k(attnum, at)
join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
where i.indrelid = to_regclass(%s) and i.indisprimary order by k.at"""
DROP_SLOT = "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = %s"
ACKNOWLEDGED = "select 1 from pg_replication_slots where slot_name = %s and confirmed_flush_lsn >= %s"
DOMAINS = "select oid::bigint, typbasetype::bigint, typtypmod from pg_type where typtype = 'd'"


class Source:
    """The database at `dsn`, with the slot and publication of one replication (`task`)."""

    def __init__(self, dsn: str, task: str, slot: str | None, mappings: Mappings):
        self.dsn, self.mappings, self.own = dsn, mappings, slot is None
        self.publication = name_of(task)
        self.slot = slot or self.publication
        self.connection = psycopg2.connect(dsn, options=SESSION)
        self.connection.autocommit = True
        self.replication = psycopg2.connect(
            dsn, options=SESSION, connection_factory=psycopg2.extras.LogicalReplicationConnection
        )
        self.domains: dict[int, tuple[int, int]] = {}

    def close(self) -> None:
        self.replication.close()
        self.connection.close()

    def relations(self) -> list[Relation]:
        """The tables that the replication takes, in the order of their names."""
        return [
            Relation(oid, schema, table, tuple(Column(*column) for column in self._ask(COLUMNS, oid)))
            for oid, schema, table in self._ask(TABLES)
            if self.mappings.takes(schema, table)
        ]

    def begin(self, keep: bool) -> str | None:
        """Makes publication and slot anew; `keep` leaves a slot that is there. Returns the snapshot of the slot's
        beginning, or None when the slot was there before."""
        self._publish()
        there = self._ask("select 1 from pg_replication_slots where slot_name = %s", self.slot)
        if not self.own or there and keep:
            return None
        self._wait_for_slot()
        self._ask(DROP_SLOT, self.slot)
        cursor = self.replication.cursor()
        cursor.execute(f'CREATE_REPLICATION_SLOT "{self.slot}" LOGICAL pgoutput EXPORT_SNAPSHOT')
        return cursor.fetchone()[2]

    def _publish(self) -> None:
        names = [(relation.schema, relation.table) for relation in self.relations()]
        if not names:
            raise LookupError("no table of the source is taken by the selection rules of TableMappings")
        name, tables = (
            sql.Identifier(self.publication),
            sql.SQL(", ").join(sql.Identifier(*each) for each in names),
        )
        known = self._ask("select 1 from pg_publication where pubname = %s", self.publication)
        change = "alter publication {} set table {}" if known else "create publication {} for table {}"
        with self.connection.cursor() as cursor:
            cursor.execute(sql.SQL(change).format(name, tables))

    def rows(self, relation: Relation, snapshot: str | None) -> Iterator[Row]:
        """The rows of a table in a snapshot, as texts; no more than ROWS_AT_ONCE of them in memory."""
        columns = sql.SQL(", ").join(
            sql.SQL("{}::text").format(sql.Identifier(c.name)) for c in relation.columns
        )
        query = sql.SQL("select {} from {}").format(columns, sql.Identifier(relation.schema, relation.table))
        with psycopg2.connect(self.dsn, options=SESSION) as connection:
            connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
            with connection.cursor() as cursor:
                if snapshot:
                    cursor.execute("set transaction snapshot %s", (snapshot,))
            with connection.cursor("rows") as cursor:
                cursor.itersize = ROWS_AT_ONCE
                cursor.execute(query)
                yield from cursor
        connection.close()

    def follow(self):
        """The log from where it was acknowledged to last, as psycopg2's replication cursor."""
        self._publish()
        self._wait_for_slot()
        cursor = self.replication.cursor()
        options = {"proto_version": "1", "publication_names": self.publication}
        cursor.start_replication(slot_name=self.slot, decode=False, options=options)
        return cursor

    def keys(self, schema: str, table: str) -> list[str]:
        """The columns of a table's primary key."""
        return [name for (name,) in self._ask(KEYS, sql.Identifier(schema, table).as_string(self.connection))]

    def base_types(self, columns: tuple[Column, ...]) -> tuple[Column, ...]:
        """The columns, each of a domain with the type below it."""
        if any(column.type >= 16384 for column in columns):
            self.domains = {oid: (base, modifier) for oid, base, modifier in self._ask(DOMAINS)}
        return tuple(self._base(column) for column in columns)

    def _base(self, column: Column) -> Column:
        while column.type in self.domains:
            base, modifier = self.domains[column.type]
            column = Column(column.name, base, modifier if column.modifier < 0 else column.modifier)
        return column

    def _wait_for_slot(self) -> None:
        end = time.monotonic() + BUSY_FOR
        while self._ask("select 1 from pg_replication_slots where slot_name = %s and active", self.slot):
            if time.monotonic() > end:
                raise psycopg2.OperationalError(f"replication slot {self.slot} is in use by another process")
            time.sleep(0.1)

    def _ask(self, query: str, *values) -> list[tuple]:
        with self.connection.cursor() as cursor:
            cursor.execute(query, values or None)
            return cursor.fetchall()


def drop(dsn: str, task: str) -> None:
    """Removes the slot and the publication that a replication made."""
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    name = name_of(task)
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("drop publication if exists {}").format(sql.Identifier(name)))
        cursor.execute(DROP_SLOT, (name,))
    connection.close()


def name_of(task: str) -> str:
    """The name of the slot and of the publication that a replication makes."""
    return f"moraine_{task.lower()}"


def wait(dsn: str, slot: str, on: Callable[[], bool]) -> bool:
    """Waits while `on()` until a slot is acknowledged up to where the log ends now; whether it came to that."""
    connection = psycopg2.connect(dsn)
    try:
        cursor = connection.cursor()
        cursor.execute("select pg_current_wal_lsn()")
        wanted = cursor.fetchone()[0]
        while on():
            cursor.execute(ACKNOWLEDGED, (slot, wanted))
            if cursor.fetchone():
                return True
            time.sleep(0.05)
        return False
    finally:
        connection.close()
