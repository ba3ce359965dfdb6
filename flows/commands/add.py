"""`heal add`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.commands._options import DEPLOYMENTS, SET_UP, ConfigurationOption, HomeOption, run
from models.errors import DEGRADED, HEALTHY, BadInput
from models.integration import Integration

PANEL = SET_UP


def command(
    kind: Annotated[
        str, typer.Argument(help="What it is: epic-fhir, allscripts-unity, hl7-mllp, flat-file, http-api …")
    ],
    url: Annotated[str | None, typer.Option(help="Where it is, for kinds that speak HTTP.")] = None,
    client_id: Annotated[str | None, typer.Option(help="As registered there.")] = None,
    key_id: Annotated[str | None, typer.Option(help="`kid` of the public key that is registered there.")] = None,
    key: Annotated[Path | None, typer.Option(help="File of the private key, PEM.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any setting: --set host=10.0.0.5 or --set auth.scheme=basic."),
    ] = None,
    settings: Annotated[Path | None, typer.Option(help="A YAML file with (more) settings of this kind.")] = None,
    id_: Annotated[str | None, typer.Option("--id", help="What history hangs on.", show_default="KIND-main")] = None,
    name: Annotated[str | None, typer.Option(help="How reports and cards call it.")] = None,
    timezone: Annotated[str, typer.Option(help="Of the practice.")] = "UTC",
    environment: Annotated[str, typer.Option(help="production or test.")] = "production",
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
    anyway: Annotated[bool, typer.Option("--anyway", help="Write although nothing was answered.")] = False,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Add an integration: ask for what is missing, try it live, and write what works into integrations.yaml.

    Every read that the kind knows is tried once; those that are answered are kept. Nothing is written before the
    whole configuration holds. Secrets are given by reference: env:NAME or file:/PATH.
    """
    from flows.clock import clock  # noqa: PLC0415
    from flows.screen import Progress, say  # noqa: PLC0415
    from flows.wizard import ask_for, show_tried  # noqa: PLC0415
    from tasks import propose  # noqa: PLC0415
    from tasks.house import home_folder  # noqa: PLC0415

    kind = propose.kind_of(kind)
    given = dict(pair_of(text) for text in set_ or ())
    named = {"url": url, "client_id": client_id, "key_id": key_id, "key": f"file:{key.absolute()}" if key else None}
    given |= {word: text for word, text in named.items() if text is not None}
    known = in_file(settings) | propose.settings_of(kind, given)
    known |= propose.settings_of(kind, ask_for(kind, propose.missing(kind, known)))
    entry: dict[str, Any] = {
        "id": id_ or f"{kind.replace('_', '-')}-main",
        "name": name or kind.replace("_", " "),
        "kind": kind,
        "environment": environment,
        "timezone": timezone,
        "settings": known,
        "reads": propose.reads_of(kind, known),
    }
    _, configuration = propose.drafted(config, entry)
    with Progress("Trying it"):
        integration = configuration.integration(entry["id"])
        tried = run(propose.try_out(configuration, integration, clock(), home_folder(home)))
    show_tried(tried)
    if not tried.works and not anyway:
        say("Nothing was written: no read was answered. Mend what broke above, or write it with --anyway.")
        return DEGRADED
    entry = propose.kept(entry, tried)
    text, configuration = propose.drafted(config, entry)
    if not yes and sys.stdin.isatty() and not typer.confirm(f"Write it into {config / 'integrations.yaml'}?"):
        say("Nothing was written.")
        return HEALTHY
    propose.write(config, text)
    say(f"Added {entry['id']} with {len(entry['reads'])} reads; {promised(configuration.integration(entry['id']))}.")
    say(f"Next: heal monitor --config {config}")
    return HEALTHY if tried.works else DEGRADED


def promised(integration: Integration) -> str:
    """What it is held to from now on."""
    sla = integration.sla
    return (
        f"held to {sla.availability:.0%} availability, {sla.error_rate:.0%} errors and 95 of 100 calls within "
        f"{sla.latency_p95.total_seconds():.0f} s, each read a feed (change `sla:` and `feeds:` as you like)"
    )


def pair_of(text: str) -> tuple[str, str]:
    """`key=value` in two.

    Raises:
        BadInput: when there is no `=`.
    """
    key, sign, value = text.partition("=")
    if not sign or not key:
        raise BadInput("write --set as key=value, e.g. --set host=10.0.0.5")
    return key.strip().replace("-", "_"), value.strip()


def in_file(path: Path | None) -> dict[str, Any]:
    """Settings that stand in a file.

    Raises:
        BadInput: when it cannot be read as keys.
    """
    if path is None:
        return {}
    from tasks.configuration.page import read_page  # noqa: PLC0415

    page = read_page(path)
    if page.mistakes or page.data is None:
        raise BadInput("\n".join(map(str, page.mistakes)) or f"{path}: there are no settings in it")
    return page.data
