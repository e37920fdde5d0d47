"""Counts the rows of silver that exist and are whole: what a view of the lake shows.

    python local/silver_counts.py ENDPOINT REGION DATABASE DATASET...

Prints JSON: {dataset: rows}.
"""

import json
import sys

import lake
from pyiceberg.expressions import And, EqualTo


def main(endpoint: str, region: str, database: str, *datasets: str) -> None:
    catalog = lake.catalog(endpoint, region)
    whole = And(EqualTo("_is_deleted", False), EqualTo("_incomplete", False))
    scans = {dataset: catalog.load_table((database, dataset)).scan(row_filter=whole) for dataset in datasets}
    print(json.dumps({dataset: scan.count() for dataset, scan in scans.items()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
