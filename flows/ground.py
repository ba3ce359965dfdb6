"""Ground: prepare Prefect before it is imported. It reads its settings from the environment, once."""

from __future__ import annotations

import os

QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",  # no telemetry leaves the house
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",  # a busy machine needs more than Prefect's 20
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_CLI_PROMPT": "false",
}


def prepare_prefect() -> None:
    """Fill in what the user has not set."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
