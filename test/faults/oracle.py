"""What the fault harness asks of the stores, in one process: to import what it needs takes longer than most answers.

python test/faults/oracle.py      (each line of its standard input is answered by a line of JSON)

{"compare": [DATASET], "stores": ["silver", "gold"], "contracts": DIR, "config": …}
    source = silver (= gold) as multisets of rows: the results of local/reconcile.py
{"quarantined": DATASET, "database": NAME, "config": …}
    how many of its rows lie in quarantine
{"files": [DATASET], "bronze_database": NAME, "config": …}
    by `<layer>.<dataset>`, bronze and silver: data_files, delete_files, snapshots, commits (in all, so far),
    metadata_bytes (of the current metadata JSON), and newest_committed_at (silver's: when its newest change was
    committed at the source, or null)
{"roll_back": DATASET, "snapshots": N, "config": …}
    silver as it was N commits ago
"""

import json
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "local"))

import lake  # noqa: E402
import reconcile  # noqa: E402
from pyiceberg.expressions import EqualTo  # noqa: E402
from pyiceberg.table.update import SetSnapshotRefUpdate  # noqa: E402

NEWEST_COMMITTED_AT = "moraine.newest-committed-at"
"""As glue-jobs/common/tables.py calls it, whose import of Spark takes longer than most answers."""


def compare(catalog, request: dict) -> list[dict]:
    config, declared = request["config"], reconcile.load_all(request["contracts"])
    models = reconcile.read_models(config["models"])
    return [
        reconcile.reconcile(declared[name], config, catalog, models, request["stores"])
        for name in request["compare"]
    ]


def quarantined(catalog, request: dict) -> int:
    table = catalog.load_table((request["database"], "rejected"))
    return table.scan(row_filter=EqualTo("dataset", request["quarantined"])).count()


def files(catalog, request: dict) -> dict[str, dict]:
    databases = {"bronze": request["bronze_database"], "silver": request["config"]["silver_database"]}
    return {
        f"{layer}.{dataset}": of_table(catalog.load_table((database, dataset)))
        for dataset in request["files"]
        for layer, database in databases.items()
    }


def of_table(table) -> dict:
    """Figures of one table. Not every commit carries progress: the newest that does tells how far silver has come."""
    current, newest_first = (
        table.current_snapshot(),
        sorted(table.snapshots(), key=lambda each: -each.sequence_number),
    )
    count = (lambda name: int(current.summary.get(name, 0))) if current else (lambda name: 0)
    committed = (each.summary.get(NEWEST_COMMITTED_AT) for each in newest_first)
    return {
        "data_files": count("total-data-files"),
        "delete_files": count("total-delete-files"),
        "snapshots": len(newest_first),
        "commits": table.metadata.last_sequence_number,
        "metadata_bytes": len(table.io.new_input(table.metadata_location)),
        "newest_committed_at": next(filter(None, committed), None),
    }


def roll_back(catalog, request: dict) -> None:
    table = catalog.load_table((request["config"]["silver_database"], request["roll_back"]))
    snapshot = table.current_snapshot()
    for _ in range(request["snapshots"]):
        snapshot = table.snapshot_by_id(snapshot.parent_snapshot_id)
    with table.transaction() as transaction:
        update = SetSnapshotRefUpdate(ref_name="main", type="branch", snapshot_id=snapshot.snapshot_id)
        transaction._apply((update,))


def answer(request: dict):
    catalog = lake.catalog(request["config"]["endpoint"], request["config"]["region"])
    kind = next(each for each in (compare, quarantined, files, roll_back) if each.__name__ in request)
    return kind(catalog, request)


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
