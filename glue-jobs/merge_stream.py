"""Glue streaming job: merges bronze into silver batch after batch, so that silver is seconds behind its sources.

Each batch is the merge of glue-jobs/merge.py; a merge of the pipeline's at the same time is no harm. Nothing is kept
between batches but in the tables: a run that is ended anywhere, or twice at once, loses and doubles nothing.

Arguments: the common ones (common/arguments.py), without --dataset, and
  --datasets A,B,C     those without news cost a look at the catalogue
  --parallel N         so many are merged side by side (default 4), each by one thread at a time
  --every SECONDS      from the start of a dataset's merge to that of its next (default 5)
  --seconds SECONDS    ends when each has been looked at once more after so long (default 0: never), for a new run to
                       take over
A merge of a batch leaves small files, and the next reads them all: when there are too many (common/compaction.py) they
are compacted before the next.
Ends when a table is of another version of its contract than this run: then a deployment is under way, and the run that
follows has the new contracts. A table that a compaction has reserved (common/compaction.py) waits for its end.
Result: rounds (how often each dataset was looked at, at least), batches (merges that had something to merge), failures,
outdated (the dataset of another version).
"""

import sys
import time
import traceback
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from pyspark.sql import SparkSession

from common import arguments, compaction, contract_file, runs, spark_threads, tables
from common.contract import Contract
from common.iceberg import Snapshots
from common.merging import merge

PATIENCE = 5
"""Failures of one dataset in a row, after which the run fails: until then the others go on."""
REST = 10
"""After a compaction of a dataset no other begins for so many times as long as it took: merges come first."""


class OutdatedError(Exception):
    """The table is of another version of the contract than this run."""


@dataclass(eq=False)
class Follower:
    """One dataset in a resident run: when it is due, by the monotonic clock, and what came of it so far."""

    contract: Contract
    due: float = 0.0
    rounds: int = 0
    batches: int = 0
    failures: int = 0
    in_a_row: int = 0
    files: int = 0
    rests_until: float = 0.0

    def look(self, environment: str) -> dict:
        """Merges what there is, in the session of its thread. Raises OutdatedError, or what the merge raised."""
        spark, silver = spark_threads.here(), tables.of(environment, self.contract.dataset).silver
        if not tables.is_of_version(spark, self.contract, environment):
            raise OutdatedError
        if compaction.is_reserved(spark, silver):
            return {"bronze_rows": 0}
        if self._compact(spark, silver):
            # It took its time: what was checked above is checked anew by the next look.
            return {"bronze_rows": 0}
        return merge(spark, self.contract, environment, resident=True)

    def _compact(self, spark: SparkSession, silver: str) -> bool:
        """Compacts silver's small files when merges have left many since the last time, and says whether it did. The
        next one begins no sooner than after ten times as long as that took. A failure is told, and stops no merge.
        """
        began = time.monotonic()
        there = compaction.files(Snapshots(spark, silver, refresh=False))
        # The maintenance may have left fewer than we did.
        self.files = min(self.files, there)
        if (
            began < self.rests_until
            or there <= self.files + compaction.MANY_FILES * self.contract.bucket_count
        ):
            return False
        try:
            self.files = compaction.compact(spark, silver, compaction.SMALL)["files"]
        except Exception:
            traceback.print_exc()
            self.files = there
        ended = time.monotonic()
        self.rests_until = ended + REST * (ended - began)
        return True

    def take(self, looked: Future) -> dict | None:
        """Counts a look; gives its result when it merged something. Raises OutdatedError, and the last straw."""
        try:
            result = looked.result()
        except OutdatedError:
            raise
        except Exception:
            self.failures, self.in_a_row = self.failures + 1, self.in_a_row + 1
            if self.in_a_row >= PATIENCE:
                raise
            traceback.print_exc()
            result = None
        else:
            self.in_a_row = 0
        self.rounds += 1
        if not result or not result["bronze_rows"]:
            return None
        self.batches += 1
        return result


def main(argv: list[str], spark: SparkSession | None = None) -> dict:
    """Runs the job; gives its result. Raises what a dataset's merge raised `PATIENCE` times in a row."""
    parser = arguments.parser("Merges bronze into silver as long as it runs.", dataset=False)
    parser.add_argument("--datasets", required=True, type=lambda text: text.split(","))
    parser.add_argument("--parallel", type=int, default=4)
    parser.add_argument("--every", type=float, default=5.0)
    parser.add_argument("--seconds", type=float, default=0.0)
    given, _ = parser.parse_known_args(argv)
    followers = [Follower(contract_file.load(given.contracts, name)) for name in given.datasets]
    session = spark or SparkSession.builder.getOrCreate()
    ends = time.monotonic() + given.seconds if given.seconds else float("inf")
    outdated: str | None = None
    running: dict[Future, Follower] = {}
    with ThreadPoolExecutor(given.parallel, initializer=spark_threads.enter, initargs=(session,)) as pool:
        while True:
            now = time.monotonic()
            over = outdated is not None or now >= ends
            for each in followers:
                if not over and each.due <= now and each not in running.values():
                    each.due = now + given.every
                    running[pool.submit(each.look, given.env)] = each
            if over and not running:
                break
            for looked in _ended(running, [] if over else followers, now):
                follower = running.pop(looked)
                try:
                    result = follower.take(looked)
                except OutdatedError:
                    outdated = follower.contract.dataset
                    continue
                if result:
                    runs.finish(result, given.run_id, given.runs_table)
    return {
        "rounds": min(each.rounds for each in followers),
        "batches": sum(each.batches for each in followers),
        "failures": sum(each.failures for each in followers),
        "outdated": outdated,
    }


def _ended(running: dict[Future, Follower], followers: list[Follower], now: float) -> set[Future]:
    """Waits until a look has ended, or the next of the followers is due; gives the looks that have ended."""
    idle = [each.due - now for each in followers if each not in running.values()]
    pause = max(0.0, min(idle)) if idle else None
    if not running:
        time.sleep(pause or 0.0)
        return set()
    return wait(running, timeout=pause, return_when=FIRST_COMPLETED).done


if __name__ == "__main__":
    main(sys.argv[1:])
