"""A statement of the Data API: its life, and its result as the API shows it."""

import threading
import time
from dataclasses import dataclass, field

import psycopg

ENDED = ("FINISHED", "FAILED", "ABORTED")
TYPES = {
    16: "bool", 17: "varbyte", 20: "int8", 21: "int2", 23: "int4", 25: "text", 114: "super", 700: "float4",
    701: "float8", 1042: "bpchar", 1043: "varchar", 1082: "date", 1083: "time", 1114: "timestamp",
    1184: "timestamptz", 1700: "numeric", 3802: "super",
}  # fmt: skip
INTEGERS, FLOATS, TEXTS = (20, 21, 23), (700, 701), (25, 1042, 1043)


@dataclass
class Statement:
    """One statement; a batch is one with parts. Times in seconds since 1970, durations in nanoseconds."""

    id: str
    sql: str
    text: str
    values: dict | None
    request: dict
    parts: "list[Statement]" = field(default_factory=list)
    status: str = "SUBMITTED"
    error: str | None = None
    created: float = field(default_factory=time.time)
    updated: float = field(default_factory=time.time)
    result: psycopg.pq.PGresult | None = None
    rows: int = -1
    size: int = -1
    connection: psycopg.Connection | None = None
    cancelled: bool = False
    over: threading.Event = field(default_factory=threading.Event)

    def set(self, status: str, error: str | None = None) -> None:
        self.status, self.error, self.updated = status, error, time.time()
        if status in ENDED:
            self.over.set()

    def keep(self, cursor: psycopg.Cursor) -> None:
        """Keeps what the statement gave: rows, or how many it changed."""
        self.rows = cursor.rowcount
        if cursor.description:
            found = self.result = cursor.pgresult
            cells = (found.get_value(row, at) for row in range(found.ntuples) for at in range(found.nfields))
            self.size = sum(len(cell or b"") for cell in cells)

    def describe(self) -> dict:
        return {
            "Id": self.id,
            "Status": self.status,
            "CreatedAt": round(self.created, 3),
            "UpdatedAt": round(self.updated, 3),
            "Duration": int((self.updated - self.created) * 1e9),
            "HasResultSet": any(each.result is not None for each in (self, *self.parts)),
            "ResultRows": self.rows,
            "ResultSize": self.size,
            "RedshiftQueryId": 0,
            "QueryString": self.sql,
        } | ({"Error": self.error} if self.error else {})


def column_metadata(result: psycopg.pq.PGresult, column: int) -> dict:
    name, oid = result.fname(column).decode(), result.ftype(column)
    modifier = result.fmod(column)
    precision, scale = (
        ((modifier - 4) >> 16, (modifier - 4) & 0xFFFF) if oid == 1700 and modifier > 0 else (0, 0)
    )
    return {
        "name": name,
        "label": name,
        "typeName": TYPES.get(oid, "varchar"),
        "nullable": 1,
        "isCaseSensitive": oid in TEXTS,
        "isCurrency": False,
        "isSigned": oid in (*INTEGERS, *FLOATS, 1700),
        "length": modifier - 4 if oid in TEXTS and modifier > 0 else 0,
        "precision": precision,
        "scale": scale,
        "schemaName": "",
        "tableName": "",
    }


def cell(result: psycopg.pq.PGresult, row: int, column: int) -> dict:
    value, oid = result.get_value(row, column), result.ftype(column)
    if value is None:
        return {"isNull": True}
    text = value.decode()
    if oid == 16:
        return {"booleanValue": text == "t"}
    if oid in INTEGERS:
        return {"longValue": int(text)}
    return {"doubleValue": float(text)} if oid in FLOATS else {"stringValue": text}
