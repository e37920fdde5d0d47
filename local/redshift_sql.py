"""Redshift's SQL on PostgreSQL: named parameters, one statement a request, and the rewrites of set-up.

What `REWRITES` does not name goes to PostgreSQL unchanged: models are portable SQL, and what is not, fails.
"""

import re

from aws_error import AwsError

QUOTED = r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*[\s\S]*?\*/|\$(?P<tag>\w*)\$[\s\S]*?\$(?P=tag)\$"
PARAMETER = re.compile(rf"{QUOTED}|::|:(?P<name>[A-Za-z_]\w*)")
END = re.compile(rf"{QUOTED}|(?P<end>;)")
NAME = r'(?:"(?:[^"]|"")+"|[\w.]+)'

REWRITES = (
    # Silver as Redshift sees it through Spectrum; warehouse_mirror.py fills the schema that stands for it.
    (
        rf"create\s+external\s+schema\s+(if\s+not\s+exists\s+)?({NAME})\s+from\s+data\s+catalog\b.*",
        r"create schema if not exists \2",
    ),
    (r"(drop\s+schema\s+.*?)\s+drop\s+external\s+database(\s+(?:cascade|restrict))?", r"\1\2"),
    # Users that IAM makes have no password (`"IAMR:<role>"`), and a role is no word of a grantee.
    (rf"(create|alter)\s+user\s+({NAME})\s+(?:with\s+)?password\s+disable\b.*", r"\1 user \2"),
    (rf"grant\s+role\s+({NAME})\s+to\s+(?:role\s+)?({NAME})", r"grant \1 to \2"),
    (rf"(grant\b.*?\bto\s+)role\s+({NAME})", r"\1\2"),
    (rf"(revoke\b.*?\bfrom\s+)role\s+({NAME})", r"\1\2"),
)


def single(sql: str | None) -> str:
    """The statement without its semicolon. Raises ValidationException unless there is exactly one."""
    if not sql or not sql.strip():
        raise AwsError("ValidationException", "Sql is empty; give one SQL statement")
    ends = [match.start() for match in END.finditer(sql) if match["end"]]
    if any(sql[end + 1 :].strip(" \t\r\n;") for end in ends):
        raise AwsError(
            "ValidationException", "Sql holds several statements; send them with BatchExecuteStatement"
        )
    return sql[: ends[0]] if ends else sql


def bind(sql: str, given: dict[str, str]) -> tuple[str, list[str]]:
    """`:name` as psycopg wants it, and the names used; not in strings, comments, quoted names and casts."""
    names: list[str] = []

    def replace(match: re.Match) -> str:
        name = match["name"]
        if name is None:
            return match[0].replace("%", "%%")
        if name not in given:
            raise AwsError("ValidationException", f"Parameters list does not contain: {name}")
        names.append(name)
        return f"%({name})s"

    if not given:
        if missing := next((match["name"] for match in PARAMETER.finditer(sql) if match["name"]), None):
            raise AwsError("ValidationException", f"Parameters list does not contain: {missing}")
        return sql, names
    pieces, end = [], 0
    for match in PARAMETER.finditer(sql):
        pieces += [sql[end : match.start()].replace("%", "%%"), replace(match)]
        end = match.end()
    text = "".join([*pieces, sql[end:].replace("%", "%%")])
    return (text, names) if names else (sql, names)


def rewrite(sql: str) -> str:
    """The statement for PostgreSQL."""
    body = sql.strip()
    for pattern, replacement in REWRITES:
        body, found = re.subn(rf"\A{pattern}", replacement, body, count=1, flags=re.I | re.S)
        if found:
            break
    return body
