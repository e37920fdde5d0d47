"""An extraction's pages reach silver losslessly, once, in the order of its runs."""

import gzip
import json
from datetime import UTC, date, datetime
from decimal import Decimal

import load_landing as job
import pytest
from lakes import ENVIRONMENT, contract_of, contract_text, silver

from common.merging import merge

COLUMNS = [("day", "date", "key"), ("code", "varchar(3)", "key"), ("rate", "decimal(20,8)", "required")]
CONTRACT = contract_of("fares", COLUMNS)


class Runs:
    """Lands runs as the extractor does and loads them through `main`."""

    def __init__(self, lake, folder):
        self.lake, self.folder = lake, folder
        (folder / "fares.odcs.yaml").write_text(contract_text("fares", COLUMNS))

    def land(self, hour, *pages, **more):
        folder = self.folder / f"run-{hour}"
        folder.mkdir()
        for number, page in enumerate(pages, 1):
            text = page if isinstance(page, str) else json.dumps({"rows": page})
            (folder / f"page-{number:08}.json.gz").write_bytes(gzip.compress(text.encode()))
        manifest = {
            "source": "office",
            "dataset": "fares",
            "run": folder.name,
            "started_at": datetime(2026, 1, 1, hour, tzinfo=UTC).isoformat(),
            "pages": len(pages),
            "records": sum(len(page) for page in pages if not isinstance(page, str)),
            "select": {"records": "$.rows[*]", "fields": {"day": "$.when.day"}},
        }
        (folder / "manifest.json").write_text(json.dumps(manifest | more))
        return folder

    def load(self, folder):
        arguments = {"env": ENVIRONMENT, "dataset": "fares", "run-id": "r-1", "contracts": str(self.folder)}
        arguments["landing"] = f"{folder}/"
        argv = [each for name, value in arguments.items() for each in (f"--{name}", value)]
        return job.main(argv, self.lake.spark)

    def rates(self):
        merge(self.lake.spark, CONTRACT, ENVIRONMENT)
        return {key: values["rate"] for key, (values, _, dead, _, _) in silver(self.lake).items() if not dead}


def fare(code, rate, day="2026-01-01"):
    return {"when": {"day": day}, "code": code, "rate": rate, "unknown": [1]}


@pytest.fixture
def runs(make_lake, tmp_path):
    return Runs(make_lake(CONTRACT), tmp_path)


def test_pages_reach_silver_with_every_digit_and_the_later_row_wins(runs):
    folder = runs.land(
        1,
        [fare("USD", 1), fare("CHF", "0.95")],
        '{"rows": [{"when": {"day": "2026-01-01"}, "code": "USD", "rate": 123456789012.12345678}]}',
        records=3,
    )
    result = runs.load(folder)
    assert (result["pages"], result["bronze_rows"], result["quarantined"], result["skipped"]) == (
        2,
        3,
        0,
        False,
    )
    day = date(2026, 1, 1)
    assert runs.rates() == {(day, "USD"): Decimal("123456789012.12345678"), (day, "CHF"): Decimal("0.95")}


def test_a_run_is_loaded_once_and_an_older_one_that_comes_late_changes_nothing(runs):
    late, newer = runs.land(1, [fare("USD", 1)]), runs.land(2, [fare("USD", 2)])
    assert not runs.load(newer)["skipped"]
    assert runs.load(newer)["skipped"]
    assert not runs.load(late)["skipped"]
    assert runs.rates() == {(date(2026, 1, 1), "USD"): Decimal(2)}
    assert runs.lake.spark.table(runs.lake.bronze).count() == 2


def test_a_record_that_breaks_the_contract_is_quarantined_and_the_others_go_on(runs):
    folder = runs.land(1, [fare("USD", "dear"), fare("CHF", 1), {"code": "PLN", "rate": 4}])
    result = runs.load(folder)
    assert (result["bronze_rows"], result["quarantined"]) == (1, 2)
    assert list(runs.rates()) == [(date(2026, 1, 1), "CHF")]
    reasons = {row.reason: row._origin for row in runs.lake.rows(runs.lake.quarantine)}
    assert reasons == {
        'rate: "dear" is not a decimal(20,8)': "office/run-1/page-00000001.json.gz#0",
        "day: is empty but required": "office/run-1/page-00000001.json.gz#2",
    }


def test_an_empty_run_says_that_it_was_there(runs):
    result = runs.load(runs.land(1, []))
    assert (result["bronze_rows"], result["newest_committed_at"]) == (0, "2026-01-01T01:00:00.000000+00:00")
    assert runs.load(runs.folder / "run-1")["skipped"]


@pytest.mark.parametrize("more", [{"pages": 2}, {"records": 2}])
def test_a_folder_that_lacks_pages_or_records_is_refused_and_nothing_is_loaded(runs, more):
    with pytest.raises(ValueError, match="manifest says"):
        runs.load(runs.land(1, [fare("USD", 1)], **more))
    assert runs.lake.spark.table(runs.lake.bronze).count() == 0


def test_another_datasets_folder_is_refused(runs):
    with pytest.raises(ValueError, match="holds tolls, not fares"):
        runs.load(runs.land(1, [], dataset="tolls"))


def test_a_folder_without_a_manifest_is_refused(runs):
    folder = runs.land(1, [fare("USD", 1)])
    (folder / "manifest.json").unlink()
    with pytest.raises(Exception, match="nothing is at|does not exist"):
        runs.load(folder)


def test_numbers_reach_silver_as_they_are_meant_and_texts_that_are_cut_stop_nothing(make_lake, tmp_path):
    columns = [*COLUMNS, ("ticket", "bigint", ""), ("note", "varchar(20)", "")]
    runs = Runs(make_lake(contract_of("fares", columns)), tmp_path)
    (tmp_path / "fares.odcs.yaml").write_text(contract_text("fares", columns))
    rows = (
        '"code": "USD", "rate": 5e-05, "ticket": 9007199254740993, "note": "cut \\ud83d"}',
        '"code": "CHF", "rate": 1E2, "ticket": 7.0, "note": 1.10}',
    )
    page = ",\n".join(f'{{"when": {{"day": "2026-01-01"}}, {row}' for row in rows)
    result = runs.load(runs.land(1, f'\ufeff{{"rows": [{page}]}}', records=2))
    assert (result["bronze_rows"], result["quarantined"]) == (2, 0)
    merge(runs.lake.spark, contract_of("fares", columns), ENVIRONMENT)
    found = {key[1]: tuple(values.values()) for key, (values, *_) in silver(runs.lake).items()}
    assert found == {
        "USD": (Decimal("0.00005"), 9007199254740993, "cut \ufffd"),
        "CHF": (Decimal(100), 7, "1.10"),
    }
