"""CloudFormation: what ministack creates otherwise than AWS does, and what is only recorded."""

import asyncio
import re

from services import Services, Settings

RECORD_ONLY = {
    "AWS::EC2::FlowLog": ("Id",),
    "AWS::EC2::SecurityGroupIngress": ("Id",),
    "AWS::Glue::SecurityConfiguration": (),
    "AWS::RedshiftServerless::Namespace": ("Namespace.NamespaceArn", "Namespace.NamespaceId"),
    "AWS::RedshiftServerless::Workgroup": (
        "Workgroup.WorkgroupArn",
        "Workgroup.WorkgroupId",
        "Workgroup.Endpoint.Address",
    ),
    "AWS::WAFv2::LoggingConfiguration": (),
    "AWS::WAFv2::WebACLAssociation": (),
}
"""Types that CloudFormation must be able to create and that nothing plays, with the attributes that templates
ask for. They prove nothing: docs/local.md lists them."""

PATIENCE = 30
"""Seconds."""


def extend(services: Services) -> None:
    import ministack.app as app
    import ministack.services.cloudformation.provisioners as provisioners

    app.SERVICE_HANDLERS["cloudformation"] = settled(app.SERVICE_HANDLERS["cloudformation"])

    settings = services.settings
    for resource_type, attributes in RECORD_ONLY.items():
        provisioners._RESOURCE_HANDLERS[resource_type] = record_only(resource_type, attributes, settings)

    vpc = provisioners._RESOURCE_HANDLERS["AWS::EC2::VPC"]
    stock = vpc["create"]

    def create_vpc(logical_id, props, stack_name):
        physical_id, attributes = stock(logical_id, props, stack_name)
        return physical_id, {**attributes, "CidrBlock": props.get("CidrBlock")}  # which stock leaves out

    vpc["create"] = create_vpc

    # `Ref` of a secret is its ARN, stock gives its name: a policy that says Ref would name nothing.
    secret = provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"]
    stock_secret = dict(secret)

    def name_of(arn: str) -> str:
        return re.sub("^arn:.*:secret:|-[0-9a-f]{6}$", "", arn) if arn.startswith("arn:") else arn

    def by_arn(answer):
        return answer[1]["Arn"], answer[1]

    secret["create"] = lambda *given: by_arn(stock_secret["create"](*given))
    secret["update"] = lambda arn, *given, **more: by_arn(
        stock_secret["update"](name_of(arn), *given, **more)
    )
    secret["delete"] = lambda arn, properties: stock_secret["delete"](name_of(arn), properties)


def settled(stock):
    """Answers a change of a stack when it has come to its end, or goes on after `PATIENCE`.

    AWS answers at once, and so does stock. `cdk deploy` looks at the stack right then, and after that every five
    seconds, which most stacks do not take here: it would wait five seconds for each.
    """

    async def handle(*request):
        before = asyncio.all_tasks()
        answer = await stock(*request)
        begun = asyncio.all_tasks() - before
        if begun:
            await asyncio.wait(begun, timeout=PATIENCE)
        return answer

    return handle


def record_only(resource_type: str, attributes: tuple[str, ...], settings: Settings) -> dict:
    _, service, kind = resource_type.split("::")
    service = re.sub("(?<=[a-z])(?=[A-Z])", "-", service).lower()

    def create(logical_id, props, stack_name):
        physical_id = props.get(f"{kind}Name") or props.get("Name") or f"{stack_name}-{logical_id}"
        arn = f"arn:aws:{service}:{settings.region}:{settings.account}:{kind.lower()}/{physical_id}"
        told = {"Arn": arn, "Address": "127.0.0.1"}
        return physical_id, {
            name: next((value for end, value in told.items() if name.endswith(end)), physical_id)
            for name in attributes
        }

    return {
        "create": create,
        "update": lambda physical_id, old, new, stack_name, *_, **__: create(physical_id, new, stack_name),
        "delete": lambda physical_id, props: None,
    }
