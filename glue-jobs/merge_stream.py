"""Glue streaming job: merges bronze into silver batch after batch, so that silver is seconds behind its sources.

Each batch is the merge of glue-jobs/merge.py; a merge of the pipeline's at the same time is no harm. Nothing is kept
between batches but in the tables: a run that is ended anywhere, or twice at once, loses and doubles nothing.

Arguments: the common ones (common/arguments.py), without --dataset, and
  --datasets A,B,C     merged in this order, one after the other; those without news cost a look at the catalogue
  --every SECONDS      from the start of a round to the start of the next (default 5)
  --seconds SECONDS    ends with the first round after so long (default 0: never), for a new run to take over
Ends when a table is of another version of its contract than this run: then a deployment is under way, and the run that
follows has the new contracts.
Result: rounds, batches (merges that had something to merge), failures, outdated (the dataset of another version).
"""

import sys
import time
import traceback

from pyspark.sql import SparkSession

from common import arguments, contract_file, runs, tables
from common.merging import merge

PATIENCE = 5
"""Failures of one dataset in a row, after which the run fails: until then the others go on."""


def main(argv: list[str], spark: SparkSession | None = None) -> dict:
    """Runs the job; gives its result. Raises what a dataset's merge raised `PATIENCE` times in a row."""
    parser = arguments.parser("Merges bronze into silver as long as it runs.", dataset=False)
    parser.add_argument("--datasets", required=True, type=lambda text: text.split(","))
    parser.add_argument("--every", type=float, default=5.0)
    parser.add_argument("--seconds", type=float, default=0.0)
    given, _ = parser.parse_known_args(argv)
    contracts = [contract_file.load(given.contracts, name) for name in given.datasets]
    session = spark or SparkSession.builder.getOrCreate()
    began, rounds, batches, failures = time.monotonic(), 0, 0, 0
    in_a_row = dict.fromkeys(given.datasets, 0)
    while True:
        round_began = time.monotonic()
        for dataset in contracts:
            name = dataset.dataset
            try:
                if not tables.is_of_version(session, dataset, given.env):
                    return {"rounds": rounds, "batches": batches, "failures": failures, "outdated": name}
                result = merge(session, dataset, given.env)
            except Exception:
                failures, in_a_row[name] = failures + 1, in_a_row[name] + 1
                if in_a_row[name] >= PATIENCE:
                    raise
                traceback.print_exc()
                continue
            in_a_row[name] = 0
            if result["bronze_rows"]:
                batches += 1
                runs.finish(result, given.run_id, given.runs_table)
        rounds += 1
        if given.seconds and time.monotonic() - began >= given.seconds:
            return {"rounds": rounds, "batches": batches, "failures": failures, "outdated": None}
        time.sleep(max(0.0, given.every - (time.monotonic() - round_began)))


if __name__ == "__main__":
    main(sys.argv[1:])
