"""Whether a database's log went back, told from the places and times of what was committed."""

from datetime import UTC, datetime, timedelta

import pytest
from lakes import ENVIRONMENT, START, append, contract_of

from common.log_order import News, judge
from common.merging import merge
from common.position import make

CONTRACT = contract_of("bills", [("id", "bigint", "key"), ("note", "varchar(9)", "")])


def at(minutes: float) -> int:
    return round(
        (START + timedelta(minutes=minutes) - datetime.fromtimestamp(0, UTC)) / timedelta(microseconds=1)
    )


def text(minutes: float) -> str:
    return (START + timedelta(minutes=minutes)).isoformat(timespec="microseconds")


def below(first: float, last: float, above: bool = False) -> News:
    return News(above, at(first), at(last))


@pytest.mark.parametrize(
    ("batches", "proven", "since"),
    [
        ([News()], [False], ""),
        ([News(above=True)], [False], ""),
        ([below(5, 5)], [False], text(5)),
        ([below(5, 5), News(above=True)], [False, False], ""),
        ([below(5, 5), News(), below(14, 14)], [False, False, False], text(5)),
        ([below(5, 5), below(15, 15)], [False, True], text(5)),
        ([below(5, 20)], [True], text(5)),
        ([below(5, 20, above=True)], [False], ""),
        ([below(5, 5), below(6, 6), below(15, 16), below(17, 17)], [False, False, True, True], text(5)),
        ([below(5, 5), News(above=True), below(30, 30)], [False, False, False], text(30)),
    ],
    ids=[
        "nothing of a stream",
        "on it goes",
        "one long transaction",
        "one long transaction, and then on",
        "two, less than ten minutes apart",
        "two, ten minutes apart",
        "the same in one batch",
        "long transactions, and others beside them",
        "for as long as it is so",
        "two long ones, with others between",
    ],
)
def test_the_rule(batches, proven, since):
    behind, found = "", []
    for batch in batches:
        behind, back = judge(behind, batch)
        found.append(back)
    assert (found, behind) == (proven, since)


def told(log: int, minutes: float, origin="bills/kinesis/shard-0/1", epoch=1) -> dict:
    return {
        "id": 1,
        "_op": "upsert",
        "_position": make(epoch, log),
        "_committed_at": START + timedelta(minutes=minutes),
        "_ingested_at": START,
        "_origin": origin,
    }


def test_merges_notice_it_and_go_on(make_lake):
    """Changes of a database's stream count that were committed after all that was merged, and stand below it."""
    lake = make_lake(CONTRACT)

    def merged(*rows) -> bool:
        append(lake, list(rows))
        return merge(lake.spark, CONTRACT, ENVIRONMENT)["log_went_back"]

    assert not merged(told(100, 0), told(200, 10))
    assert not merged(told(150, 15)), "a long transaction"
    assert not merged(told(210, 26)), "and on it goes"
    assert not merged(told(120, 5), told(130, 14)), "delivered late, or again"
    others = ["kafka/shop.bills/0/7", "bills/request/r-1/0", "e1/part-0.parquet#0", "extract/run-1/0#1"]
    assert not merged(*[told(110, 60 + 10 * n, origin) for n, origin in enumerate(others)])
    assert not merged(told(0, 105)), "a table that DMS loads"
    assert not merged(told(140, 106)), "one transaction below"
    assert merged(told(50, 120)), "and another"
    assert merged(told(60, 121))
    assert not merged(told(5, 122, epoch=2), told(70, 123)), "a new epoch"
    assert not merged(told(90, 140)), "the old one's rest"
    assert merged(told(91, 160)), "or one that was lowered"
    assert len(lake.rows(lake.bronze)) == 18
