"""The forms of Google Analytics 4 and Adobe Analytics: lines, manifests, escapes, values."""

import io
import json
import tarfile

import pytest

from common import export_adobe, export_ga4
from common.export_deliveries import File
from common.export_event import Field, NoEvent, cell, day_of
from common.export_progress import OVERLAP, Progress

EVENT = {"event_timestamp": "1769850000123456", "event_name": "page_view"}


def ga4(place, family="varchar", **more):
    (value,) = export_ga4.reader([Field("c", family, place)])(json.dumps({**EVENT, **more})).values
    return value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"string_value": "a"}, "a"),
        ({"string_value": ""}, ""),
        ({"int_value": "9007199254740993"}, "9007199254740993"),
        ({"float_value": 0.5}, "0.5"),
        ({"double_value": 1e-5}, "0.00001"),
        ({"double_value": 7.0}, "7"),
        ({"string_value": None, "int_value": "0"}, "0"),
        ({}, None),
        (None, None),
    ],
)
def test_a_parameter_has_a_value_of_any_type(value, text):
    listed = [{"key": "other", "value": {"string_value": "x"}}, {"key": "k", "value": value}]
    assert ga4("param:k", event_params=listed) == text
    assert ga4("user_property:k", user_properties=listed) == text


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("$.geo.country", "Austria"),
        ("$.geo.city", None),
        ("$.geo.country+$.event_name", "Austria-page_view"),
        ("$.geo.city+$.event_name", None),
        ("param:k", None),
        ("$.geo", '{"country":"Austria"}'),
    ],
)
def test_a_place_of_an_event(place, value):
    assert ga4(place, geo={"country": "Austria"}, event_params="none") == value


@pytest.mark.parametrize(
    ("text", "family", "per_second", "cast"),
    [
        ("1769850000123456", "timestamptz", 1_000_000, "2026-01-31T09:00:00.123456+00:00"),
        ("1769850000", "timestamptz", 1, "2026-01-31T09:00:00.000000+00:00"),
        ("9" * 30, "timestamptz", 1, "9" * 30),
        ("soon", "timestamptz", 1, "soon"),
        ("20260131", "date", 1, "2026-01-31"),
        ("2026-01-31", "date", 1, "2026-01-31"),
        ("20260131", "varchar", 1, "20260131"),
        ("20260131", "bigint", 1, "20260131"),
        (None, "date", 1, None),
    ],
)
def test_a_value_takes_the_form_of_its_type(text, family, per_second, cast):
    assert cell(text, family, per_second) == cast


def test_an_event_keeps_its_id_when_it_is_told_more_of_and_gets_another_for_each_part_of_it():
    names = "stream_id user_pseudo_id event_timestamp event_name event_bundle_sequence_id".split()
    parts = dict.fromkeys([*names, "batch_page_id", "batch_ordering_id", "batch_event_index"], "1")
    one = export_ga4.event_id(parts)
    assert export_ga4.event_id({**parts, "geo": {"country": "Austria"}, "user_id": "u"}) == one
    assert len({export_ga4.event_id({**parts, name: "2"}) for name in parts} | {one}) == len(parts) + 1
    assert export_ga4.event_id({**EVENT}) != export_ga4.event_id({**EVENT, "user_pseudo_id": ""})


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "the line is not JSON"),
        ('{"event_name": "a"', "the line is not JSON"),
        ("[1]", "the line is no JSON object"),
        ('{"event_timestamp": "1"}', "event_name is missing"),
        ('{"event_name": "a", "event_timestamp": null}', "event_timestamp is missing"),
    ],
)
def test_a_line_that_is_no_event(line, reason):
    with pytest.raises(NoEvent, match=reason):
        export_ga4.reader([])(line)


@pytest.mark.parametrize(
    ("record", "values"),
    [
        ("a\tb", ["a", "b"]),
        ("\t", ["", ""]),
        ("a\\\tb\tc", ["a\tb", "c"]),
        ("a\\\nb", ["a\nb"]),
        ("a\\tb\\nc", ["a\tb\nc"]),
        ("a\\\\tb", ["a\\tb"]),
        ("a\\\\\tb", ["a\\", "b"]),
        ("a\\\\\\\tb", ["a\\\tb"]),
        ("a\\xb", ["a\\xb"]),
        ("a\\", ["a\\"]),
    ],
)
def test_the_values_of_a_record_are_what_was_sent(record, values):
    assert export_adobe.split(record) == values


