"""Counts what lies in quarantine, by dataset and reason, as a query on AWS would.

python local/quarantine.py ENDPOINT REGION DATABASE SINCE

SINCE is when the run began, ISO 8601: what came later is counted apart.
"""

import sys
from collections import Counter
from datetime import datetime

import lake

MOST = 10
"""Reasons shown."""


def counts(catalog, database: str, since: datetime) -> tuple[Counter, Counter]:
    """Rows by (dataset, reason): all, and those since then."""
    columns = ("dataset", "reason", "_quarantined_at")
    every, recent = Counter(), Counter()
    rejected = catalog.load_table(f"{database}.rejected").scan(selected_fields=columns)
    for batch in rejected.to_arrow_batch_reader():
        for row in batch.to_pylist():
            every[row["dataset"], row["reason"]] += 1
            recent[row["dataset"], row["reason"]] += row["_quarantined_at"] >= since
    return every, recent


def main(endpoint: str, region: str, database: str, since: str) -> None:
    every, recent = counts(lake.catalog(endpoint, region), database, datetime.fromisoformat(since))
    for (dataset, reason), rows in every.most_common(MOST):
        print(f"quarantine  {dataset}  {recent[dataset, reason]:,} new, {rows:,} in all: {reason}")
    if len(every) > MOST:
        print(f"quarantine  … and {len(every) - MOST} more reasons")


if __name__ == "__main__":
    main(*sys.argv[1:])
