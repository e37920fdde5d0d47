"""Redshift's Data API over PostgreSQL: statements run in threads, one connection each, asked for by id.

The newest `KEPT` statements are remembered (AWS: those of 24 hours), in memory only; a page of a result has
at most `PAGE` rows (AWS: 1 MB). Sessions and CSV results are refused: nothing here needs them.

https://docs.aws.amazon.com/redshift-data/latest/APIReference/Welcome.html
https://docs.aws.amazon.com/redshift/latest/mgmt/data-api.html
"""

import re
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable

import psycopg
from aws_error import AwsError
from redshift_sql import bind, rewrite, single
from redshift_statement import ENDED, Statement, cell, column_metadata

KEPT = 1_000
PAGE = 1_000
ACTIVE = 500
BATCH = 40
ID = re.compile(r"[a-z0-9]{8}(-[a-z0-9]{4}){3}-[a-z0-9]{12}(:\d{0,2})?")
ECHOED = ("ClusterIdentifier", "DbUser", "Database", "SecretArn", "WorkgroupName")


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


class RedshiftData:
    """`dsn_for(database)` gives the connection string of the PostgreSQL that plays that Redshift database. `before`
    is called before each statement."""

    def __init__(self, dsn_for: Callable[[str], str], before: Callable[[], None] = lambda: None):
        self.dsn_for, self.before = dsn_for, before
        self.lock = threading.Lock()
        self.statements: OrderedDict[str, Statement] = OrderedDict()
        self.tokens: dict[str, str] = {}

    def handle(self, action: str, request: dict) -> dict:
        """Carries one action out. Raises AwsError as the service does."""
        actions = {
            "ExecuteStatement": lambda: self._execute(request, [request.get("Sql")], batch=False),
            "BatchExecuteStatement": lambda: self._execute(request, request.get("Sqls") or [], batch=True),
            "DescribeStatement": lambda: self._describe(request),
            "GetStatementResult": lambda: self._result(request),
            "ListStatements": lambda: self._list(request),
            "CancelStatement": lambda: self._cancel(request),
        }
        if action not in actions:
            raise AwsError(
                "UnknownOperationException", f"{action} is not played here; there are: {', '.join(actions)}"
            )
        return actions[action]()

    def _execute(self, request: dict, sqls: list, batch: bool) -> dict:
        _check(request, sqls)
        given = {each["name"]: each["value"] for each in request.get("Parameters") or []}
        bound = [bind(single(sql), given) for sql in sqls]
        unused = set(given).difference(*(names for _, names in bound))
        if unused:
            raise _invalid(f"Parameters are not used in the SQL: {', '.join(sorted(unused))}")
        token = request.get("ClientToken")
        with self.lock:
            statement = self.statements.get(self.tokens.get(token, "")) if token else None
            if statement is None:
                statement = self._new(request, sqls, bound, given, batch)
                if token:
                    self.tokens[token] = statement.id
                threading.Thread(target=self._run, args=(statement,), daemon=True).start()
        _wait(statement, request)
        answer = {name: request[name] for name in ECHOED if request.get(name)}
        answer |= {"Id": statement.id, "CreatedAt": round(statement.created, 3)}
        return answer | ({"Status": statement.status} if request.get("WaitTimeSeconds") else {})

    def _new(self, request: dict, sqls: list[str], bound: list, given: dict, batch: bool) -> Statement:
        if sum(each.status not in ENDED for each in self.statements.values()) >= ACTIVE:
            raise AwsError(
                "ActiveStatementsExceededException",
                f"There are {ACTIVE} active statements, the most allowed.",
            )
        whole = Statement(str(uuid.uuid4()), "" if batch else sqls[0], "", None, request)
        for index, (sql, (text, names)) in enumerate(zip(sqls, bound, strict=True), 1):
            values = {name: given[name] for name in names} or None
            if batch:
                whole.parts.append(Statement(f"{whole.id}:{index}", sql, text, values, request))
            else:
                whole.text, whole.values = text, values
        self.statements[whole.id] = whole
        if len(self.statements) > KEPT:
            gone, _ = self.statements.popitem(last=False)
            self.tokens = {token: kept for token, kept in self.tokens.items() if kept != gone}
        return whole

    def _run(self, statement: Statement) -> None:
        apart = statement.request.get("ExecutionMode") == "AUTO_COMMIT"
        failed = None
        try:
            self.before()
            dsn = self.dsn_for(statement.request["Database"])
            with psycopg.connect(dsn, autocommit=apart, options="-c TimeZone=UTC") as connection:
                statement.connection = connection
                statement.set("STARTED")
                for place, part in enumerate(statement.parts or [statement], 1):
                    if statement.cancelled:
                        break
                    error = _run_one(part, connection)
                    if part is not statement:
                        part.set("FAILED" if error else "FINISHED", error)
                        error = error and f"Query #{place} failed with {error}"
                    failed = failed or error
                    if failed and not apart:
                        break
                if (failed or statement.cancelled) and not apart:
                    connection.rollback()
        except Exception as error:
            failed = failed or f"ERROR: {_message(error)}"
        statement.connection = None
        for part in statement.parts:
            if part.status not in ENDED:
                part.set("ABORTED")
        statement.set("ABORTED" if statement.cancelled else "FAILED" if failed else "FINISHED", failed)

    def _get(self, request: dict) -> Statement:
        wanted = request.get("Id") or ""
        if not ID.fullmatch(wanted):
            raise _invalid(f"Id {wanted!r} does not satisfy the pattern {ID.pattern}")
        with self.lock:
            statement = self.statements.get(wanted.partition(":")[0])
        if statement is not None and ":" in wanted:
            statement = next((part for part in statement.parts if part.id == wanted), None)
        if statement is None:
            raise AwsError("ResourceNotFoundException", "Query does not exist.")
        _wait(statement, request)
        return statement

    def _describe(self, request: dict) -> dict:
        statement = self._get(request)
        echoed = {name: statement.request[name] for name in ECHOED if statement.request.get(name)}
        answer = statement.describe() | echoed | {"ResultFormat": "JSON", "RedshiftPid": 0}
        if statement.request.get("Parameters"):
            answer["QueryParameters"] = statement.request["Parameters"]
        if statement.parts:
            answer["SubStatements"] = [part.describe() for part in statement.parts]
        return answer

    def _result(self, request: dict) -> dict:
        statement = self._get(request)
        if statement.status != "FINISHED":
            message = f"Query is in {statement.status} state, so that it has no result."
            raise AwsError("ResourceNotFoundException", message)
        result = statement.result
        if result is None:
            message = "Query does not have result. Please check query status with DescribeStatement."
            raise AwsError("ResourceNotFoundException", message)
        start = _offset(request)
        stop = min(start + PAGE, result.ntuples)
        columns = range(result.nfields)
        answer = {
            "ColumnMetadata": [column_metadata(result, column) for column in columns],
            "Records": [[cell(result, row, column) for column in columns] for row in range(start, stop)],
            "TotalNumRows": result.ntuples,
        }
        return answer | ({"NextToken": str(stop)} if stop < result.ntuples else {})

    def _list(self, request: dict) -> dict:
        wanted, prefix = request.get("Status") or "ALL", request.get("StatementName") or ""
        start, size = _offset(request), int(request.get("MaxResults") or 100)
        with self.lock:
            newest_first = list(reversed(self.statements.values()))
        found = [
            {
                "Id": each.id,
                "Status": each.status,
                "QueryString": each.sql,
                "QueryStrings": [part.sql for part in each.parts],
                "IsBatchStatement": bool(each.parts),
                "StatementName": each.request.get("StatementName", ""),
                "CreatedAt": round(each.created, 3),
                "UpdatedAt": round(each.updated, 3),
            }
            for each in newest_first
            if wanted in ("ALL", each.status) and each.request.get("StatementName", "").startswith(prefix)
        ]
        more = {"NextToken": str(start + size)} if start + size < len(found) else {}
        return {"Statements": found[start : start + size], **more}

    def _cancel(self, request: dict) -> dict:
        statement = self._get(request)
        if statement.status in ENDED:
            raise _invalid(
                f"Could not cancel a query that is already in {statement.status} state: {statement.id}"
            )
        statement.cancelled = True
        if connection := statement.connection:
            connection.cancel_safe()
        return {"Status": True}


