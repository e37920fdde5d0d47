"""Random logs of changes, and an independent account of what they must end in."""

import random

from hypothesis import strategies as st

from common.algebra import Change, State
from common.position import make

COLUMNS = ("a", "b", "c")
KEYS = st.integers(1, 4).map(lambda number: (number,))
VALUES = {
    "a": st.none() | st.integers(-2, 2),
    "b": st.none() | st.sampled_from(["", "x", "y", "ü"]),
    "c": st.none() | st.booleans(),
}


@st.composite
def changes(draw, truncates: bool = True, positions: int = 12):
    """One change; few keys and positions, so that changes meet and tie."""
    kinds = ["upsert"] * 6 + ["delete"] * 2 + (["truncate"] if truncates else [])
    kind, position = draw(st.sampled_from(kinds)), make(0, draw(st.integers(1, positions)))
    if kind == "truncate":
        return Change("truncate", position)
    key = draw(KEYS)
    if kind == "delete":
        return Change("delete", position, key)
    carried = draw(st.sets(st.sampled_from(COLUMNS)) | st.just(set(COLUMNS)))
    values = {name: draw(VALUES[name]) for name in COLUMNS if name in carried}
    previous = draw(st.none() | KEYS) if kind == "upsert" else None
    return Change("upsert", position, key, values, None if previous == key else previous)


def logs(size: int = 20, **options):
    return st.lists(changes(**options), max_size=size)


def replayed(log: list[Change]) -> dict:
    """Visible rows after the log is replayed in order on an ordinary table: key → (known values, is
    complete).

    Written without stamps. At one position upserts come first, as deletes and truncates win; upserts of one
    position write the greater value, null being the least.
    """
    table: dict = {}
    written: dict = {}
    ranks = {"upsert": 0, "delete": 1, "truncate": 2}
    plain = []
    for change in log:
        if change.previous_key is not None:
            plain.append(Change("delete", change.position, change.previous_key))
        position = change.position if change.previous_key is None else make(*bump(change.position))
        plain.append(Change(change.op, position, change.key, change.values))
    for change in sorted(plain, key=lambda each: (each.position, ranks[each.op])):
        if change.op == "truncate":
            table.clear()
        elif change.op == "delete":
            table.pop(change.key, None)
        else:
            row = table.setdefault(change.key, {})
            for name, value in change.values.items():
                tie = written.get((change.key, name)) == change.position and name in row
                row[name] = _greater(row[name], value) if tie else value
                written[change.key, name] = change.position
    return {key: (row, set(row) == set(COLUMNS)) for key, row in table.items()}


def bump(position: str) -> tuple[int, int, int]:
    epoch, log, ordinal = (int(part) for part in position.split("."))
    return epoch, log, ordinal + 1


def _greater(one, other):
    return other if one is None else one if other is None else max(one, other)


def visible(state: State) -> dict:
    """The same account of a state of the algebra."""
    found = {}
    for key, row in state.rows.items():
        if not row.deleted:
            told = {
                name: value for name, (stamp, value) in row.cells.items() if stamp and not stamp.endswith("-")
            }
            found[key] = (told, not row.incomplete)
    return found


def shuffled(generator: random.Random, log: list[Change]) -> list[Change]:
    """The log in another order, with a fifth of it delivered twice."""
    delivered = log + generator.sample(log, len(log) // 5)
    generator.shuffle(delivered)
    return delivered
