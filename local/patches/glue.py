"""Glue: Iceberg tables of the catalogue, and Spark jobs."""

import json
from urllib.request import Request, urlopen

from services import Services

from patches.protocol import answered, intercept
from patches.saving import saved


def extend(services: Services) -> None:
    extend_tables(services)
    extend_jobs(services)


def extend_tables(services: Services) -> None:
    """Stock CreateTable with OpenTableFormatInput answers success and stores a table without a name."""
    markers = {"CreateTable": "OpenTableFormatInput", "UpdateTable": "UpdateOpenTableFormatInput"}

    def choose(action: str, request: dict):
        if request.get(markers.get(action, "")):
            return lambda: saved(answered(services.iceberg, action, request))
        return None

    intercept("glue", choose)


def extend_jobs(services: Services) -> None:
    """Stock ministack runs Spark jobs in Docker, and without it only says that they succeeded."""
    import ministack.services.glue as glue

    glue._is_spark_job = lambda job: False
    glue._resolve_script = lambda location: location

    def execute(run, job, arguments, script):
        body = json.dumps(
            {
                "script": script,
                "arguments": {name: str(value) for name, value in arguments.items()},
                "role": services.acts_as(job["Role"]),
            }
        )
        resident = arguments["--datasets"].split(",") if "--datasets" in arguments else []
        services.resident[run["Id"]] = resident
        try:
            request = Request(f"{services.settings.worker}/run", data=body.encode())
            with urlopen(request, timeout=60 * int(job.get("Timeout") or 2880)) as answer:
                error = json.load(answer)["error"]
            merged = resident or [arguments[name] for name in ("--dataset",) if name in arguments]
            for dataset in merged if error is None else []:
                services.mirror(dataset)
        except Exception as problem:
            error = f"{type(problem).__name__}: {problem}"
        finally:
            del services.resident[run["Id"]]
        run["JobRunState"] = "FAILED" if error else "SUCCEEDED"
        run["ErrorMessage"] = error or ""

    glue._execute_subprocess = execute
