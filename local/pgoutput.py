"""Reads the messages of PostgreSQL's logical replication protocol (plug-in pgoutput, version 1).

https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
"""

import struct
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
U16, U32, BEGIN, COMMIT = (struct.Struct(f">{code}") for code in ("H", "I", "QQI", "BQQQ"))
COLUMN = struct.Struct(">Ii")


class Begin(NamedTuple):
    commit_lsn: int
    committed_at: datetime
    transaction: int


class Commit(NamedTuple):
    end_lsn: int
    """Where the transaction ends: what is acknowledged once all of it is away."""


class Column(NamedTuple):
    name: str
    type: int
    """OID of its type."""
    modifier: int


class Relation(NamedTuple):
    id: int
    schema: str
    table: str
    columns: tuple[Column, ...]


Row = list[str | None | bool]
"""One value a column: text, None for NULL, False for a TOASTed value that the change did not touch."""


class Change(NamedTuple):
    operation: str
    """insert, update or delete."""
    relation: int
    old: Row | None
    """The row, or its key alone, before the change, as the table's replica identity gives it."""
    new: Row | None


class Truncate(NamedTuple):
    relations: tuple[int, ...]


def read(message: bytes) -> Begin | Commit | Relation | Change | Truncate | None:
    """The message; None for those that carry no change (types, origins)."""
    kind = message[:1]
    if kind == b"I":
        return Change("insert", U32.unpack_from(message, 1)[0], None, _row(message, 6)[0])
    if kind == b"U":
        old, at = None, 5
        if message[5:6] in b"KO":
            old, at = _row(message, 6)
        return Change("update", U32.unpack_from(message, 1)[0], old, _row(message, at + 1)[0])
    if kind == b"D":
        return Change("delete", U32.unpack_from(message, 1)[0], _row(message, 6)[0], None)
    if kind == b"B":
        lsn, micros, transaction = BEGIN.unpack_from(message, 1)
        return Begin(lsn, EPOCH + timedelta(microseconds=micros), transaction)
    if kind == b"C":
        return Commit(COMMIT.unpack_from(message, 1)[2])
    if kind == b"T":
        count = U32.unpack_from(message, 1)[0]
        return Truncate(tuple(U32.unpack_from(message, 6 + 4 * at)[0] for at in range(count)))
    return _relation(message) if kind == b"R" else None


def _row(message: bytes, at: int) -> tuple[Row, int]:
    values: Row = []
    count, at = U16.unpack_from(message, at)[0], at + 2
    for _ in range(count):
        kind, at = message[at], at + 1
        if kind == 0x74:  # t: text
            size, at = U32.unpack_from(message, at)[0], at + 4
            values.append(message[at : at + size].decode())
            at += size
        else:
            values.append(None if kind == 0x6E else False)  # n: null, else u: unchanged
    return values, at


def _relation(message: bytes) -> Relation:
    schema, at = _text(message, 5)
    table, at = _text(message, at)
    columns, count, at = [], U16.unpack_from(message, at + 1)[0], at + 3
    for _ in range(count):
        name, at = _text(message, at + 1)
        columns.append(Column(name, *COLUMN.unpack_from(message, at)))
        at += COLUMN.size
    return Relation(U32.unpack_from(message, 1)[0], schema, table, tuple(columns))


def _text(message: bytes, at: int) -> tuple[str, int]:
    end = message.index(b"\0", at)
    return message[at:end].decode(), end + 1
