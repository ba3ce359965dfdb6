"""Propose: a new integration, written as a person would write it, and tried before it is kept.

Nothing is written until the whole configuration holds with the new entry in it and the system has answered.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from models import catalogue
from models.configuration import Configuration
from models.errors import BadInput, Misconfigured
from models.integration import Integration
from models.ladder import Ladder
from models.reading import Reading, Rung
from models.tuning import Tuning
from tasks.clock import Clock
from tasks.configuration.edit import replace, with_entry, without_entry
from tasks.configure import INTEGRATIONS, POLICY, load
from tasks.connectors._interface import Connector, Context

CONNECTORS = "tasks.connectors"
EMPTY_POLICY = 'version: "1"\nowner: Integration Team\n'  # nothing may be done unasked until somebody says so
SHORT = {  # what people call it on a command line → the settings that may be meant, the first that the kind has
    "url": ("base_url", "url"),
    "key": ("private_key", "user_key"),
    "user": ("username", "user"),
    "path": ("folder",),
}
ABOUT_ONE_READ = frozenset({Rung.SCOPE, Rung.READ, Rung.SEMANTIC})  # the climb tries the first read alone
AT_ONCE = 4  # first reads side by side


class Tried(NamedTuple):
    """What a new integration showed."""

    integration: Integration
    ladder: Ladder
    readings: tuple[Reading, ...]  # one for each proposed read

    @property
    def works(self) -> bool:
        """Whether at least one read got what it asked for."""
        return any(reading.outcome.is_ok for reading in self.readings)


def kind_of(word: str) -> str:
    """The kind of system that a person means: `epic-fhir` or `epic_fhir`.

    Raises:
        BadInput: when there is none; the sentence lists those there are.
    """
    kind, known = word.replace("-", "_"), catalogue.names(CONNECTORS)
    if kind not in known:
        there_are = ", ".join(name.replace("_", "-") for name in known)
        raise BadInput(f"no kind of system is called {word}; there are: {there_are}")
    return kind


def settings_of(kind: str, given: Mapping[str, str]) -> dict[str, Any]:
    """Settings from `key=value` pairs: `auth.scheme=basic` goes one level down, values are read as YAML.

    Raises:
        BadInput: when a value cannot be read, or a short name means nothing for this kind.
    """
    fields = catalogue.load(CONNECTORS, kind).Settings.model_fields
    settings: dict[str, Any] = {}
    for key, text in given.items():
        first, *below = key.split(".")
        name = first if first in fields else next((n for n in SHORT.get(first, ()) if n in fields), first)
        if name not in fields:
            raise BadInput(f"{kind} has no setting {first}; there are: {', '.join(fields)}")
        block, place = settings, name
        for step in below:
            block = block.setdefault(place, {})
            place = step
        try:
            block[place] = yaml.safe_load(text) if text[:1] in "[{" else text
        except yaml.YAMLError:
            raise BadInput(f"the value of {key} cannot be read; write it as YAML, e.g. '[a, b]'") from None
    return settings


def missing(kind: str, settings: Mapping[str, Any]) -> list[str]:
    """Required settings that nobody gave."""
    fields = catalogue.load(CONNECTORS, kind).Settings.model_fields
    return [name for name, field in fields.items() if field.is_required() and name not in settings]


def reads_of(kind: str, settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The reads to begin with: everything that this kind can read and that leaves nothing behind."""
    room = catalogue.load(CONNECTORS, kind)
    try:
        checked = room.Settings.model_validate(settings)
    except ValueError:  # told with its cure by the check of the whole configuration
        return [{"operation": "Any.read", "component": "Any"}]
    harmless = getattr(room, "harmless", room.operations)(checked)
    return [{"operation": name, "component": name.split(".")[0]} for name in harmless]


def drafted(directory: Path, entry: Mapping[str, Any]) -> tuple[str, Configuration]:
    """The page with the new entry, and the configuration that it makes.

    Raises:
        Misconfigured: when the whole does not hold; every mistake with its cure.
        BadInput: when the page cannot be edited.
    """
    page = directory / INTEGRATIONS
    text = with_entry(page.read_text(encoding="utf-8") if page.exists() else "", entry)
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder)
        (draft / INTEGRATIONS).write_text(text, encoding="utf-8")
        if (directory / POLICY).exists():
            shutil.copy(directory / POLICY, draft / POLICY)
        else:
            (draft / POLICY).write_text(EMPTY_POLICY, encoding="utf-8")
        try:
            return text, load(draft).model_copy(update={"path": directory})
        except Misconfigured as error:
            told = tuple(one.model_copy(update={"file": Path(one.file).name}) for one in error.mistakes)
            raise Misconfigured(told) from None


async def try_out(configuration: Configuration, integration: Integration, clock: Clock, home: Path) -> Tried:
    """Climb its ladder, then make each proposed read once."""
    context = Context(integration, clock, home, Tuning(), configuration.path)
    connector: Connector = catalogue.load(CONNECTORS, integration.kind).open_connector(context)
    gate = asyncio.Semaphore(AT_ONCE)

    async def once(operation: str) -> Reading:
        async with gate:
            return await connector.read(integration.read(operation))

    try:
        ladder = await connector.climb()
        reachable = ladder.broken is None or ladder.broken.rung in ABOUT_ONE_READ
        reads = [read.operation for read in integration.reads] if reachable else []
        return Tried(integration, ladder, tuple(await asyncio.gather(*map(once, reads))))
    finally:
        await connector.aclose()


def kept(entry: Mapping[str, Any], tried: Tried) -> dict[str, Any]:
    """The entry with those reads alone that were answered; all of them when none was."""
    answered = {reading.operation for reading in tried.readings if reading.outcome.is_ok}
    reads = [read for read in entry["reads"] if read["operation"] in answered]
    return {**entry, "reads": reads or entry["reads"]}


def write(directory: Path, text: str) -> None:
    """Put the page in its place; a policy that allows nothing unasked where there is none."""
    directory.mkdir(parents=True, exist_ok=True)
    if not (directory / POLICY).exists():
        replace(directory / POLICY, EMPTY_POLICY)
    replace(directory / INTEGRATIONS, text)


def take_out(directory: Path, integration_id: str) -> None:
    """Remove an entry; its history and its incidents stay.

    Raises:
        BadInput: when it is not there, is the only one, or the page cannot be edited.
    """
    page = directory / INTEGRATIONS
    if not page.exists():
        raise BadInput(f"there is no {page}; say where the configuration is with --config")
    replace(page, without_entry(page.read_text(encoding="utf-8"), integration_id))
