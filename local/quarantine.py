"""Counts what lies in quarantine, by dataset and reason, as a query on AWS would.

python local/quarantine.py ENDPOINT REGION DATABASE
"""

import sys
from collections import Counter

import lake

MOST = 10
"""Reasons shown."""


def counts(catalog, database: str) -> Counter:
    """Rows by (dataset, reason)."""
    scan = catalog.load_table(f"{database}.rejected").scan(selected_fields=("dataset", "reason"))
    found = Counter()
    for batch in scan.to_arrow_batch_reader():
        found.update((row["dataset"], row["reason"]) for row in batch.to_pylist())
    return found


def main(endpoint: str, region: str, database: str) -> None:
    found = counts(lake.catalog(endpoint, region), database)
    for (dataset, reason), rows in found.most_common(MOST):
        print(f"quarantine  {dataset}  {rows:,}  {reason}")
    if len(found) > MOST:
        print(f"quarantine  … and {len(found) - MOST} more reasons")


if __name__ == "__main__":
    main(*sys.argv[1:])
