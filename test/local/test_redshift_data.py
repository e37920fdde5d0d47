"""The Data API on a real PostgreSQL."""

import time

import pytest
from aws_error import AwsError
from redshift_data import RedshiftData
from redshift_sql import bind, rewrite, single

SERVERLESS = {"Database": "warehouse", "WorkgroupName": "local"}


@pytest.fixture
def api(database):
    return RedshiftData(lambda name: database)


def run(api, sql, **request):
    started = api.handle("ExecuteStatement", {**SERVERLESS, "Sql": sql, **request})
    return api.handle("DescribeStatement", {"Id": started["Id"], "WaitTimeSeconds": 30})


def batch(api, *sqls, **request):
    started = api.handle("BatchExecuteStatement", {**SERVERLESS, "Sqls": list(sqls), **request})
    return api.handle("DescribeStatement", {"Id": started["Id"], "WaitTimeSeconds": 30})


def code(api, action, request):
    with pytest.raises(AwsError) as error:
        api.handle(action, request)
    return error.value.code


def test_values_come_in_the_fields_that_redshift_uses(api):
    sql = """select 1::int a, 9007199254740993::bigint b, 1.5::float8 c, 2.50::numeric(12,2) d, true e,
             'x%' f, date '2026-11-20' g, timestamptz '2026-11-20 01:00+01' h, null::text i"""
    done = run(api, sql)
    assert (done["Status"], done["HasResultSet"], done["ResultRows"]) == ("FINISHED", True, 1)
    answer = api.handle("GetStatementResult", {"Id": done["Id"]})
    assert answer["Records"] == [
        [
            {"longValue": 1},
            {"longValue": 9007199254740993},
            {"doubleValue": 1.5},
            {"stringValue": "2.50"},
            {"booleanValue": True},
            {"stringValue": "x%"},
            {"stringValue": "2026-11-20"},
            {"stringValue": "2026-11-20 00:00:00+00"},
            {"isNull": True},
        ]
    ]
    assert [column["typeName"] for column in answer["ColumnMetadata"][:4]] == [
        "int4",
        "int8",
        "float8",
        "numeric",
    ]
    assert (answer["ColumnMetadata"][3]["precision"], answer["ColumnMetadata"][3]["scale"]) == (12, 2)


def test_a_result_is_paged(api):
    done = run(api, "select n from generate_series(1, 2500) n")
    rows, token = [], None
    while True:
        page = api.handle("GetStatementResult", {"Id": done["Id"], **({"NextToken": token} if token else {})})
        rows += [row[0]["longValue"] for row in page["Records"]]
        if not (token := page.get("NextToken")):
            break
    assert rows == list(range(1, 2501)) and page["TotalNumRows"] == 2500


def test_named_parameters_and_client_tokens(api):
    run(api, "create table t(a int, b text)")
    parameters = [{"name": "a", "value": "7"}, {"name": "b", "value": "it's 100%"}]
    for _ in range(2):
        done = run(api, "insert into t values (:a, :b || ' :a %')", Parameters=parameters, ClientToken="once")
    assert (done["Status"], done["ResultRows"], done["HasResultSet"]) == ("FINISHED", 1, False)
    done = run(api, "select * from t where a = :a and a::int > 0", Parameters=parameters[:1])
    records = api.handle("GetStatementResult", {"Id": done["Id"]})["Records"]
    assert records == [[{"longValue": 7}, {"stringValue": "it's 100% :a %"}]]
    base = {**SERVERLESS, "Sql": "select :a, :b"}
    assert code(api, "ExecuteStatement", {**base, "Parameters": parameters[:1]}) == "ValidationException"
    assert (
        code(api, "ExecuteStatement", {**base, "Sql": "select :a", "Parameters": parameters})
        == "ValidationException"
    )


