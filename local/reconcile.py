"""Compares every dataset in its source, in silver and in gold: counts, keys, and a hash of every row.

    python local/reconcile.py --contracts DIR --config FILE [--json] [--live DATASET,…]

A dataset without a key is compared by whole rows, and how many of each there are.

Silver's rows are those that are alive and complete; gold's those of the dbt model whose `meta.reconciles`
names the dataset, all of them or those that its `meta.current` (a condition in SQL) keeps. FILE is JSON:

    {"endpoint": AWS endpoint, "region": …, "silver_database": …, "warehouse": connection string,
     "gold_schema": "gold", "models": folder of dbt models,
     "sources": {dataset: {"dsn": connection string, "relation": "schema.table"}}}

Prints a table, and ends with 1 when a row differs or a dataset can't be compared.

With --live only these datasets are compared, source with silver, while both change: a key that differs is looked at
again until it agrees or its row has changed at the source meanwhile; one that does neither in three minutes differs.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import lake
import numpy
import pyarrow
import rows_canonical
import yaml
from pyiceberg.expressions import And, EqualTo

sys.path.append(str(Path(__file__).resolve().parent.parent / "glue-jobs"))

from common.contract import Contract  # noqa: E402
from common.contract_file import load_all  # noqa: E402

SHOWN = 5
PATIENCE, LOOK_AGAIN = 180, 5
"""Seconds."""
Rows = Callable[[], Iterator[pyarrow.RecordBatch]]


@dataclass
class Summary:
    """One store's rows by key, as hashes: each key once, the number of its rows, the sum of their hashes."""

    keys: numpy.ndarray
    counts: numpy.ndarray
    sums: numpy.ndarray

    @property
    def rows(self) -> int:
        return int(self.counts.sum())

    @property
    def hash(self) -> str:
        """One hash of all rows, in whatever order they came."""
        return f"{int(self.sums.sum(dtype='u8')):016x}"


def key_of(contract: Contract) -> tuple[str, ...]:
    """The columns that tell rows apart; without a key, all of them."""
    return tuple(column.name for column in contract.key_columns)


def summarise(rows: Rows, contract: Contract) -> Summary:
    """Reads a store once; 32 bytes a row stay in memory while it sorts."""
    names = tuple(column.name for column in contract.columns)
    keys, whole = [numpy.empty(0, "u8")], [numpy.empty(0, "u8")]
    for batch in rows():
        keys.append(rows_canonical.hashes(batch, key_of(contract)))
        whole.append(rows_canonical.hashes(batch, names))
    key, row = numpy.concatenate(keys), numpy.concatenate(whole)
    order = numpy.argsort(key)
    unique, starts, counts = numpy.unique(key[order], return_index=True, return_counts=True)
    sums = numpy.add.reduceat(row[order], starts) if len(unique) else row
    return Summary(unique, counts, sums)


def compare(one: Summary, other: Summary) -> dict[str, numpy.ndarray]:
    """Hashes of the keys that `other` lacks, has beyond those of `one`, and has other rows for."""
    _, mine, theirs = numpy.intersect1d(one.keys, other.keys, assume_unique=True, return_indices=True)
    changed = (one.counts[mine] != other.counts[theirs]) | (one.sums[mine] != other.sums[theirs])
    return {
        "missing": numpy.setdiff1d(one.keys, other.keys, assume_unique=True),
        "extra": numpy.setdiff1d(other.keys, one.keys, assume_unique=True),
        "different": one.keys[mine][changed],
    }


def examples(found: dict, names: tuple[str, str], stores: tuple[Rows, Rows], contract: Contract) -> list[str]:
    """A line for each of the first keys in which the second store differs from the first: which key and columns."""
    wanted = {kind: hashes[:SHOWN] for kind, hashes in found.items()}
    every = numpy.concatenate(list(wanted.values()))
    before, after = (_pick(rows, contract, every) for rows in stores)
    lines = []
    for kind, hashes in wanted.items():
        for each in map(int, hashes):
            mine, theirs = before.get(each, []), after.get(each, [])
            row = (mine or theirs)[0]
            key = ", ".join(f"{name}={row[name]}" for name in key_of(contract))
            lines.append(
                f"{names[1]}: {kind} {key}{_columns(names[0], mine, theirs) if kind == 'different' else ''}"
            )
    return lines


