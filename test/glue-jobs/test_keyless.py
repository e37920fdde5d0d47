"""The laws of tables without a key (common/keyless.py), against a table that is changed in the order of its log."""

from hypothesis import given
from hypothesis import strategies as st

from common.keyless import Known, copies, correction, fates, purge, until
from common.position import make


def p(number: int, ordinal: int = 0) -> str:
    return make(0, number, ordinal)


@st.composite
def logs(draw):
    """What happens to the copies of one row: +1 and -1 at rising positions; none leaves where there is none."""
    log, count = [], 0
    for number in range(1, draw(st.integers(0, 12)) + 1):
        change = draw(st.sampled_from([1, -1])) if count else 1
        log.append((p(number), change))
        count += change
    return log


def known(log) -> Known:
    return Known(frozenset(at for at, way in log if way > 0), frozenset(at for at, way in log if way < 0))


@given(st.data())
def test_any_delivery_ends_in_as_many_copies_as_the_table_has(data):
    log = data.draw(logs())
    more = data.draw(st.lists(st.sampled_from(log), max_size=6)) if log else []
    state = Known()
    for each in data.draw(st.permutations(log + more)):
        state = state | known([each])
        assert 0 <= copies(state) <= len(state.arrived)
    assert state == known(log)
    assert copies(state) == sum(way for _, way in log)


@given(logs(), st.sets(st.integers(1, 12)), st.integers(0, 12))
def test_what_is_lost_costs_its_own_copy_and_no_other(log, lost, floor):
    """One change more or less makes a difference of one copy at most."""
    kept = [each for each in log if each[0] not in {p(number) for number in lost}]
    for each in log:
        without = [other for other in kept if other != each]
        assert abs(copies(known(kept), p(floor)) - copies(known(without), p(floor))) <= 1


@given(logs(), st.integers(0, 13))
def test_a_truncate_takes_what_was_before_it_and_nothing_else(log, floor):
    after = [each for each in log if each[0] > p(floor)]
    assert copies(known(log), p(floor)) == copies(known(after))
    died = fates(known(log), p(floor))
    assert all(died[at] == p(floor) for at, way in log if way > 0 and at <= p(floor))


@given(logs(), st.sets(st.integers(1, 12)), st.integers(0, 5), st.integers(0, 12), st.booleans())
def test_a_snapshot_mends_what_was_lost_and_nothing_newer_than_it(log, lost, count, at, complete):
    state = known([each for each in log if each[0] not in {p(number) for number in lost}])
    places = [p(at, ordinal) for ordinal in range(1, 20)]
    told = correction(state, count, places, complete)
    if complete and told.arrived:
        # A snapshot of the same place that has more of the rows.
        more = correction(state | told, count + 2, places)
        assert copies(state | told | more) == count + 2
    if until(state, places[-1]) != state:
        assert told == Known()
    elif complete:
        assert copies(state | told) == count
    else:
        assert told.left == frozenset() and copies(state | told) == max(count, copies(state))
    assert correction(state | told, count, places, complete) == Known()


@given(st.data())
def test_purging_the_dead_changes_nothing_that_comes_after(data):
    log = data.draw(logs())
    through = data.draw(st.integers(0, 13))
    cut = data.draw(st.integers(0, len(log)))
    # Whatever comes after a purge and is not newer goes to quarantine.
    first = log[:cut] + [each for each in log[cut:] if each[0] <= p(through)]
    late = [each for each in log if each not in first]
    state = purge(known(first), p(through))
    assert copies(state) == copies(known(first))
    alive = {at for at, died in fates(known(log)).items() if died is None}
    assert {at for at, died in fates(state | known(late)).items() if died is None} == alive


def test_of_equal_copies_the_oldest_goes_first_and_a_late_arrival_takes_its_place():
    assert fates(known([(p(1), 1), (p(2), 1), (p(3), -1)])) == {p(1): p(3), p(2): None}
    assert fates(known([(p(2), 1), (p(3), -1)])) == {p(2): p(3)}
    assert fates(known([(p(2), -1), (p(3), 1)])) == {p(3): None}
