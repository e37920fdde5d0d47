"""What PostgreSQL runs and Redshift refuses or answers otherwise, found in the parsed SQL.

sqlfluff's redshift dialect lets these through. List: the constructs that people reach for, not all there are.
https://docs.aws.amazon.com/redshift/latest/dg/c_unsupported-postgresql-features.html
https://docs.aws.amazon.com/redshift/latest/dg/r_UNION.html (INTERSECT ALL, EXCEPT ALL)
https://docs.aws.amazon.com/redshift/latest/dg/r_Dateparts_for_datetime_functions.html
"""

from collections.abc import Iterator

import sqlglot
from sqlglot import exp

FUNCTIONS = {
    "CLOCK_TIMESTAMP",
    "JSON_BUILD_OBJECT",
    "JSONB_BUILD_OBJECT",
    "MAKE_DATE",
    "MAKE_INTERVAL",
    "ROW_TO_JSON",
    "TO_JSONB",
}
TYPES = {"ARRAY", "BIGSERIAL", "INET", "JSON", "JSONB", "SERIAL", "TEXT", "UUID"}
DATE_PARTS = {"ISODOW", "ISOYEAR", "JULIAN"}
# Nodes of sqlglot's tree that Redshift has nothing for, whatever is in them.
NODES: dict[type[exp.Expression], str] = {
    exp.Filter: "filter (where …)",
    exp.Lateral: "lateral",
    exp.OnConflict: "on conflict",
    exp.Returning: "returning",
    exp.JSONExtract: "->",
    exp.JSONExtractScalar: "->>",
    exp.ArrayAgg: "array_agg",
    exp.GroupConcat: "string_agg (listagg)",
    exp.Array: "array[…]",
    exp.GenerateSeries: "generate_series",
    exp.ExplodingGenerateSeries: "generate_series",
    exp.Unnest: "unnest",
    exp.Explode: "unnest",
    exp.Uuid: "gen_random_uuid",
    exp.Format: "format",
    exp.CurrentTimestamp: "now or current_timestamp",
    exp.NullSafeEQ: "is not distinct from",
    exp.NullSafeNEQ: "is distinct from",
}


def postgres_only(sql: str) -> list[str]:
    """Names of the constructs in `sql` that only PostgreSQL has, sorted, each once.

    Throws sqlglot's ParseError when the text is no SQL that PostgreSQL would run.
    """
    found: set[str] = set()
    for statement in sqlglot.parse(sql, read="postgres"):
        for node in statement.walk() if statement else []:
            found.update(judge(node))
    return sorted(found)


def judge(node: exp.Expression) -> Iterator[str]:
    """The names that one node of the tree earns."""
    if type(node) in NODES:
        yield NODES[type(node)]
    match node:
        case exp.Distinct() if node.args.get("on"):
            yield "distinct on"
        case exp.DataType() if node.this.name in TYPES:
            yield f"type {node.this.name.lower()}"
        case exp.Create() if node.kind == "INDEX":
            yield "create index"
        case exp.Merge() if any(when.args.get("condition") for when in node.find_all(exp.When)):
            yield "merge when … and"
        case exp.WindowSpec() if node.text("kind").upper() in ("GROUPS", "RANGE"):
            yield "window frame in " + node.text("kind").lower()
        case exp.Except() | exp.Intersect() if node.args.get("distinct") is False:
            yield f"{node.key} all"
        case exp.Extract() if node.name.upper() in DATE_PARTS:
            yield f"extract {node.name.lower()}"
        case exp.Values() if not isinstance(node.parent, exp.Insert):
            yield "values as a table"
        case exp.CTE() if node.args.get("materialized") is not None:
            yield "with … as materialized"
        case exp.Anonymous() if node.name.upper() in FUNCTIONS:
            yield node.name.lower()