def _columns(base: str, mine: list[dict], theirs: list[dict]) -> str:
    if len(mine) != len(theirs):
        return f": {len(mine)} rows in {base}, {len(theirs)} here"
    pairs = ((name, mine[0][name], theirs[0][name]) for name in mine[0])
    return ": " + ", ".join(f"{name} {a!r} in {base}, {b!r} here" for name, a, b in pairs if a != b)


def _pick(rows: Rows, contract: Contract, wanted: numpy.ndarray) -> dict[int, list[dict]]:
    found: dict[int, list[dict]] = {}
    for batch in rows() if len(wanted) else ():
        hashes = rows_canonical.hashes(batch, key_of(contract))
        places = numpy.flatnonzero(numpy.isin(hashes, wanted))
        for place, row in zip(places, batch.take(pyarrow.array(places)).to_pylist(), strict=True):
            found.setdefault(int(hashes[place]), []).append(row)
    return found


def stores(contract: Contract, config: dict, catalog, models: dict[str, dict]) -> dict[str, Rows]:
    """How to read the dataset in each store. Raises ValueError when the configuration does not say it."""
    dataset = contract.dataset
    if dataset not in config["sources"]:
        raise ValueError(f"the configuration has no source for {dataset}; add it under sources")
    if dataset not in models:
        raise ValueError(
            f"no dbt model has meta.reconciles: {dataset}; add it to the model that holds its rows"
        )
    source, model = config["sources"][dataset], models[dataset]
    columns = tuple(column.name for column in contract.columns)
    whole = And(EqualTo("_is_deleted", False), EqualTo("_incomplete", False))

    def silver() -> Iterator[pyarrow.RecordBatch]:
        table = catalog.load_table((config["silver_database"], dataset))
        batches = table.scan(row_filter=whole, selected_fields=columns).to_arrow_batch_reader()
        return rows_canonical.of_arrow(batches, contract)

    gold = f"{config['gold_schema']}.{model['name']}"

    def told() -> Iterator[pyarrow.RecordBatch]:
        return rows_canonical.of_postgres(source["dsn"], source["relation"], contract, may_be_older=True)

    return {
        # None: nobody has written down what the source told.
        **({"source": told} if source else {}),
        "silver": silver,
        "gold": lambda: rows_canonical.of_postgres(config["warehouse"], gold, contract, model["current"]),
    }


def read_models(folder: str) -> dict[str, dict]:
    """The dbt model of each dataset that one reconciles: its name, and the condition of its current rows."""
    found = {}
    for path in sorted([*Path(folder).rglob("*.yml"), *Path(folder).rglob("*.yaml")]):
        for model in (yaml.safe_load(path.read_text()) or {}).get("models") or []:
            meta = {**(model.get("meta") or {}), **((model.get("config") or {}).get("meta") or {})}
            if "reconciles" in meta:
                found[meta["reconciles"]] = {"name": model["name"], "current": meta.get("current", "")}
    return found


def reconcile(
    contract: Contract,
    config: dict,
    catalog,
    models: dict[str, dict],
    others: Sequence[str] = ("silver", "gold"),
) -> dict:
    """Compares one dataset in its source and these `others`; `error` says why it can't be compared."""
    result: dict = {"dataset": contract.dataset, "differences": 0, "kinds": Counter(), "examples": []}
    try:
        every = stores(contract, config, catalog, models)
        reads = {name: rows for name, rows in every.items() if name == "source" or name in others}
        summaries = {}
        for store, rows in reads.items():
            summaries[store] = summarise(rows, contract)
            result[store] = {"rows": summaries[store].rows, "hash": summaries[store].hash}
        base, *others = reads
        for store in others:
            found = compare(summaries[base], summaries[store])
            result["differences"] += sum(map(len, found.values()))
            result["kinds"].update({kind: len(hashes) for kind, hashes in found.items()})
            result["examples"] += examples(found, (base, store), (reads[base], reads[store]), contract)
    except Exception as error:
        result["error"] = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return result


