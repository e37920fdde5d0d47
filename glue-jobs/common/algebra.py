"""The merge as an algebra in plain Python: the truth that Spark's merge is tested against.

States form a join semilattice: `join` is commutative, associative and idempotent, and a change is itself a
small state. So any batches of a log, delivered any number of times in any order, join to the same state.
Stamps (see position.py) decide who wins; at equal stamps the greater value wins, null being the least.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

from common.position import NEVER, emptied, following, is_empty, of_stamp, told

Key = tuple
Cell = tuple[str, Any]


@dataclass(frozen=True)
class Change:
    """What a source told: `upsert` (values may lack columns), `delete`, or `truncate` (key is None).

    An upsert with `previous_key` moved a row: see `halves`. `transaction` names the one it was part of, where the
    source tells (netting.py).
    """

    op: str
    position: str
    key: Key | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    previous_key: Key | None = None
    transaction: str = ""


@dataclass(frozen=True)
class Row:
    """The state of a key: the stamp of its existence, and a cell (stamp, value) for each column outside the
    key.
    """

    existence: str
    cells: Mapping[str, Cell]

    @property
    def deleted(self) -> bool:
        return is_empty(self.existence)

    @property
    def position(self) -> str:
        """The newest position that spoke of the key."""
        return of_stamp(self.existence)

    @property
    def incomplete(self) -> bool:
        """Alive, and some column was never told, or not since it was emptied."""
        return not self.deleted and any(is_empty(stamp) for stamp, _ in self.cells.values())

    @property
    def values(self) -> dict[str, Any]:
        return {name: value for name, (_, value) in self.cells.items()}

    @property
    def column_positions(self) -> dict[str, str]:
        """The stamps that differ from the row's own, as silver stores them."""
        return {name: stamp for name, (stamp, _) in self.cells.items() if stamp != self.existence}


@dataclass(frozen=True)
class State:
    """A table. Every row is joined with the truncate floor. `tombstone_floor` is the newest one purged."""

    columns: tuple[str, ...]
    rows: Mapping[Key, Row] = field(default_factory=dict)
    truncate_floor: str = NEVER
    tombstone_floor: str = NEVER


def halves(change: Change) -> list[Change]:
    """A change of a key as what it is: a delete of the old key, and an upsert of the new one at the next ordinal."""
    if change.previous_key is None:
        return [change]
    arrival = replace(change, position=following(change.position), previous_key=None)
    departure = Change("delete", change.position, change.previous_key, transaction=change.transaction)
    return [departure, arrival]


def of(change: Change, columns: tuple[str, ...]) -> State:
    """The change as a state of its own. Raises ValueError for an unknown operation."""
    match change.op:
        case "upsert":
            stamp = told(change.position)
            cells = {c: (stamp, change.values[c]) if c in change.values else (NEVER, None) for c in columns}
            return State(columns, {change.key: Row(stamp, cells)})
        case "delete":
            return State(columns, {change.key: _dead(change.position, columns)})
        case "truncate":
            return State(columns, {}, truncate_floor=change.position)
    raise ValueError(f"operation {change.op!r}: allowed are upsert, delete, truncate")


def join(one: State, other: State) -> State:
    """The least state that knows what both know. Its laws hold between purges (see `apply`)."""
    floor = max(one.truncate_floor, other.truncate_floor)
    rows = dict(one.rows)
    for key, row in other.rows.items():
        rows[key] = _join_rows(rows[key], row) if key in rows else row
    if floor != NEVER:
        dead = _dead(floor, one.columns)
        rows = {key: _join_rows(row, dead) for key, row in rows.items()}
    return State(one.columns, rows, floor, max(one.tombstone_floor, other.tombstone_floor))


def fold(changes: Iterable[Change], columns: tuple[str, ...]) -> State:
    """What a batch of changes says, taken together."""
    return reduce(join, (of(half, columns) for change in changes for half in halves(change)), State(columns))


def apply(state: State, changes: Iterable[Change]) -> tuple[State, list[Change]]:
    """The state after a batch, and the changes that came too late.

    A change at or below the tombstone floor whose key is absent can't be told from a ghost (its tombstone may
    have been purged): it is too late and never enters.
    """
    changes = [half for change in changes for half in halves(change)]
    late = [
        change
        for change in changes
        if change.op != "truncate"
        and change.position <= state.tombstone_floor
        and change.key not in state.rows
    ]
    return join(state, fold([change for change in changes if change not in late], state.columns)), late


def purge(state: State, through: str) -> State:
    """The state without tombstones at or below a position; the tombstone floor rises to the newest one
    purged.
    """
    purged = {key for key, row in state.rows.items() if row.deleted and row.position <= through}
    floor = max([state.tombstone_floor, *(state.rows[key].position for key in purged)])
    rows = {key: row for key, row in state.rows.items() if key not in purged}
    return State(state.columns, rows, state.truncate_floor, floor)


def _dead(position: str, columns: tuple[str, ...]) -> Row:
    stamp = emptied(position)
    return Row(stamp, {column: (stamp, None) for column in columns})


def _join_rows(one: Row, other: Row) -> Row:
    cells = {name: max(cell, other.cells[name], key=_rank) for name, cell in one.cells.items()}
    return Row(max(one.existence, other.existence), cells)


def _rank(cell: Cell) -> tuple:
    stamp, value = cell
    return (stamp, value is not None, value) if value is not None else (stamp, False)
