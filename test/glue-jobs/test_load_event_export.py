"""What Google Analytics 4 and Adobe Analytics deliver reaches silver as they tell it, once, whole or not at all."""

import gzip
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from export_folders import Exports, day, feed, packed

AT = datetime(2026, 1, 31, 9, 0, 0, 123456, tzinfo=UTC)
PAGE = "https://shop.example.com/?q=a&b"
SESSION = "1234567890.1769849999-1769849999"


@pytest.fixture
def ga4(make_lake, tmp_path):
    return Exports(make_lake, tmp_path, "ga4")


@pytest.fixture
def adobe(make_lake, tmp_path):
    return Exports(make_lake, tmp_path, "adobe")


def count(exports):
    return exports.lake.spark.table(exports.lake.bronze).count()


def told(row, *names):
    return tuple(row[name] for name in names)


def of_type(exports, event_type):
    (row,) = [row for row in exports.silver() if row["event_type"] == event_type]
    return row


def test_a_day_of_ga4_reaches_silver_with_each_type_of_parameter(ga4):
    ga4.deliver_day(day(), 1)
    result = ga4.run()
    assert told(result, "deliveries", "records", "bronze_rows", "deleted", "quarantined", "waiting") == (
        1,
        8,
        7,
        0,
        1,
        [],
    )
    rows = ga4.silver()
    micro = timedelta(microseconds=1)
    columns = ("event_type", "occurred_at", "session_number", "page_url", "scrolled_percent", "cart_value")
    found = {told(row, *columns) for row in rows}
    naive = AT.replace(tzinfo=None)
    assert {(kind, at.replace(tzinfo=None), *rest) for kind, at, *rest in found} == {
        ("page_view", naive, 3, PAGE, None, None),
        ("scroll", naive, 3, PAGE, 90, None),
        ("add_to_cart", naive + micro, 3, None, None, Decimal("19.9900")),
        ("earn_points", naive + 2 * micro, 3, None, None, Decimal("2.5000")),
        ("purchase", naive + 3 * micro, None, None, None, Decimal("90071992547409.0000")),
        ("search", naive + 4 * micro, 3, None, None, None),
    }
    first = of_type(ga4, "page_view")
    assert told(first, "page_title", "country", "plan", "event_date", "visitor_id", "session_id") == (
        "Café 😀\tand more",
        "Austria",
        "gold",
        date(2026, 1, 31),
        "1234567890.1769849999",
        SESSION,
    )
    purchase = of_type(ga4, "purchase")
    assert told(purchase, "visitor_id", "session_id", "revenue") == (None, None, 41.5)


def test_what_no_column_takes_is_kept_as_json(ga4):
    ga4.deliver_day(day(), 1)
    ga4.run()
    rest = {row.event_type: json.loads(row["_rest"]) for row in ga4.lake.rows(ga4.lake.bronze)}
    assert rest["page_view"]["geo"] == {"continent": "Europe"}
    assert "event_params" not in rest["page_view"] and "user_properties" not in rest["page_view"]
    assert rest["purchase"]["event_params"] == [{"key": "transaction_id", "value": {"string_value": "T-1"}}]
    assert rest["purchase"]["ecommerce"] == {"transaction_id": "T-1"}


def test_events_that_nothing_tells_apart_are_told_apart_by_what_they_are(ga4):
    ga4.deliver_day([*day(), day()[0]], 1)
    ga4.run()
    ids = sorted(row["event_id"] for row in ga4.silver() if row["event_type"] == "search")
    assert len(ids) == 2 and ids[1] == f"{ids[0]}~2"
    assert len([row for row in ga4.silver() if row["event_type"] == "page_view"]) == 1


def test_a_row_that_breaks_the_contract_is_quarantined_with_its_file_and_row(ga4):
    ga4.deliver_day(day(), 1)
    ga4.run()
    (row,) = ga4.quarantined()
    assert row.reason == 'scrolled_percent: "ninety" is not a int'
    assert (row.column_name, row["_origin"]) == (
        "scrolled_percent",
        "ga4/events_20260131/000000000001.json.gz#3",
    )
    assert json.loads(row.payload)["event_type"] == "scroll"


def test_lines_that_are_no_events_are_quarantined_as_they_came(ga4):
    lines = b'{"event_name": "x"}\n{oops\n' + gzip.decompress(packed(day()[:1]))
    ga4.write("events_20260131/a.json.gz", gzip.compress(lines), 1)
    ga4.write("events_20260131/_SUCCESS", b"", 1)
    assert told(ga4.run(), "records", "bronze_rows", "quarantined") == (3, 1, 2)
    found = {row["_origin"]: (row.reason[:27], row.payload) for row in ga4.quarantined()}
    assert found == {
        "ga4/events_20260131/a.json.gz#0": ("event_timestamp is missing,", '{"event_name": "x"}'),
        "ga4/events_20260131/a.json.gz#1": ("the line is not JSON (Expec", "{oops"),
    }