def reconcile_live(contract: Contract, config: dict, catalog, models: dict[str, dict]) -> dict:
    """Compares one dataset while it changes; `on_the_way` counts the keys that differed at the first look."""
    result: dict = {"dataset": contract.dataset, "differences": 0, "on_the_way": 0, "examples": []}
    try:
        reads = stores(contract, config, catalog, models)
        names = ("source", "silver")
        told, here = (summarise(reads[name], contract) for name in names)
        late = numpy.concatenate(list(compare(told, here).values()))
        result |= {"source": {"rows": told.rows}, "silver": {"rows": here.rows}, "on_the_way": len(late)}
        deadline = monotonic() + PATIENCE
        while len(late) and monotonic() < deadline:
            sleep(LOOK_AGAIN)
            now, here = (summarise(reads[name], contract) for name in names)
            differing = compare(now, here)
            still = numpy.intersect1d(late, numpy.concatenate(list(differing.values())))
            late = still[_sums(told, still) == _sums(now, still)]
        result["differences"] = len(late)
        if len(late):
            kept = {kind: numpy.intersect1d(keys, late) for kind, keys in differing.items()}
            result["examples"] = examples(kept, names, (reads["source"], reads["silver"]), contract)
    except Exception as error:
        result["error"] = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return result


def _sums(summary: Summary, keys: numpy.ndarray) -> numpy.ndarray:
    """The hashes of these keys' rows; 0 of a key that is not there."""
    if not len(summary.keys):
        return numpy.zeros(len(keys), "u8")
    places = numpy.minimum(numpy.searchsorted(summary.keys, keys), len(summary.keys) - 1)
    return numpy.where(summary.keys[places] == keys, summary.sums[places], numpy.uint64(0))


def live_lines(results: list[dict]) -> str:
    """The results of a comparison while data change, a line each."""
    lines = []
    for each in results:
        if "error" in each:
            lines.append(f"{each['dataset']}: not compared: {each['error']}")
            continue
        lines.append(
            f"{each['dataset']}: {each['source']['rows']:,} rows in source, {each['silver']['rows']:,} in silver, "
            f"{each['on_the_way']:,} on their way, {each['differences']:,} differ"
        )
        lines += [f"  {example}" for example in each["examples"]]
    return "\n".join(lines)


def table(results: list[dict]) -> str:
    """The results as aligned text."""
    lines = [["dataset", "source", "silver", "gold", "differences", "hash"]]
    for each in results:
        counts = [
            f"{each[store]['rows']:,}" if store in each else "-" for store in ("source", "silver", "gold")
        ]
        hashes = {each[store]["hash"] for store in ("source", "silver", "gold") if store in each}
        state = "not compared" if "error" in each else f"{each['differences']:,}"
        lines.append([each["dataset"], *counts, state, hashes.pop() if len(hashes) == 1 else "differs"])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = [
        "  ".join(_align(at, cell, widths[at]) for at, cell in enumerate(line)).rstrip() for line in lines
    ]
    for each in results:
        text += [
            f"  {each['dataset']} {line}" for line in [*each["examples"], *filter(None, [each.get("error")])]
        ]
    return "\n".join(text)


def _align(place: int, cell: str, width: int) -> str:
    return cell.rjust(width) if 1 <= place <= 4 else cell.ljust(width)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Compares source, silver and gold, row by row.")
    parser.add_argument("--contracts", required=True, help="folder of contracts")
    parser.add_argument("--config", required=True, help="JSON file, - for stdin: where the stores are")
    parser.add_argument("--json", action="store_true", help="print JSON and no table")
    parser.add_argument("--live", help="datasets to compare while they change, comma-separated")
    given = parser.parse_args(argv)
    config = json.loads(sys.stdin.read() if given.config == "-" else Path(given.config).read_text())
    catalog = lake.catalog(config["endpoint"], config.get("region", lake.REGION))
    models = read_models(config["models"])
    contracts = load_all(given.contracts)
    compare_one, shown = (reconcile_live, live_lines) if given.live else (reconcile, table)
    wanted = given.live.split(",") if given.live else contracts
    results = [compare_one(contracts[name], config, catalog, models) for name in wanted]
    equal = all(not each["differences"] and "error" not in each for each in results)
    print(json.dumps({"equal": equal, "datasets": results}) if given.json else shown(results))
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
