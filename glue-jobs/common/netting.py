"""Keys that two rows held at once, inside a transaction whose constraint was deferred: which of them stayed.

Rows that swap keys, rotate, or arrive on a key that its row leaves later: in order of events the departure of the
old row deletes the new one too. Such a key is contested: an arrival and, later in the same transaction, a departure.
Its events are played on the row that held it before; where a departure leaves a row behind, that row is told again
at the departure's next ordinal, which nothing else takes on that key. So the state stays a join of small states.

Only transactions in which a row moved are looked at. In others an arrival before a departure is nearly always a row
that was inserted and deleted; who would look for more could be misled by a departure that is still on its way.

Who came first leaves first: a statement that finds its row by the key finds the newcomer too, so only a statement
that sees rows as they were (`set id = 3 - id`) moves one of two. An arrival has an odd ordinal (an insert, or the
second half of a move: moves.py), an update in place an even one.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, NamedTuple

from common.algebra import Change, Key, Row, State, halves
from common.position import following, is_empty, parse, told

ARRIVAL, UPDATE, DEPARTURE = "arrival", "update", "departure"


class Event(NamedTuple):
    """What a change does to one key. `values` are those that it tells; of a departure none."""

    transaction: str
    position: str
    kind: str
    values: Mapping[str, Any]


class Cell(NamedTuple):
    """A value, and the position of the event that told it."""

    position: str
    value: Any


Occupant = Mapping[str, Cell]
"""A row that holds the key, by column; what was never told is absent."""


def restated(events: Iterable[Event], before: Occupant | None) -> Iterator[tuple[str, str, Occupant | None]]:
    """Of each departure its transaction, its position, and the row that stays on the key, if any.

    `events` are of one key, in any order and any number of times; `before` held the key before them (None: nobody).
    """
    here = [] if before is None else [before]
    transaction = ""
    for event in _ordered(events):
        if event.transaction != transaction:
            # When a transaction ends, one row holds the key; another one is of a departure that was never told.
            here, transaction = here[-1:], event.transaction
        cells = {name: Cell(event.position, value) for name, value in event.values.items()}
        if event.kind == DEPARTURE:
            here = here[1:]
            yield transaction, event.position, here[-1] if here else None
        elif event.kind == ARRIVAL or not here:
            here.append(cells)
        else:
            changed = _nearest(here, event.values)
            here[changed] = {**here[changed], **cells}


def contested(events: Iterable[Event]) -> set[str]:
    """The transactions that have an arrival and, later, a departure among the events of a key."""
    arrived: dict[str, str] = {}
    found = set()
    for event in _ordered(events):
        if event.kind == ARRIVAL:
            arrived.setdefault(event.transaction, event.position)
        elif event.kind == DEPARTURE and event.position > arrived.get(event.transaction, event.position):
            found.add(event.transaction)
    return found


def restatements(
    batch: Iterable[Change], history: Iterable[Change], state: State, open_: Collection[str] = ()
) -> list[Change]:
    """What a batch has to tell besides, so that rows that shared a key end as in their source.

    `history` is what was merged before, `state` what that came to. Of transactions that a merge may have had a part
    of, which are those with a move in the batch and those in `open_`, the rest is looked up in the history.
    crossings.py is the same in Spark.
    """
    batch, history = list(batch), list(history)
    sought = moving(batch) | {transaction_of(change) for change in batch} & set(open_)
    recent = by_key([*batch, *(change for change in history if transaction_of(change) in sought)])
    found = []
    for key, events in recent.items():
        if not (wanted := contested(events) & sought):
            continue
        row = before = state.rows.get(key)
        if row is not None and row.position >= min(event.position for event in events):
            # The state has a part of the transaction already, and no longer says who held the key before it.
            events, before = by_key([*history, *batch])[key], None
        floor = max([state.truncate_floor, *(c.position for c in batch if c.op == "truncate")])
        events = [event for event in events if event.position > floor]
        for transaction, departure, cells in restated(events, _occupant(before, floor)):
            position = following(departure)
            if transaction not in wanted:
                continue
            if cells is not None:
                values = {name: cell.value for name, cell in cells.items()}
                found.append(Change("upsert", position, key, values, transaction=transaction))
            elif row is not None and row.existence == told(position):
                # A part of the transaction looked as if somebody stayed.
                found.append(Change("delete", position, key, transaction=transaction))
    return found


def moving(changes: Iterable[Change]) -> set[str]:
    """The transactions in which a row changed its key."""
    return {transaction_of(change) for change in changes if change.previous_key is not None}


def transaction_of(change: Change) -> str:
    """The change's transaction; where it tells none, all at its place in the log are one."""
    return change.transaction or str(parse(change.position)[:2])


def by_key(changes: Iterable[Change]) -> dict[Key, list[Event]]:
    """The events of each key, moves split."""
    found = defaultdict(list)
    for change in changes:
        for half in halves(change):
            if half.op != "truncate":
                found[half.key].append(_event(half))
    return found


def _event(half: Change) -> Event:
    if half.op == "delete":
        return Event(transaction_of(half), half.position, DEPARTURE, {})
    kind = ARRIVAL if parse(half.position).ordinal % 2 else UPDATE
    return Event(transaction_of(half), half.position, kind, half.values)


def _occupant(row: Row | None, floor: str) -> Occupant | None:
    if row is None or row.deleted or row.position <= floor:
        return None
    return {name: Cell(*cell) for name, cell in row.cells.items() if not is_empty(cell[0])}


def _ordered(events: Iterable[Event]) -> Iterator[Event]:
    """The events in order, each once; at one position a departure is the last."""
    place = lambda event: (event.position, event.kind == DEPARTURE)  # noqa: E731
    for _, same in groupby(sorted(events, key=place), key=place):
        yield max(same, key=lambda event: repr(sorted(event.values.items())))


def _nearest(here: list[Occupant], values: Mapping[str, Any]) -> int:
    """Which row an update in place speaks of: that with the most values in common, of equals the newest."""

    def common(at: int) -> int:
        return sum(name in here[at] and here[at][name].value == value for name, value in values.items())

    return max(range(len(here)), key=lambda at: (common(at), at))
