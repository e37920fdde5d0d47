"""AWS's Query protocol, server side: a form of dotted names in, XML out. Shapes come from botocore's service models.

Source: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
"""

from datetime import datetime
from functools import cache
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import botocore.session


@cache
def service_model(service: str):
    return botocore.session.get_session().get_service_model(service)


def read_request(service: str, body: bytes) -> tuple[str, dict]:
    """The action and its parameters, with lists and structures as Python has them."""
    form = {name: values[-1] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
    action = form.get("Action", "")
    if action not in service_model(service).operation_names:
        return action, {}
    shape = service_model(service).operation_model(action).input_shape
    return action, _read(shape, "", form) or {}


def _read(shape, prefix: str, form: dict):
    if shape.type_name == "structure":
        dot = "." if prefix else ""
        found = {name: _read(member, f"{prefix}{dot}{name}", form) for name, member in shape.members.items()}
        return {name: value for name, value in found.items() if value is not None} or None
    if shape.type_name == "list":
        item = shape.member.serialization.get("name", "member")
        found = []
        while (value := _read(shape.member, f"{prefix}.{item}.{len(found) + 1}", form)) is not None:
            found.append(value)
        return found or None
    text = form.get(prefix)
    if text is None or shape.type_name not in ("integer", "long", "boolean"):
        return text
    return text.lower() == "true" if shape.type_name == "boolean" else int(text)


def write_answer(service: str, action: str, answer: dict, request_id: str) -> bytes:
    """The XML that an AWS SDK reads back as `answer`."""
    model = service_model(service)
    operation = model.operation_model(action)
    inner = _write(operation.output_shape, answer) if operation.output_shape else ""
    wrapper = operation.output_shape.serialization.get("resultWrapper") if operation.output_shape else None
    if wrapper:
        inner = f"<{wrapper}>{inner}</{wrapper}>"
    metadata = f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
    return f'<{action}Response xmlns="{model.metadata["xmlNamespace"]}">{inner}{metadata}</{action}Response>'.encode()


def write_error(code: str, message: str, request_id: str) -> bytes:
    return (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        f"</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    ).encode()


def _write(shape, value) -> str:
    if shape.type_name == "structure":
        parts = []
        for name, member in shape.members.items():
            if value.get(name) is not None:
                tag = member.serialization.get("name", name) if member.type_name != "list" else name
                parts.append(f"<{tag}>{_write(member, value[name])}</{tag}>")
        return "".join(parts)
    if shape.type_name == "list":
        tag = shape.member.serialization.get("name", "member")
        return "".join(f"<{tag}>{_write(shape.member, item)}</{tag}>" for item in value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return escape(str(value))