@pytest.mark.parametrize(
    ("text", "records"),
    [
        ("a\nb", ["a", "b"]),
        ("a\\\nb\nc", ["a\\\nb", "c"]),
        ("a\\\\\nb", ["a\\\\", "b"]),
        ("a\\\n\\\nb", ["a\\\n\\\nb"]),
        ("a\\", ["a\\\n"]),
    ],
)
def test_a_line_feed_that_was_sent_ends_no_record(text, records):
    assert list(export_adobe.records(text.split("\n"))) == records


def test_a_hit_has_its_id_its_columns_and_the_rest():
    fields = [Field("event_id", "varchar", "event_id"), Field("visit", "varchar", "visid+visit_num")]
    fields += [Field("at", "timestamptz", "hit_time_gmt"), Field("url", "varchar", "page_url")]
    columns = "hitid_high hitid_low visid visit_num hit_time_gmt page_url evar1 evar2".split()
    event = export_adobe.reader(fields, columns)
    assert event("1\t2\t3\t4\t1769850000\t\tx\t") == (
        "1-2",
        ["1-2", "3-4", "2026-01-31T09:00:00.000000+00:00", None],
        '{"evar1": "x"}',
    )
    assert event("1\t2\t3\t\t\t\t\t").values == ["1-2", None, None, None]
    for record, reason in [
        ("1\t2", "has 2 values, and column_headers.tsv names 8"),
        ("1" + "\t" * 7, "is empty"),
    ]:
        with pytest.raises(NoEvent, match=reason):
            event(record)


MANIFEST = """Datafeed-Manifest-Version: 1.0
 Lookup-Files: 1
 Data-Files: 1
 Total-Records: 611

 Lookup-File: rsid_date-lookup_data.tar.gz
 MD5-Digest: af6de42d8b945d4ec1cf28360085308
 File-Size: 63750

 Data-File: 01-a_report_suite_whose_name_is_long_enough_to_need_a_second_li
 ne_date.tsv.gz
 MD5-Digest: 9C70bf783cb3d0095a4836904b72c991
 File-Size: 122534
 Record-Count: 611
"""


def test_a_manifest_names_files_with_their_sizes_and_digests():
    told = export_adobe.manifest(MANIFEST, "shop.txt")
    assert [(each.name, each.md5, each.size, each.records) for each in told.files] == [
        ("rsid_date-lookup_data.tar.gz", "0af6de42d8b945d4ec1cf28360085308", 63750, None),
        (
            "01-a_report_suite_whose_name_is_long_enough_to_need_a_second_line_date.tsv.gz",
            "9c70bf783cb3d0095a4836904b72c991",
            122534,
            611,
        ),
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Datafeed-Manifest-Version: 1.0", "Notes: 1", "shop.txt is no manifest of a data feed"),
        ("File-Size: 122534", "File-Size: many", "shop.txt is no manifest of a data feed"),
        ("Record-Count: 611", "Record-Count: 610", r"Total-Records \(1, 1, 611\) and lists \(1, 1, 610\)"),
        ("Data-Files: 1", "Data-Files: 2", r"Total-Records \(2, 1, 611\) and lists \(1, 1, 611\)"),
    ],
)
def test_a_manifest_that_is_none_or_cut_off(old, new, message):
    with pytest.raises(ValueError, match=message):
        export_adobe.manifest(MANIFEST.replace(old, new), "shop.txt")


def test_headers_stand_among_the_lookups():
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        info = tarfile.TarInfo("./column_headers.tsv")
        info.size = 5
        tar.addfile(info, io.BytesIO(b"a\tb\r\n"))
    assert export_adobe.headers(archive.getvalue()) == ["a", "b"]


@pytest.mark.parametrize(
    ("scope", "day"),
    [
        ("events_20260131", "2026-01-31"),
        ("shop_2026-01-31", "2026-01-31"),
        ("shop2_20260131-090000", "2026-01-31"),
        ("shop_20269999", None),
        ("shop", None),
    ],
)
def test_the_day_of_a_delivery(scope, day):
    found = day_of(scope)
    assert (found and found.date().isoformat()) == day


def test_progress_forgets_what_is_older_than_a_day_and_never_what_is_pending():
    first, stuck, last = (File(f"{name}.txt", 0, at) for name, at in [("a", 5), ("b", 6), ("c", 3 * OVERLAP)])
    done = Progress("s", "").after(first, [stuck, last]).after(last, [stuck])
    assert (done.has(first), done.has(stuck), done.has(last)) == (True, False, True)
    after = done.after(stuck, [])
    assert all(after.has(one) for one in (first, stuck, last))
    assert len(after.recent) == 1
