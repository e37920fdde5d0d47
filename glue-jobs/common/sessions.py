"""Sessions: what each visitor did without a long pause, computed from events. lambdas/shared/sessions-source.ts
declares them.
"""

from datetime import timedelta
from functools import reduce
from operator import and_
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as f

from common.contract import Contract, ContractError

START, END = "started_at", "ended_at"
VISITOR, TIME, ORDER, EVENT, SINCE = "_visitor", "_time", "_order", "_event", "_since"


class Taken(BaseModel):
    """A column of a session: what is taken of which of its events."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    take: Literal["first", "last", "min", "max", "count", "any"]
    of: str | None = None
    where: dict[str, tuple[str, ...]] = {}


class Sessions(BaseModel):
    """A declaration, as sources/ has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: Literal["sessions"]
    name: str
    dataset: str
    events: str
    visitor: tuple[str, ...]
    time: str
    idle_minutes: float = Field(default=30, alias="idleMinutes")
    columns: dict[str, Taken]

    @property
    def idle(self) -> timedelta:
        """The longest pause within a session."""
        return timedelta(minutes=self.idle_minutes)

    @property
    def read(self) -> list[str]:
        """The events' columns that the session's columns are taken of, as they are declared."""
        named = [name for each in self.columns.values() for name in (each.of, *each.where) if name]
        return list(dict.fromkeys(named))


def column_name(contract: Contract, declared: str) -> str:
    """What a column that is declared by its present name or a former one is called. Raises ContractError when the
    contract has none of that name.
    """
    for column in contract.columns:
        if declared in column.names:
            return column.name
    names = ", ".join(column.name for column in contract.columns)
    raise ContractError(
        f"contracts/{contract.dataset}.odcs.yaml has no column {declared!r}, which sources/ names; it has {names}"
    )


def visitor_of(contract: Contract, declared: Sessions) -> SparkColumn:
    """A row's visitor, whatever its columns are called."""
    named = enumerate(column_name(contract, name) for name in declared.visitor)
    return f.struct(*[f.col(name).alias(f"v{at}") for at, name in named])


def prepare(events: DataFrame, contract: Contract, declared: Sessions) -> DataFrame:
    """The events that are, and that have a visitor: `_visitor`, `_time`, `_order` (a total order), `_event` (what the
    session's columns read, and the key's columns).
    """
    named = [column_name(contract, name) for name in (*declared.visitor, declared.time)]
    known = reduce(and_, [f.col(name).isNotNull() for name in named])
    time = f.col(named[-1])
    read = [f.col(column_name(contract, name)).alias(name) for name in declared.read]
    return events.where(~f.col("_is_deleted") & ~f.col("_incomplete") & known).select(
        visitor_of(contract, declared).alias(VISITOR),
        time.alias(TIME),
        f.struct(time.alias("_at"), *contract.key).alias(ORDER),
        f.struct(*read, f.lit(None).cast("int").alias("_")).alias(EVENT),
    )


def sessionize(events: DataFrame, declared: Sessions, into: Contract) -> DataFrame:
    """The sessions of prepared events, in the columns of their contract.

    Events of a visitor are one session as long as no two that follow each other are further apart than the idle time.
    """
    by_time = Window.partitionBy(VISITOR).orderBy(ORDER)
    pause = f.unix_micros(TIME) - f.lag(f.unix_micros(TIME)).over(by_time)
    begins = f.coalesce(pause > micros(declared.idle), f.lit(True))
    so_far = by_time.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    numbered = events.withColumn("_begins", begins.cast("int")).withColumn(
        "_number", f.sum("_begins").over(so_far)
    )
    cells = {column_name(into, name): _cell(taken) for name, taken in declared.columns.items()}
    cells |= {column_name(into, START): f.min(TIME), column_name(into, END): f.max(TIME)}
    found = numbered.groupBy(VISITOR, "_number").agg(*[cell.alias(name) for name, cell in cells.items()])
    visitor = {column_name(into, name): f.col(VISITOR)[f"v{at}"] for at, name in enumerate(declared.visitor)}
    return found.select(
        *[
            visitor.get(column.name, f.col(column.name)).cast(column.spark_type).alias(column.name)
            for column in into.columns
        ]
    )


def micros(span: timedelta) -> int:
    """Whole microseconds."""
    return span // timedelta(microseconds=1)


def _cell(taken: Taken) -> SparkColumn:
    fits = reduce(
        and_,
        [f.col(EVENT)[name].isin(list(values)) for name, values in taken.where.items()],
        f.lit(True),
    )
    if taken.take == "count":
        return f.count_if(fits)
    if taken.take == "any":
        return f.coalesce(f.bool_or(fits), f.lit(False))
    value = f.col(EVENT)[taken.of]
    if taken.take in ("min", "max"):
        return getattr(f, taken.take)(f.when(fits, value))
    placed = f.when(fits & value.isNotNull(), f.struct(f.col(ORDER), value.alias("value")))
    return (f.min(placed) if taken.take == "first" else f.max(placed))["value"]


def windows_of_change(moments: DataFrame, stored: DataFrame, declared: Sessions) -> DataFrame:
    """From when on a visitor's sessions may be others (`_visitor`, `_since`), by when the visitor's events have changed
    (`_visitor`, `_time`) and the sessions that there were (`_visitor`, `started_at`, `ended_at`).

    Sessions that ended longer than the idle time before the first change can't be touched by it.
    """
    first = moments.groupBy(VISITOR).agg(f.min(TIME).alias("_first"))
    near = f.unix_micros(f.col(END)) >= f.unix_micros("_first") - micros(declared.idle)
    touched = first.join(stored, VISITOR).where(near).groupBy(VISITOR).agg(f.min(START).alias("_start"))
    return first.join(touched, VISITOR, "left").select(VISITOR, f.least("_first", "_start").alias(SINCE))


def windows_of_all(events: DataFrame, stored: DataFrame) -> DataFrame:
    """The same for every visitor of an event or of a session that there was: from the first of both on."""
    moments = events.select(VISITOR, TIME).union(stored.select(VISITOR, START))
    return moments.groupBy(VISITOR).agg(f.min(TIME).alias(SINCE))
