"""Writes what dbt takes from the contracts, into dbt/models:

    sources.yml            the source `silver`: a table for each contract, with its rules, and a test of them
    staging/staging.yml    the staging views, column by column
    contracts.md           each column's description, as `{{ doc('<dataset>__<column>') }}`

    python scripts/generate_dbt_sources.py            write them
    python scripts/generate_dbt_sources.py --check    write nothing; exit 1 when one is stale

The rules decide whether gold may go on (dbt/tests/generic/keeps_contract.sql).
`npm run generate` runs it with the project's own Python.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "glue-jobs"))

from common.contract import Column, Contract, ContractError  # noqa: E402
from common.contract_file import load_all  # noqa: E402

MODELS = ROOT / "dbt" / "models"
COMMAND = "npm run generate"
HEAD = f"Generated from contracts/*.odcs.yaml. Change those, then: {COMMAND}"

# Contract types whose SQL name is another; the rest mean the same in Redshift and in PostgreSQL.
SQL_NAMES = {"int": "integer", "double": "double precision", "decimal": "numeric"}


KEYS = {
    "_row_hash": "Hash of the row's values: equal rows have one.",
    "_row_copy": "Which copy of the row it is: where it arrived in the order of the source.",
}


def sources(contracts: list[Contract]) -> dict[str, Any]:
    """The source as dbt's YAML wants it (https://docs.getdbt.com/reference/source-properties)."""
    return {
        "sources": [
            {
                "name": "silver",
                "description": "One row for each key of each dataset, as it is now, tombstones included.",
                "schema": "silver",
                "tables": [table(contract) for contract in contracts],
            }
        ]
    }


def table(contract: Contract) -> dict[str, Any]:
    """One dataset; `meta` has what SQL can't say of a column."""
    entry: dict[str, Any] = {
        "name": contract.dataset,
        "description": contract.description,
        "config": {
            "meta": {
                "owner": contract.owner,
                "domain": contract.domain,
                "version": contract.version,
                "key": list(contract.key),
            }
        },
    }
    entry["data_tests"] = [{"keeps_contract": {"arguments": {"dataset": contract.dataset}}}]
    entry["columns"] = [column(each) for each in contract.columns]
    return entry


def column(declared: Column) -> dict[str, Any]:
    """One column, quoted, since a contract may use a word that SQL reserves."""
    meta: dict[str, Any] = {"classification": declared.classification}
    if declared.required or declared.key:
        meta["required"] = True
    if declared.previous_names:
        meta["previous_names"] = list(declared.previous_names)
    if declared.valid_values:
        meta["valid_values"] = list(declared.valid_values)
    return {
        "name": declared.name,
        "description": declared.description,
        "data_type": sql_type(declared),
        "quote": True,
        "config": {"meta": meta},
    }


def sql_type(declared: Column) -> str:
    """The column's type as Redshift and PostgreSQL both spell it, for example `numeric(12,2)`."""
    name, bracket, numbers = declared.type.partition("(")
    return SQL_NAMES.get(name, name) + bracket + numbers


class Dumper(yaml.SafeDumper):
    """Writes as Prettier does: lists indented below their key, double quotes around a text with a '."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_text(self, text: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", text, style='"' if "'" in text else None)


Dumper.add_representer(str, Dumper.represent_text)


def staging(contracts: list[Contract], folder: Path) -> dict[str, Any]:
    """The staging views that there are, one for a dataset at most (`stg_<source>__<dataset>.sql`)."""
    views = {path.stem.partition("__")[2]: path.stem for path in sorted(folder.glob("stg_*__*.sql"))}
    return {
        "models": [
            {
                "name": views[contract.dataset],
                "description": f"{contract.description} Rows that are alive and whole, "
                f"one for each {', '.join(contract.key)}.".strip(),
                "columns": [
                    *(
                        {
                            "name": each.name,
                            "description": reference(contract, each),
                            "data_type": sql_type(each),
                        }
                        for each in contract.columns
                    ),
                    *(
                        {
                            "name": name,
                            "description": f"{{{{ doc('{name[1:]}') }}}}",
                            "data_type": "varchar(64)",
                        }
                        for name in contract.key
                        if contract.keyless
                    ),
                    {
                        "name": "_merged_at",
                        "description": "{{ doc('merged_at') }}",
                        "data_type": "timestamptz",
                    },
                ],
            }
            for contract in contracts
            if contract.dataset in views
        ]
    }


def reference(contract: Contract, declared: Column) -> str:
    """How a model's YAML takes over a column's description."""
    return f"{{{{ doc('{contract.dataset}__{declared.name}') }}}}"


def descriptions(contracts: list[Contract]) -> str:
    """A block for each column (https://docs.getdbt.com/docs/build/documentation#using-docs-blocks)."""
    texts = {"merged_at": "When silver last merged the row."}
    if any(contract.keyless for contract in contracts):
        texts |= {name[1:]: text for name, text in KEYS.items()}
    for contract in contracts:
        for each in contract.columns:
            # A renamed column keeps its block, or every model that takes it over would have to change at once.
            for name in (*each.previous_names, each.name):
                texts[f"{contract.dataset}__{name}"] = each.description or each.name
    blocks = (f"{{% docs {name} %}}\n{text}\n{{% enddocs %}}\n" for name, text in texts.items())
    return f"<!-- {HEAD} -->\n\n" + "\n".join(blocks)


def as_yaml(content: dict[str, Any]) -> str:
    return f"# {HEAD}\n" + yaml.dump(
        content, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=1_000_000
    )


def files(contracts: list[Contract]) -> dict[str, str]:
    """Text of each generated file, by its path below dbt/models."""
    return {
        "sources.yml": as_yaml(sources(contracts)),
        "staging/staging.yml": as_yaml(staging(contracts, MODELS / "staging")),
        "contracts.md": descriptions(contracts),
    }


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code: 1 with --check when a file is not what the contracts say."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 when a file is stale")
    parser.add_argument("--contracts", type=Path, default=ROOT / "contracts", help="folder of contracts")
    parser.add_argument("--output", type=Path, default=MODELS, help="folder to write to, or to check")
    options = parser.parse_args(arguments)
    try:
        contracts = load_all(str(options.contracts))
    except ContractError as error:
        print(error, file=sys.stderr)
        return 1
    stale = []
    for name, text in files([contracts[dataset] for dataset in sorted(contracts)]).items():
        path = options.output / name
        if not options.check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
    if stale:
        print(f"{', '.join(stale)}: not what contracts/ says; run: {COMMAND}", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
