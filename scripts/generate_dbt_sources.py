"""Writes dbt/models/sources.yml: the source `silver`, a table for each contract, its rules as tests.

    python scripts/generate_dbt_sources.py            write it
    python scripts/generate_dbt_sources.py --check    write nothing; exit 1 when it is stale

The rules decide whether gold may go on, so each is an error; they look at current rows only (`current_rows`
in dbt/dbt_project.yml): a tombstone has nothing but its key, and an incomplete row is not shown.
`npm run generate` runs it with the project's own Python.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "glue-jobs"))

from common.contract import Column, Contract, ContractError, load_all  # noqa: E402

SOURCES = ROOT / "dbt" / "models" / "sources.yml"
COMMAND = "npm run generate"
CURRENT_ROWS = {"where": "{{ var('current_rows') }}"}

# Contract types whose SQL name is another; the rest mean the same in Redshift and in PostgreSQL.
SQL_NAMES = {"int": "integer", "double": "double precision", "decimal": "numeric"}


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
    """One dataset; a key of several columns becomes a test of the table."""
    entry: dict[str, Any] = {
        "name": contract.dataset,
        "description": contract.description,
        "config": {"meta": {"owner": contract.owner, "domain": contract.domain, "version": contract.version}},
    }
    if len(contract.key) > 1:
        entry["data_tests"] = [test("unique_together", columns=[f'"{name}"' for name in contract.key])]
    entry["columns"] = [column(contract, each) for each in contract.columns]
    return entry


def column(contract: Contract, declared: Column) -> dict[str, Any]:
    """One column, quoted in the tests, since a contract may use a word that SQL reserves."""
    tests = [test("not_null")] if declared.required else []
    if contract.key == (declared.name,):
        tests.append(test("unique"))
    meta: dict[str, Any] = {"classification": declared.classification}
    if declared.valid_values:
        meta["valid_values"] = list(declared.valid_values)
        # dbt puts the values between quotes as they are.
        tests.append(
            test("accepted_values", values=[value.replace("'", "''") for value in declared.valid_values])
        )
    return {
        "name": declared.name,
        "description": declared.description,
        "data_type": sql_type(declared),
        "quote": True,
        "config": {"meta": meta},
        **({"data_tests": tests} if tests else {}),
    }


def test(name: str, **arguments: Any) -> dict[str, Any]:
    """A generic test over current rows."""
    return {name: {**({"arguments": arguments} if arguments else {}), "config": dict(CURRENT_ROWS)}}


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


def render(contracts: list[Contract]) -> str:
    """The file's text."""
    head = f"# Generated from contracts/*.odcs.yaml. Change those, then: {COMMAND}\n"
    return head + yaml.dump(
        sources(contracts), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=1_000_000
    )


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code: 1 with --check when the file is not what the contracts say."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 when the file is stale")
    parser.add_argument("--contracts", type=Path, default=ROOT / "contracts", help="folder of contracts")
    parser.add_argument("--output", type=Path, default=SOURCES, help="file to write, or to check")
    options = parser.parse_args(arguments)
    try:
        contracts = load_all(str(options.contracts))
    except ContractError as error:
        print(error, file=sys.stderr)
        return 1
    text = render([contracts[dataset] for dataset in sorted(contracts)])
    if not options.check:
        options.output.write_text(text, encoding="utf-8")
    elif not options.output.exists() or options.output.read_text(encoding="utf-8") != text:
        print(f"{options.output.name} is not what contracts/ says; run: {COMMAND}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
