"""Arguments that every job takes, as `--name value`; names that a job does not know (Glue adds its own) are
ignored.
"""

import argparse


def parser(description: str, dataset: bool = True) -> argparse.ArgumentParser:
    """A parser with the common arguments; a job adds its own and calls `parse_known_args`."""
    made = argparse.ArgumentParser(description=description, allow_abbrev=False)
    made.add_argument("--env", required=True, help="environment, the prefix of database names")
    if dataset:
        made.add_argument("--dataset", required=True)
    made.add_argument("--run-id", required=True, help="the pipeline's execution name")
    made.add_argument("--contracts", required=True, help="folder, .zip or s3://….zip of contracts")
    made.add_argument("--runs-table", help="DynamoDB table of run records; nothing is recorded without it")
    return made


def flag(text: str) -> bool:
    """`true` or `false`. Raises argparse.ArgumentTypeError for anything else."""
    if text not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{text!r}: allowed are true, false")
    return text == "true"
