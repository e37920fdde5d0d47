"""Redshift's Data API and Redshift Serverless, which ministack does not know: their requests would go to S3."""

from services import Services

from patches.iam import check_caller
from patches.protocol import answered, intercept


def extend(services: Services) -> None:
    import ministack.app as app

    stock = app.detect_service

    def detect(method, path, headers, query_params):
        target = headers.get("x-amz-target", "").partition(".")[0]
        known = {"RedshiftData": "redshift-data", "RedshiftServerless": "redshift-serverless"}
        return known.get(target) or stock(method, path, headers, query_params)

    app.detect_service = detect
    check = check_caller(services, "redshift-data")
    intercept(
        "redshift-data", lambda action, request: lambda: answered(services.redshift, action, request, check)
    )
    intercept(
        "redshift-serverless",
        lambda action, request: lambda: answered(services.redshift_serverless, action, request),
    )
