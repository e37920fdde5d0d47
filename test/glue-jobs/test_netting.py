"""Rows that share a key inside a transaction: the state ends as the source, however the log is delivered."""

from hypothesis import given, settings
from hypothesis import strategies as st
from change_logs import visible
from shared_keys import COLUMNS, Table, run, tables

from common.algebra import Change, State, apply
from common.netting import moving, restatements


def merged(batches: list[list[Change]]) -> State:
    """The state after each batch was merged with what it has to tell besides."""
    state, history, open_ = State(COLUMNS), [], set()
    for batch in batches:
        more = restatements(batch, history, state, open_)
        state, _ = apply(state, [*batch, *more])
        history += batch
        open_ |= moving(batch)
    return state


def committed(*transactions: list[tuple]) -> Table:
    table = Table()
    for statements in transactions:
        assert run(table, statements, spread=True)
    return table


FILLED = [("insert", 1, 1), ("insert", 2, 2), ("insert", 3, 3)]


@settings(max_examples=500)
@given(tables(), st.data())
def test_a_log_in_any_order_and_repeated_ends_as_its_source(table, data):
    log = [change for changes in table.log for change in changes]
    again = data.draw(st.lists(st.sampled_from(log), max_size=5) if log else st.just([]))
    assert visible(merged([data.draw(st.permutations(log + again))])) == table.visible()


@settings(max_examples=500)
@given(tables(), st.data())
def test_a_log_cut_between_transactions_ends_as_its_source(table, data):
    batches, seen = [], []
    for changes in table.log:
        again = data.draw(st.lists(st.sampled_from(seen), max_size=5) if seen else st.just([]))
        batches.append(data.draw(st.permutations(changes + again)))
        seen += changes
    assert visible(merged(batches)) == table.visible()


@st.composite
def cuts(draw, table: Table) -> list[list[Change]]:
    """The log in the order of its transactions, cut anywhere inside those with a move; of those some changes again."""
    batches, batch, seen = [], [], []
    for changes in table.log:
        parts = [draw(st.permutations(changes))]
        if moving(changes):
            at = sorted(draw(st.lists(st.integers(0, len(changes)), max_size=3)))
            parts = [parts[0][i:j] for i, j in zip([0, *at], [*at, len(changes)], strict=True)]
        for number, part in enumerate(parts):
            if number or draw(st.booleans()):
                batches.append(batch)
                batch = draw(st.lists(st.sampled_from(seen), max_size=3)) if seen else []
            batch += part
            seen += part
    return [draw(st.permutations(each)) for each in [*batches, batch]]


@settings(max_examples=1000)
@given(st.data())
def test_cut(data):
    table = data.draw(tables())
    batches = data.draw(cuts(table))
    assert visible(merged(batches)) == table.visible()
