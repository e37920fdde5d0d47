"""A table whose constraint is deferred, and the log of the transactions played on it, as a stream tells it.

A statement finds its rows by their keys and moves each of them once. Rows that share a key leave it in the order in
which they came, and only then are looked at alone, for no statement that finds rows by their key could do otherwise.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from hypothesis import strategies as st

from common.algebra import Change, State, apply, halves
from common.netting import by_key, contested, moving, restatements
from common.position import make, parse

COLUMNS = ("name", "code", "note", "a")
KEYS = range(1, 5)


@dataclass
class Table:
    """Rows by key, of each key the oldest first, and the log."""

    rows: dict[int, list[dict]] = field(default_factory=dict)
    log: list[list[Change]] = field(default_factory=list)
    """By transaction."""
    inserted: int = 0
    place: int = 0

    def visible(self) -> dict:
        return {(key,): (row, True) for key, (row,) in self.rows.items()}


@dataclass
class Transaction:
    """A transaction on a copy of the table; `commit` refuses it when two rows hold a key."""

    table: Table
    spread: bool
    """Each change has a place of its own in the log, and not the transaction one for all."""

    def __post_init__(self):
        self.rows = {key: [dict(row) for row in rows] for key, rows in self.table.rows.items()}
        self.changes: list[Change] = []
        self.inserted, self.place = self.table.inserted, self.table.place + 1

    def insert(self, key: int, a: int) -> None:
        self.inserted += 1
        row = {"name": f"n{self.inserted}", "code": self.inserted, "note": f"long {self.inserted}", "a": a}
        self.rows.setdefault(key, []).append(row)
        self._tell("upsert", key, dict(row), odd=True)

    def update(self, key: int, a: int) -> None:
        for row in self.rows.get(key, []):
            row["a"] = a
            # A long value that an update leaves as it is, the log of a database does not have.
            self._tell("upsert", key, {name: row[name] for name in COLUMNS if name != "note"})

    def move(self, keys: list[tuple[int, int]], a: int | None) -> None:
        """One statement: of each key (from, to) its oldest row, in this order."""
        seen = [(old, new, self.rows[old][0]) for old, new in keys if self.rows.get(old) and old != new]
        for old, new, row in seen:
            at = next(i for i, other in enumerate(self.rows[old]) if other is row)
            self.rows.setdefault(new, []).append(self.rows[old].pop(at))
            if a is not None:
                row["a"] = a
            self._tell("upsert", new, dict(row), previous=(old,))

    def delete(self, key: int) -> None:
        if self.rows.get(key):
            self.rows[key].pop(0)
            self._tell("delete", key, {})

    def commit(self) -> bool:
        if any(len(rows) > 1 for rows in self.rows.values()):
            return False
        if not moving(self.changes) and any(contested(events) for events in by_key(self.changes).values()):
            return False  # not told apart from rows that were inserted and deleted: decision record 23
        self.table.rows = {key: rows for key, rows in self.rows.items() if rows}
        self.table.log.append(self.changes)
        self.table.inserted, self.table.place = self.inserted, self.place
        return True

    def _tell(
        self, op: str, key: int, values: dict, previous: tuple | None = None, odd: bool = False
    ) -> None:
        self.place += self.spread
        position = make(1, self.place, 2 * (len(self.changes) + 1) + odd)
        name = str(len(self.table.log) + 1)
        self.changes.append(Change(op, position, (key,), values, previous, name))


def run(table: Table, statements: list[tuple], spread: bool) -> bool:
    """Plays one transaction; whether it was committed."""
    transaction = Transaction(table, spread)
    for name, *arguments in statements:
        getattr(transaction, name)(*arguments)
    return transaction.commit()


KEY, VALUE = st.sampled_from(KEYS), st.integers(0, 3)
PAIRS = st.lists(st.tuples(KEY, KEY), min_size=1, max_size=4, unique_by=lambda pair: pair[0])
ROTATIONS = st.permutations(KEYS).map(lambda keys: list(zip(keys, [*keys[1:], keys[0]], strict=True)))
STATEMENTS = (
    st.tuples(st.just("insert"), KEY, VALUE)
    | st.tuples(st.just("update"), KEY, VALUE)
    | st.tuples(st.just("delete"), KEY)
    | st.tuples(
        st.just("move"), PAIRS | ROTATIONS | ROTATIONS.map(lambda pairs: pairs[:2]), st.none() | VALUE
    )
)


@st.composite
def tables(draw, transactions: int = 6, statements: int = 5, fewest: int = 1, rotate: bool = False) -> Table:
    """A table after some transactions; those that could not be committed left nothing. `rotate`: a rotation after
    each."""
    table = Table()
    run(table, [("insert", key, draw(VALUE)) for key in draw(st.sets(KEY))], True)
    for _ in range(draw(st.integers(fewest, transactions))):
        run(table, draw(st.lists(STATEMENTS, min_size=1, max_size=statements)), draw(st.booleans()))
        if rotate:
            run(table, [("move", draw(ROTATIONS), draw(st.none() | VALUE))], draw(st.booleans()))
    return table


def committed(*transactions: list[tuple]) -> Table:
    table = Table()
    for statements in transactions:
        assert run(table, statements, spread=True)
    return table


def merged(batches: list[list[Change]]) -> State:
    """The state after all batches."""
    return list(states(batches))[-1]


def states(batches: list[list[Change]]) -> Iterator[State]:
    """The state after each batch was merged with what it has to tell besides."""
    state, history, open_ = State(COLUMNS), [], set()
    for batch in batches:
        more = restatements(batch, history, state, open_)
        state, _ = apply(state, [*batch, *more])
        history += batch
        open_ |= moving(batch)
        yield state


def may_be_cut(changes: list[Change]) -> bool:
    """With a move; no key on which rows arrive twice, or that is shared and updated: decision record 23 says why."""
    kinds = Counter((half.key, _kind(half)) for change in changes for half in halves(change))
    shared = {key for key, kind in kinds if kind == "arrival" and (key, "departure") in kinds}
    twice = any(count > 1 for (_, kind), count in kinds.items() if kind == "arrival")
    return bool(moving(changes)) and not twice and not any((key, "update") in kinds for key in shared)


def _kind(half: Change) -> str:
    return "departure" if half.op == "delete" else ("update", "arrival")[parse(half.position).ordinal % 2]


@st.composite
def cuts(draw, table: Table) -> list[list[Change]]:
    """The log in the order of its transactions, cut anywhere inside those that may be; some changes come again."""
    batches, batch, seen = [], [], []
    for changes in table.log:
        changes = draw(st.permutations(changes))
        at = sorted(draw(st.lists(st.integers(0, len(changes)), max_size=3))) if may_be_cut(changes) else []
        for start, end in zip([0, *at], [*at, len(changes)], strict=True):
            if start or draw(st.booleans()):
                batches.append(batch)
                batch = draw(st.lists(st.sampled_from(seen), max_size=3)) if seen else []
            batch = batch + changes[start:end]
            seen += changes[start:end]
    return [draw(st.permutations(each)) for each in [*batches, batch]]