def test_a_batch_is_one_transaction_unless_told_otherwise(api):
    done = batch(
        api, "create table t(a int)", "insert into t values (1)", "select * from nowhere", "select 1"
    )
    assert done["Status"] == "FAILED" and "Query #3 failed" in done["Error"]
    assert [each["Status"] for each in done["SubStatements"]] == ["FINISHED", "FINISHED", "FAILED", "ABORTED"]
    assert run(api, "select * from t")["Error"] == 'ERROR: relation "t" does not exist'
    apart = batch(
        api, "create table t(a int)", "select * from nowhere", "select 5", ExecutionMode="AUTO_COMMIT"
    )
    assert [each["Status"] for each in apart["SubStatements"]] == ["FINISHED", "FAILED", "FINISHED"]
    assert api.handle("GetStatementResult", {"Id": f"{apart['Id']}:3"})["Records"] == [[{"longValue": 5}]]
    listed = api.handle("ListStatements", {"Status": "FAILED", "MaxResults": 1})
    assert listed["Statements"][0]["Id"] == apart["Id"] and listed["NextToken"] == "1"


def test_a_statement_can_be_cancelled(api):
    started = api.handle("ExecuteStatement", {**SERVERLESS, "Sql": "select pg_sleep(60)"})
    while (status := api.handle("DescribeStatement", {"Id": started["Id"]})["Status"]) != "STARTED":
        assert status == "SUBMITTED"
        time.sleep(0.01)
    assert code(api, "GetStatementResult", {"Id": started["Id"]}) == "ResourceNotFoundException"
    api.handle("CancelStatement", {"Id": started["Id"]})
    done = api.handle("DescribeStatement", {"Id": started["Id"], "WaitTimeSeconds": 30})
    assert done["Status"] == "ABORTED"
    assert code(api, "CancelStatement", {"Id": started["Id"]}) == "ValidationException"


def test_set_up_of_a_warehouse(api, database):
    done = batch(
        api,
        "create external schema if not exists silver from data catalog database 'local_silver' iam_role 'a'",
        "create schema if not exists gold",
        'create user "IAMR:builder" password disable',
        'grant usage on schema silver to "IAMR:builder"',
        'alter default privileges for user "IAMR:builder" in schema gold grant select on tables to public',
        "create role readers",
        "grant usage on schema gold to role readers",
        'grant role readers to "IAMR:builder"',
        "drop role readers_of_nothing",
    )
    assert "Query #9 failed" in done["Error"]  # all the others are understood
    assert run(api, 'create user "IAMR:publisher" password disable')["Status"] == "FINISHED"
    assert run(api, 'drop user "IAMR:publisher"')["Status"] == "FINISHED"
    assert (
        "does not exist" in run(api, 'grant select on all tables in schema public to "IAMR:nobody"')["Error"]
    )


@pytest.mark.parametrize(
    "request_",
    [
        {"Sql": "select 1"},
        {**SERVERLESS, "ClusterIdentifier": "c", "Sql": "select 1"},
        {**SERVERLESS, "Sql": "select 1; select 2"},
        {**SERVERLESS, "Sql": " "},
        {**SERVERLESS, "Sql": "select 1", "SessionKeepAliveSeconds": 5},
    ],
)
def test_requests_that_are_refused(api, request_):
    assert code(api, "ExecuteStatement", request_) == "ValidationException"


def test_unknown_statements(api):
    assert code(api, "DescribeStatement", {"Id": "no"}) == "ValidationException"
    unknown = {"Id": "d9b6c0c9-0747-4bf4-b142-e8883122f766"}
    assert code(api, "DescribeStatement", unknown) == "ResourceNotFoundException"


def test_text_that_only_looks_like_something_else():
    assert single("select ';' -- ;\n;") == "select ';' -- ;\n"
    assert bind("select ':a', a::b, $$:c$$, :d", {"d": "1"}) == ("select ':a', a::b, $$:c$$, %(d)s", ["d"])
    for same in ("create table a as select 'create external schema'", "grant select on t to someone"):
        assert rewrite(same) == same
