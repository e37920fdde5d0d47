"""What a replication puts into Kinesis is taken whole and in order, and told to be taken when it is, not before."""

import threading

import dms_sink
import pytest
from dms_sink import AT_ONCE, Sink

RECORDS = [("key", str(number).encode()) for number in range(3 * AT_ONCE + 7)]


class Kinesis:
    """Takes records; `refuse(request, record)` says which it does not, by their numbers."""

    def __init__(self, refuse=lambda request, record: False):
        self.refuse, self.requests, self.taken = refuse, 0, []

    def put(self, records):
        self.requests += 1
        answers = []
        for at, record in enumerate(records):
            refused = self.refuse(self.requests, at)
            answers.append(
                {"ErrorCode": "Busy", "ErrorMessage": "busy"} if refused else {"SequenceNumber": "1"}
            )
            if not refused:
                self.taken.append(record["Data"])
        return {"Records": answers}


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(dms_sink, "PAUSE", 0.001)


def add(sink, records=RECORDS):
    for record in records:
        sink.add(record)


def test_everything_is_taken_in_order():
    kinesis = Kinesis()
    sink = Sink(kinesis.put)
    add(sink)
    assert sink.flush() and sink.flush()
    assert kinesis.taken == [data for _, data in RECORDS] and kinesis.requests == 4


def test_what_is_refused_is_put_again_before_what_follows():
    kinesis = Kinesis(lambda request, record: request in (1, 3) and (request == 3 or record % 2 == 0))
    sink = Sink(kinesis.put)
    add(sink)
    assert sink.flush()
    even, odd = ([str(at).encode() for at in range(start, AT_ONCE, 2)] for start in (0, 1))
    assert kinesis.taken == [*odd, *even, *(data for _, data in RECORDS[AT_ONCE:])]


def test_one_request_is_under_way_while_the_next_comes_together():
    kinesis, free = Kinesis(), threading.Event()

    def put(records):
        assert free.wait(30)
        return kinesis.put(records)

    sink = Sink(put)
    add(sink, RECORDS[: 2 * AT_ONCE])
    assert len(sink.waiting) == AT_ONCE and not kinesis.taken
    free.set()
    assert sink.flush() and len(kinesis.taken) == 2 * AT_ONCE


def test_what_was_given_up_is_never_told_to_be_taken():
    kinesis = Kinesis(lambda request, record: request == 1)
    sink = Sink(kinesis.put, over=lambda: True)
    add(sink)
    assert [sink.flush(), sink.flush()] == [False, False]
    assert not kinesis.taken, "what follows a loss must not come before it is mended"


def test_an_error_that_nobody_thought_of_is_raised_and_nothing_is_told_to_be_taken():
    def put(records):
        raise KeyError("Records")

    sink = Sink(put)
    with pytest.raises(KeyError):
        add(sink)
    with pytest.raises(KeyError):
        sink.flush()
