"""CodeBuild: stock ministack builds in Docker."""

import codebuild as local_codebuild
from notes import note
from services import Services


def extend(services: Services) -> None:
    import ministack.services.codebuild as codebuild

    def execute(build_id, project):
        try:
            environment = services.settings.build_environment()
            source = services.clients(project["serviceRole"]).s3
            status, log = local_codebuild.run_project(project, source, environment)
        except Exception as problem:
            status, log = "FAULT", f"{type(problem).__name__}: {problem}"
        note(log)
        codebuild._finish_build(codebuild._builds[build_id], status)

    codebuild._execute_build = execute