def _check(request: dict, sqls: list) -> None:
    if not request.get("Database"):
        raise _invalid("Database is required")
    if bool(request.get("WorkgroupName")) == bool(request.get("ClusterIdentifier")):
        raise _invalid("Give exactly one of WorkgroupName, ClusterIdentifier")
    if not 1 <= len(sqls) <= BATCH:
        raise _invalid(f"Sqls has {len(sqls)} members; allowed are 1 to {BATCH}")
    if request.get("ResultFormat") not in (None, "JSON"):
        raise _invalid(f"ResultFormat {request['ResultFormat']} is not played here; use JSON")
    if request.get("SessionId") or request.get("SessionKeepAliveSeconds"):
        raise _invalid("Sessions are not played here; leave SessionId and SessionKeepAliveSeconds out")
    for each in request.get("Parameters") or []:
        if not re.fullmatch(r"\w+", each.get("name") or "") or not each.get("value"):
            raise _invalid(
                f"Parameter {each} needs a name of letters, digits and _, and a value of 1 character or more"
            )


def _run_one(part: Statement, connection: psycopg.Connection) -> str | None:
    part.status = "STARTED"
    try:
        part.keep(connection.execute(rewrite(part.text), part.values))
        return None
    except psycopg.Error as error:
        return f"ERROR: {_message(error)}"


def _message(error: Exception) -> str:
    said = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    return said or " ".join(str(error).split())


def _wait(statement: Statement, request: dict) -> None:
    seconds = request.get("WaitTimeSeconds")
    if seconds is not None and not 1 <= int(seconds) <= 30:
        raise _invalid(f"WaitTimeSeconds is {seconds}; allowed are 1 to 30")
    if seconds:
        statement.over.wait(int(seconds))


def _offset(request: dict) -> int:
    token = request.get("NextToken") or "0"
    if not token.isdigit():
        raise _invalid("NextToken is none that this API gave out")
    return int(token)
