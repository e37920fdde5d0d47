"""DMS, which ministack does not know: its API, and what CloudFormation makes of it."""

import socket
import threading
import time

from aws_error import AwsError
from services import Services

from patches.iam import check_caller
from patches.protocol import answered, intercept

TARGET = "AmazonDMSv20160101"


def extend(services: Services) -> None:
    import ministack.app as app
    import ministack.services.cloudformation.provisioners as provisioners

    stock_detect, stock_load = app.detect_service, app._load_persisted_state

    def detect(method, path, headers, query_params):
        target = headers.get("x-amz-target", "").partition(".")[0]
        return "dms" if target == TARGET else stock_detect(method, path, headers, query_params)

    def go_on() -> None:
        while True:  # replications ask the emulator for their roles: it must answer by then
            try:
                socket.create_connection(("127.0.0.1", services.settings.port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        services.dms.go_on()

    def load():
        stock_load()
        threading.Thread(target=go_on, daemon=True).start()

    app.detect_service, app._load_persisted_state = detect, load
    check = check_caller(services, "dms")
    intercept("dms", lambda action, request: lambda: answered(services.dms, action, request, check))
    provisioners._RESOURCE_HANDLERS |= resources(services)


def resources(services: Services) -> dict[str, dict]:
    """CloudFormation's types. `Ref` of an endpoint and of a replication config is its ARN."""

    def told(work, *given):
        try:
            return work(*given)
        except AwsError as error:
            raise ValueError(str(error)) from error

    def endpoint(logical_id, props, stack_name):
        arn = told(services.dms.create_endpoint, props)
        return arn, {"EndpointArn": arn, "ExternalId": ""}

    def change_endpoint(arn, old, new, stack_name, *_, **__):
        services.dms.change_endpoint(arn, new)
        return arn, {"EndpointArn": arn, "ExternalId": ""}

    def config(logical_id, props, stack_name):
        arn = told(services.dms.create_config, props)
        return arn, {"ReplicationConfigArn": arn}

    def change_config(arn, old, new, stack_name, *_, **__):
        told(services.dms.modify, {**new, "ReplicationConfigArn": arn})
        return arn, {"ReplicationConfigArn": arn}

    def group(logical_id, props, stack_name):
        return props.get("ReplicationSubnetGroupIdentifier") or f"{stack_name}-{logical_id}".lower(), {}

    return {
        "AWS::DMS::Endpoint": {
            "create": endpoint,
            "update": change_endpoint,
            "delete": lambda arn, props: told(services.dms.delete_endpoint, arn),
        },
        "AWS::DMS::ReplicationConfig": {
            "create": config,
            "update": change_config,
            "delete": lambda arn, props: told(services.dms.delete_config, arn),
        },
        "AWS::DMS::ReplicationSubnetGroup": {
            "create": group,
            "update": lambda name, old, new, stack_name, *_, **__: (name, {}),
            "delete": lambda name, props: None,
        },
    }
