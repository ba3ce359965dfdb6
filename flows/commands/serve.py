"""`heal serve`."""

from __future__ import annotations

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
    port: Annotated[int, typer.Option(help="Port of the Prefect UI, when none is configured.")] = 4200,
    listen: ListenOption = LISTEN,
    certificate: CertificateOption = None,
    key: KeyOption = None,
) -> int:
    """Run the scheduled flows with the Prefect UI: pause, re-run and inspect them in a browser.

    Where policy.yaml names `receivers:`, the signed endpoint listens beside them.
    """
    from flows.serve import serve_flows  # noqa: PLC0415

    return serve_flows(config, home, port, listen, tls_pair(certificate, key))
