"""The emulator with enforcement, as a local run has it: what a role may do, and what it is told when it may not."""

import json
import time
import uuid

import emulated
import iam_resources
import lake
import pytest
import roles
from botocore.exceptions import ClientError
from emulated import ACCOUNT, REGION, ROOT

GLUE = f"arn:aws:glue:{REGION}:{ACCOUNT}"
WORKGROUP = f"arn:aws:redshift-serverless:{REGION}:{ACCOUNT}:workgroup/warehouse"


@pytest.fixture(scope="module")
def aws(serve):
    """Clients of our emulator by their service, with the rights of the account."""

    address = serve([str(ROOT / "local" / "emulator.py")], first_line=emulated.settings)
    return lambda service, session=None: lake.client(service, address, REGION, session)


@pytest.fixture
def role(aws):
    """Makes a role that may do (action, resource) and gives its ARN."""
    iam = aws("iam")

    def make(*allowed: tuple[str, str]) -> str:
        name = f"r{uuid.uuid4().hex[:12]}"
        trust = {
            "Effect": "Allow",
            "Principal": {"Service": "glue.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
        statements = [{"Effect": "Allow", "Action": action, "Resource": arn} for action, arn in allowed]
        if statements:
            policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy)
        return made["Role"]["Arn"]

    return make


@pytest.fixture
def as_role(aws, role):
    """A client of a service in the name of a new role."""
    sts = aws("sts")
    return lambda service, *allowed: aws(service, roles.session(role(*allowed), sts))


def refusal(call, **arguments) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert "AccessDenied" in caught.value.response["Error"]["Code"]
    return caught.value.response["Error"]["Message"]


def test_a_refusal_names_the_role_the_action_and_the_resource(aws, as_role):
    aws("s3").create_bucket(Bucket="refusals")
    told = refusal(as_role("s3").get_object, Bucket="refusals", Key="a/b")
    assert ":assumed-role/r" in told
    assert "is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::refusals/a/b" in told


def test_a_bucket_that_wants_tls_lets_the_laptop_in(aws, as_role):
    aws("s3").create_bucket(Bucket="tls-only")
    deny = {
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "s3:*",
        "Resource": "arn:aws:s3:::tls-only/*",
    }
    deny["Condition"] = {"Bool": {"aws:SecureTransport": "false"}}
    aws("s3").put_bucket_policy(Bucket="tls-only", Policy=json.dumps({"Statement": [deny]}))
    as_role("s3", ("s3:PutObject", "arn:aws:s3:::tls-only/*")).put_object(
        Bucket="tls-only", Key="a", Body=b""
    )


def test_a_table_wants_its_database_and_the_catalogue_too(as_role):
    whole = [f"{GLUE}:table/sales/*", f"{GLUE}:database/sales", f"{GLUE}:catalog"]
    for missing in whole:
        allowed = [("glue:GetTable", arn) for arn in whole if arn != missing]
        told = refusal(as_role("glue", *allowed).get_table, DatabaseName="sales", Name="totals")
        assert f"glue:GetTable on resource: {missing.replace('*', 'totals')}" in told
    glue = as_role("glue", *[("glue:GetTable", arn) for arn in whole])
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.get_table(DatabaseName="sales", Name="totals")


def test_sql_wants_the_statement_and_the_login(as_role):
    request = {"WorkgroupName": "warehouse", "Database": "warehouse", "Sql": "select 1"}
    execute = ("redshift-data:ExecuteStatement", WORKGROUP)
    login = ("redshift-serverless:GetCredentials", WORKGROUP)
    assert execute[0] in refusal(as_role("redshift-data", login).execute_statement, **request)
    assert login[0] in refusal(as_role("redshift-data", execute).execute_statement, **request)
    assert as_role("redshift-data", execute, login).execute_statement(**request)["Id"]
    secret = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:admin"
    told = refusal(as_role("redshift-data", execute, login).execute_statement, **request, SecretArn=secret)
    assert f"secretsmanager:GetSecretValue on resource: {secret}" in told


def test_an_export_wants_its_role_to_be_passed_on(as_role, role):
    snapshot = f"arn:aws:rds:{REGION}:{ACCOUNT}:snapshot:rds:acme-1"
    request = {"ExportTaskIdentifier": "one", "SourceArn": snapshot, "IamRoleArn": role()}
    request |= {"S3BucketName": "exports", "KmsKeyId": "key"}
    told = refusal(as_role("rds", ("rds:StartExportTask", snapshot)).start_export_task, **request)
    assert f"iam:PassRole on resource: {request['IamRoleArn']}" in told


@pytest.mark.parametrize(
    "resource, arguments, error, cause",
    [
        (
            "lambda:invoke",
            {"FunctionName": "arn:aws:lambda:x"},
            "AccessDeniedException",
            "lambda:InvokeFunction",
        ),
        ("glue:startJobRun.sync", {"JobName": "merge"}, "AccessDeniedException", f"{GLUE}:job/merge"),
        (
            "codebuild:startBuild.sync",
            {"ProjectName": "dbt"},
            "AccessDeniedException",
            "codebuild:StartBuild",
        ),
        ("sns:publish", {"TopicArn": "arn"}, "States.Runtime", "not played here"),
    ],
)
def test_a_task_of_a_pipeline_asks_the_role_of_its_state_machine(
    aws, role, resource, arguments, error, cause
):
    states = aws("stepfunctions")
    task = {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Arguments": arguments, "End": True}
    definition = json.dumps({"QueryLanguage": "JSONata", "StartAt": "One", "States": {"One": task}})
    name = resource.replace(":", "-").replace(".", "-")
    machine = states.create_state_machine(name=name, definition=definition, roleArn=role())["stateMachineArn"]
    run = states.start_execution(stateMachineArn=machine)["executionArn"]
    while (ended := states.describe_execution(executionArn=run))["status"] == "RUNNING":
        time.sleep(0.05)
    assert (ended["status"], ended["error"]) == ("FAILED", error)
    assert cause in ended["cause"]


def test_ref_of_a_secret_is_what_a_policy_can_name(aws):
    secret = {
        "Type": "AWS::SecretsManager::Secret",
        "Properties": {"Name": "of/a/source", "SecretString": "{}"},
    }
    template = {"Resources": {"One": secret}, "Outputs": {"Arn": {"Value": {"Ref": "One"}}}}
    stacks = aws("cloudformation")
    for description in ("first", "second"):  # an update finds it again
        secret["Properties"]["Description"] = description
        change = stacks.create_stack if description == "first" else stacks.update_stack
        change(StackName="secrets", TemplateBody=json.dumps(template))
        (stack,) = stacks.describe_stacks(StackName="secrets")["Stacks"]
        assert stack["StackStatus"].endswith("E_COMPLETE")
        arn = stack["Outputs"][0]["OutputValue"]
        assert aws("secretsmanager").describe_secret(SecretId=arn)["Description"] == description
    stacks.delete_stack(StackName="secrets")
    assert "of/a/source" not in [one["Name"] for one in aws("secretsmanager").list_secrets()["SecretList"]]


def test_tables_of_a_database_are_one_resource_and_its_holders():
    assert (
        iam_resources.resource("glue", "GetTables", {"DatabaseName": "d"}, "r", "1")
        == "arn:aws:glue:r:1:table/d/*"
    )
    assert iam_resources.within("arn:aws:s3:::b/table/c") == ["arn:aws:s3:::b/table/c"]


def test_a_task_that_is_a_function_asks_for_that_function():
    function = "arn:aws:lambda:us-east-1:000000000000:function:framework-isComplete"
    assert iam_resources.of_task(function, {}, "us-east-1", "000000000000") == [
        ("lambda:InvokeFunction", function)
    ]
    with pytest.raises(KeyError, match="is not played here"):
        iam_resources.of_task("arn:aws:states:::sqs:sendMessage", {}, "us-east-1", "000000000000")
