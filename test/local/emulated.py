"""What local/emulator.py is told in tests: no source, no warehouse and no Spark, unless a test has them."""

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT, REGION = "000000000000", "us-east-1"


def settings(port: int, state: Path, **more) -> str:
    """The emulator's first line: services.Settings as JSON, `more` among them."""
    return json.dumps(
        {
            "port": port,
            "state": str(state),
            "region": REGION,
            "account": ACCOUNT,
            "worker": "http://127.0.0.1:9",
            "source_dsns": {},
            "warehouse_dsn": "postgresql://nobody:none@127.0.0.1:9",
            "silver_database": "local_silver",
            "contracts": str(ROOT / "contracts"),
            "auth": True,
            **more,
        }
    )
