"""The description of the interface, from the table of calls: OpenAPI for programs, a page for people."""

from __future__ import annotations

import functools
import html
import json
from typing import Any

from budgetctl import __version__
from budgetctl.server.api import browsing
from budgetctl.server.problems import STATUSES
from budgetctl.wire.calls import CALLS, Call
from budgetctl.wire.values import ErrorShape

_INTRODUCTION = """\
Budgets over HTTP. Amounts are integers of picodollars (10^12 are a US dollar; beyond 2^53 read them with an exact
parser), instants integers of microseconds since 1970, UTC. `project` is by default the token's. Lists come in pages:
repeat the request with the parameters in `next` until that is null. A write may carry a key (`Idempotency-Key`, best a
UUIDv7): repeated with the same key it takes effect once.
"""


@functools.cache
def describe() -> dict[str, Any]:
    """The OpenAPI document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "budgetctl", "version": __version__, "description": _INTRODUCTION},
        "security": [{"token": []}],
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Error": {
                    "type": "object",
                    "properties": {"error": ErrorShape().schema()},
                    "required": ["error"],
                }
            },
        },
        "paths": {call.path: {"post" if call.writes else "get": _operation(call)} for call in CALLS.values()}
        | _other_paths(),
    }


def _operation(call: Call) -> dict[str, Any]:
    summary, _, description = call.summary.partition("\n")
    operation: dict[str, Any] = {
        "operationId": call.name,
        "summary": summary,
        "responses": {"200": _content("Done.", call.answer_schema()), **_failures(call)},
    }
    if description.strip():
        operation["description"] = description.strip()
    if call.writes:
        operation["parameters"] = [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "Names the request: repeated with the same key, it takes effect once.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 256},
            }
        ]
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _body_schema(call)}},
        }
    else:
        operation["parameters"] = _query_parameters(call)
    return operation


def _body_schema(call: Call) -> dict[str, Any]:
    schema = call.parameters.schema()
    return {**schema, "properties": {**schema["properties"], "project": _PROJECT}}


_PROJECT = {"type": "string", "minLength": 1, "maxLength": 256, "description": "By default the token's."}


def _query_parameters(call: Call) -> list[dict[str, Any]]:
    fields = list(call.parameters.all_fields())
    parameters = [
        {"name": each.name, "in": "query", "required": each.is_required, **_query_schema(each.shape.schema())}
        for each in fields
    ]
    if call.asked.cursor is not None:
        size = {"type": "integer", "minimum": 1, "maximum": 999_999_999}
        parameters.append({"name": "limit", "in": "query", "required": False, "schema": size})
    return [*parameters, {"name": "project", "in": "query", "required": False, "schema": _PROJECT}]


def _query_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter, without null, for which it is left out; an array is sent as JSON."""
    given = next((each for each in schema.get("anyOf", []) if each.get("type") != "null"), schema)
    if given.get("type") == "array":
        return {"content": {"application/json": {"schema": given}}}
    return {"schema": given}


def _content(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _failures(call: Call) -> dict[str, Any]:
    said = {
        "400": "The request cannot be read.",
        "401": "No token, or none that can be used.",
        "408": "The head or the body did not come in time.",
        "414": "The address is too long.",
        "431": "The head is too large.",
        "421": "The Host is not one of the server's names.",
        **({"413": "The body is too large.", "415": "The body is not application/json."} if call.writes else {}),
        **{str(status.value): text for status, text in STATUSES.values() if text},
    }
    error = {"$ref": "#/components/schemas/Error"}
    return {status: _content(text, error) for status, text in sorted(said.items())}


def _other_paths() -> dict[str, Any]:
    plain: list[dict[str, Any]] = []

    def get(summary: str, *, is_open: bool = False, content: str = "application/json") -> dict[str, Any]:
        return {
            "get": {
                "summary": summary,
                **({"security": plain} if is_open else {}),
                "responses": {"200": {"description": "Done.", "content": {content: {}}}},
            }
        }

    return {
        "/": get("What this is, and where to go on; to a browser as a page.", is_open=True),
        "/healthz": get("The server runs.", is_open=True),
        "/readyz": get("The server can look at its stores.", is_open=True),
        "/metrics": get("Counters for Prometheus.", content="text/plain"),
        "/v1/projects": get("The projects that the token may see."),
        "/v1/changes": get("What changes whenever somebody else changes the project."),
        "/get_budget": _post("The records of a project, for litellm's hosted client.", {}),
        "/set_budget": _post("What litellm's hosted client saves: all its records.", {"user_dict": {"type": "object"}}),
    }


def _post(summary: str, properties: dict[str, Any]) -> dict[str, Any]:
    properties = {"project_name": _PROJECT, **properties}
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    error = {"$ref": "#/components/schemas/Error"}
    return {
        "post": {
            "summary": summary,
            "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
            "responses": {
                "200": _content("Done.", {"type": "object"}),
                "default": _content("What went wrong.", error),
            },
        }
    }


@functools.cache
def page() -> bytes:
    """The description as a page of HTML, which fetches nothing from elsewhere."""
    parts = [
        f"<p>{html.escape(_INTRODUCTION)}</p>",
        '<p>For programs: <a href="openapi.json">openapi.json</a></p>',
    ]
    for path, methods in describe()["paths"].items():
        for method, operation in methods.items():
            fields = operation.get("requestBody") or operation.get("parameters") or {}
            parts.append(
                f"<details><summary><code>{method.upper()} {path}</code> {html.escape(operation['summary'])}</summary>"
                f"<p>{html.escape(operation.get('description', ''))}</p>"
                f"<h4>Takes</h4><pre>{html.escape(json.dumps(fields, indent=1))}</pre>"
                f"<h4>Answers</h4><pre>{html.escape(json.dumps(operation['responses']['200'], indent=1))}</pre>"
                "</details>"
            )
    return browsing.page("\n".join(parts))
