"""`heal receive`."""

from __future__ import annotations

import os
import threading
from typing import Annotated

import typer

from flows.commands._options import (
    DEPLOYMENTS,
    LISTEN,
    TEND,
    CertificateOption,
    ConfigurationOption,
    HomeOption,
    KeyOption,
    ListenOption,
    tls_pair,
)

PANEL = TEND


def command(
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
    listen: ListenOption = LISTEN,
    certificate: CertificateOption = None,
    key: KeyOption = None,
    follow_parent: Annotated[bool, typer.Option("--follow-parent", hidden=True)] = False,
) -> int:
    """Receive signed records, heartbeats, problems and deploys, for those who run Prefect themselves.

    `heal serve` does the same beside its flows. docs/ingest.md shows how to send, with curl alone.
    """
    from flows.engine import follow_parent as follow  # noqa: PLC0415
    from flows.receive import receive  # noqa: PLC0415

    if follow_parent:
        threading.Thread(target=follow, args=(os.getppid(),), daemon=True).start()
    return receive(config, home, listen, tls_pair(certificate, key))