@pytest.mark.parametrize("folder", ["events_20260131", "events_20260131/second"])
def test_a_day_that_is_delivered_again_tells_nothing_new(ga4, folder):
    ga4.deliver_day(day(), 1)
    ga4.run()
    before, rows = count(ga4), ga4.silver()
    assert ga4.run()["deliveries"] == 0
    ga4.deliver_day(day()[::-1], 2, folder)
    assert told(ga4.run(), "deliveries", "bronze_rows") == (1, 0)
    assert (count(ga4), ga4.silver()) == (before, rows)


def test_a_day_that_is_replaced_has_late_events_and_lacks_those_that_are_gone(ga4):
    events = day()
    ga4.deliver_day(events, 1)
    ga4.run()
    late = {**events[2], "event_name": "late", "event_params": []}
    events[0]["geo"]["country"] = "Italy"
    events[3]["event_params"][2]["value"] = {"string_value": "many"}
    ga4.deliver_day([*events[:1], *events[2:], late], 2, "events_20260131/2026-02-02")
    assert told(ga4.run(), "bronze_rows", "deleted", "quarantined") == (3, 1, 2)
    rows = {row["event_type"]: row for row in ga4.silver()}
    assert sorted(rows) == ["add_to_cart", "earn_points", "late", "page_view", "purchase", "search"]
    assert rows["page_view"]["country"] == "Italy"
    # It broke its contract when it came again: it stays as it was.
    assert rows["earn_points"]["cart_value"] == Decimal("2.5000")
    # What was gone comes back.
    ga4.deliver_day(day(), 3)
    ga4.run()
    assert "scroll" in {row["event_type"] for row in ga4.silver()}


def test_nothing_is_gone_when_a_line_of_the_day_can_not_be_read(ga4):
    ga4.deliver_day(day(), 1)
    ga4.run()
    ga4.write("events_20260131/2/a.json.gz", gzip.compress(b"{oops\n"), 2)
    ga4.write("events_20260131/2/_SUCCESS", b"", 2)
    assert told(ga4.run(), "deleted", "deletes_withheld") == (0, True)
    assert len(ga4.silver()) == 7


def test_a_day_of_another_day_is_left_alone(ga4):
    ga4.deliver_day(day(), 1)
    other = [
        {**each, "event_timestamp": str(int(each["event_timestamp"]) + 86_400_000_000)} for each in day()[:2]
    ]
    ga4.deliver_day(other, 2, "events_20260201")
    assert told(ga4.run(), "deliveries", "bronze_rows", "deleted") == (2, 9, 0)


def test_a_day_without_its_marker_waits_and_one_that_is_written_anew_too(ga4):
    ga4.deliver_day(day(), 1, marker=False)
    result = ga4.run()
    assert (result["deliveries"], len(result["waiting"])) == (0, 1)
    ga4.write("events_20260131/_SUCCESS", b"", 2)
    ga4.write("events_20260131/000000000001.json.gz", packed([]), 3)
    assert "000000000001.json.gz is newer than _SUCCESS" in ga4.run()["waiting"][0]
    assert count(ga4) == 0
    ga4.deliver_day(day(), 4)
    assert told(ga4.run(), "deliveries", "bronze_rows", "waiting") == (1, 7, [])


def test_parquet_says_the_same_as_json(ga4):
    ga4.deliver_day(day(), 1)
    ga4.run()
    folder = ga4.folder / "events_20260131"
    rows = ga4.lake.spark.read.option("primitivesAsString", "true").json(
        [str(file) for file in sorted(folder.glob("*.gz"))]
    )
    typed = rows.withColumn("event_timestamp", rows.event_timestamp.cast("bigint"))
    typed.coalesce(1).write.parquet(f"{folder}/parquet")
    for file in (folder / "parquet").glob(".*.crc"):
        file.unlink()
    ga4.write("events_20260131/parquet/_SUCCESS", b"", 4_000_000_000 / 3600)
    before = ga4.silver()
    assert told(ga4.run(), "deliveries", "records", "deleted") == (1, 8, 0)
    assert [row["event_id"] for row in ga4.silver()] == [row["event_id"] for row in before]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "events_intraday_20260131/a.json.gz",
            b"",
            r"events_intraday_20260131: deliveries lie in folders called events_YYYYMMDD",
        ),
        (
            "events_20260131/a.json",
            b"{}",
            r"events_20260131 holds a.json; a delivery is files of JSON with compression GZIP",
        ),
        ("events_20260131/a.json.gz", packed(day())[:-40], r"a.json.gz can't be read \(.*; deliver it again"),
    ],
)
def test_a_broken_day_is_told_in_one_line_and_the_days_before_it_are_loaded(ga4, name, content, message):
    ga4.deliver_day(day(), 1, "events_20260130")
    ga4.write(name, content, 2)
    ga4.write(f"{name.partition('/')[0]}/_SUCCESS", b"", 2)
    with pytest.raises(ValueError, match=message) as error:
        ga4.run()
    assert "\n" not in str(error.value)
    assert count(ga4) == (0 if "intraday" in name else 7)
    for file in (ga4.folder / name).parent.iterdir():
        file.unlink()
    (ga4.folder / name).parent.rmdir()
    ga4.deliver_day(day()[:1], 3, "events_20260131")
    ga4.run()
    assert count(ga4) == 8


