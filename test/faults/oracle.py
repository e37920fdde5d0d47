"""What the fault harness asks of the stores, in one process: to import what it needs takes longer than most answers.

python test/faults/oracle.py      (each line of its standard input is answered by a line of JSON)

{"compare": [DATASET], "stores": ["silver", "gold"], "contracts": DIR, "config": …}
    source = silver (= gold) as multisets of rows: the results of local/reconcile.py
{"quarantined": DATASET, "database": NAME, "config": …}
    how many of its rows lie in quarantine
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
    kind = next(each for each in (compare, quarantined, roll_back) if each.__name__ in request)
    return kind(catalog, request)


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