def test_a_feed_of_adobe_reaches_silver_with_what_was_escaped(adobe):
    hits, headers = feed()
    adobe.deliver_feed("shop_2026-01-31", hits, 1, headers)
    result = adobe.run()
    assert told(result, "deliveries", "records", "bronze_rows", "quarantined") == (1, 6, 4, 1)
    rows = adobe.silver()
    assert [row["event_id"] for row in rows] == [
        f"3465190423180673024-461168602318300000{number}" for number in (1, 2, 3, 4)
    ]
    assert [told(row, "page_title", "search_term", "exclude_hit") for row in rows] == [
        ("Home", None, 0),
        ("Tab \there", "two\nlines", 0),
        ("Letters", "a\tb\nc\\n", 0),
        ("Bot", None, 1),
    ]
    assert rows[0]["occurred_at"].replace(tzinfo=None) == datetime(2026, 1, 31, 9)
    assert rows[0]["date_time"] == datetime(2026, 1, 31, 10)
    assert rows[0]["session_id"] == "8700000000000000001-77-4-1769849000"
    bronze = {row.page_title: row for row in adobe.lake.rows(adobe.lake.bronze)}
    assert json.loads(bronze["Tab \there"]["_rest"]) == {"post_evar2": "a back\\slash at the end\\"}
    assert json.loads(bronze["Letters"]["_rest"]) == {"post_evar2": "\rcarriage"}
    # The feed has no post_campaign: the rows don't tell it.
    assert {row["_missing"] for row in bronze.values()} == {"campaign"}
    (bad,) = adobe.quarantined()
    assert (bad.reason, bad["_origin"]) == (
        'country: "Austria" is not a varchar(3)',
        "adobe/shop_2026-01-31/01-shop_2026-01-31.tsv.gz#5",
    )


def test_a_feed_that_is_delivered_again_tells_nothing_new_and_takes_nothing_away(adobe):
    hits, headers = feed()
    adobe.deliver_feed("shop_2026-01-31", hits, 1, headers)
    adobe.run()
    rows = adobe.silver()
    adobe.deliver_feed("shop_2026-01-31", hits.split(b"\n", 1)[0] + b"\n", 2, headers)
    assert told(adobe.run(), "deliveries", "records", "bronze_rows", "deleted") == (1, 1, 0, 0)
    assert adobe.silver() == rows


def test_a_feed_waits_for_its_manifest_and_for_each_file_of_it(adobe):
    hits, headers = feed()
    adobe.deliver_feed("shop_20260131-090000", hits, 1, headers, files=["data", "lookup"])
    assert len(adobe.run()["waiting"]) == 2
    adobe.deliver_feed("shop_20260131-090000", hits, 1, headers, files=["manifest"])
    (adobe.folder / "01-shop_20260131-090000.tsv.gz").unlink()
    (adobe.folder / "shop_2026-02-03.txt").write_text(
        "Datafeed-Manifest-Version: 1.0\n Lookup-Files: 0\n Data-Files: 0\n Total-Records: 0\n"
    )
    result = adobe.run()
    assert result["deliveries"] == 1
    assert "names 01-shop_20260131-090000.tsv.gz, which is not there" in result["waiting"][0]
    # Days later, and long after others: it is not forgotten.
    adobe.deliver_feed("shop_20260131-090000", hits, 1, headers, files=["data"])
    assert told(adobe.run(), "deliveries", "bronze_rows", "waiting") == (1, 4, [])


@pytest.mark.parametrize(
    ("more", "headers", "message"),
    [
        (
            {"md5": "0" * 31},
            None,
            r"01-shop_2026-01-31.tsv.gz has MD5 \w{32}, and shop_2026-01-31.txt says MD5 0{32}",
        ),
        ({"records": 7}, None, r"shop_2026-01-31.txt says Total-Records 7, and its files hold 6"),
        ({}, b"hitid_high\thit_time_gmt\n", r"the feed has no column hitid_low, exclude_hit; choose it"),
    ],
)
def test_a_broken_feed_is_told_in_one_line_and_loaded_once_it_is_whole(adobe, more, headers, message):
    hits, good = feed()
    adobe.deliver_feed("shop_2026-01-31", hits, 1, headers or good, **more)
    with pytest.raises(ValueError, match=message) as error:
        adobe.run()
    assert "\n" not in str(error.value)
    assert (count(adobe), adobe.quarantined()) == (0, [])
    adobe.deliver_feed("shop_2026-01-31", hits, 2, good)
    assert adobe.run()["bronze_rows"] == 4


def test_a_load_that_was_cut_off_quarantines_nothing_twice(adobe, monkeypatch):
    hits, headers = feed()
    adobe.deliver_feed("shop_2026-01-31", hits, 1, headers)
    from common import bronze

    def cut_off(*_):
        raise KeyboardInterrupt

    append = bronze.append
    monkeypatch.setattr(bronze, "append", cut_off)
    with pytest.raises(KeyboardInterrupt):
        adobe.run()
    monkeypatch.setattr(bronze, "append", append)
    assert adobe.run()["bronze_rows"] == 4
    assert len(adobe.quarantined()) == 1
