"""What `integrations.yaml` may say, beyond the shape of its nouns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field

from models import catalogue
from models.actuator import Actuators
from models.configuration import IntakeSettings
from models.control_setting import USUAL, ControlSettings
from models.errors import Mistake
from models.integration import Environment, Integration
from models.noun import Noun
from tasks.configuration.page import Page, Place
from tasks.configuration.wording import no_such, validate
from tasks.http import check_base_url

CONNECTORS, ACTUATORS = "tasks.connectors", "tasks.actuators"
MAIN = "main"  # the name of the first way, `base_url` itself (models.tuning.Tuning.route)
SHORTEST_ROUND = timedelta(seconds=1)  # the monitor cannot be quicker than its own scheduler


class Watched(Noun):
    """`integrations.yaml` as a whole."""

    integrations: Annotated[tuple[Integration, ...], Field(min_length=1)]
    intake: IntakeSettings = IntakeSettings()
    controls: ControlSettings = USUAL


def check_integrations(page: Page) -> tuple[tuple[Integration, ...], list[Mistake]]:
    """The integrations, and every mistake; the integrations are worth nothing when there are mistakes."""
    if page.data is None:
        return (), []
    watched, mistakes = validate(page, Watched)
    for index, entry in entries(page.data, "integrations"):
        place: Place = ("integrations", index)
        mistakes += check_connector(page, place, entry)
        mistakes += repeated(page, (*place, "reads"), entry, "operation")
        for key in ("routes", "feeds", "bridges", "objectives", "reconcile"):
            mistakes += repeated(page, (*place, key), entry, "name")
        mistakes += repeated_credentials(page, (*place, "credentials"), entry)
        mistakes += check_routes(page, place, entry)
        mistakes += check_metrics(page, place, entry)
        mistakes += check_actuators(page, place, entry)
    mistakes += repeated(page, ("integrations",), page.data, "id")
    if watched is None:
        return (), mistakes
    return watched.integrations, [*mistakes, *check_rounds(page, watched), *check_canaries(page, watched)]


def controls_in(page: Page) -> ControlSettings:
    """With what broken connections are compared; the page as a whole has told what is wrong with it."""
    written = page.data.get("controls") if isinstance(page.data, dict) else None
    settings, _ = validate(page, ControlSettings, ("controls",)) if written is not None else (USUAL, [])
    return settings or USUAL


def entries(block: object, key: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The entries of a list that are blocks of keys; the others are mistakes already."""
    listed = block.get(key) if isinstance(block, dict) else None
    if isinstance(listed, list):
        yield from ((index, entry) for index, entry in enumerate(listed) if isinstance(entry, dict))


def repeated(page: Page, place: Place, block: Mapping[str, Any], key: str) -> Iterator[Mistake]:
    """Entries of a list that have the same name as one above."""
    seen: dict[object, Place] = {}
    for index, entry in entries(block, str(place[-1])):
        name, here = entry.get(key), (*place, index, key)
        if isinstance(name, str) and name in seen:
            first = page.lines[seen[name]]
            yield page.mistake(here, f"`{key}` is the same as on line {first}; each must be its own")
        elif isinstance(name, str):
            seen[name] = here


def repeated_credentials(page: Page, place: Place, block: Mapping[str, Any]) -> Iterator[Mistake]:
    """Credentials that nobody could tell apart from one above."""
    seen: dict[tuple[object, object], Place] = {}
    for index, entry in entries(block, "credentials"):
        which, here = (str(entry.get("kind")), str(entry.get("name", "main"))), (*place, index, "kind")
        if which in seen:
            first = page.lines[seen[which]]
            says = f"`kind` and `name` are the same as on line {first}; give each a `name` of its own"
            yield page.mistake(here, says)
        elif here in page.lines:
            seen[which] = here


def check_connector(page: Page, place: Place, entry: Mapping[str, Any]) -> list[Mistake]:
    """Whether there is a connector of this kind, and what it says of its settings and reads."""
    kind, known = entry.get("kind"), catalogue.names(CONNECTORS)
    if not isinstance(kind, str):
        return []
    if kind not in known:
        return [page.mistake((*place, "kind"), no_such("", kind, known, "kind of system"))]
    if not isinstance(entry.get("settings"), dict):
        return []
    connector = catalogue.load(CONNECTORS, kind)
    settings, mistakes = validate(page, connector.Settings, (*place, "settings"))
    if settings is None:
        return mistakes
    if operations := getattr(connector, "operations", None):
        mistakes += check_reads(page, place, entry, tuple(operations(settings)))
    if objections := getattr(connector, "objections", None):
        mistakes += (page.mistake((*place, *where), says) for where, says in objections(settings, entry))
    return mistakes


def check_reads(page: Page, place: Place, entry: Mapping[str, Any], known: tuple[str, ...]) -> Iterator[Mistake]:
    """Whether the connector knows every operation that is to be read."""
    for index, read in entries(entry, "reads"):
        operation = read.get("operation")
        if isinstance(operation, str) and operation not in known:
            here = (*place, "reads", index, "operation")
            yield page.mistake(here, no_such("", operation, known, "operation of this connector"))


def check_routes(page: Page, place: Place, entry: Mapping[str, Any]) -> Iterator[Mistake]:
    """Whether every other way is one that we may take: a URL, in the form that this kind of system has."""
    kind = entry.get("kind")
    connector = catalogue.load(CONNECTORS, kind) if kind in catalogue.names(CONNECTORS) else None
    check = getattr(connector, "check_route", check_base_url)
    for index, route in entries(entry, "routes"):
        here = (*place, "routes", index)
        if route.get("name") == MAIN:
            yield page.mistake((*here, "name"), f"`{MAIN}` is the way in the settings; choose another name")
        if not isinstance(route.get("base_url"), str):
            continue
        try:
            check(route["base_url"])
        except ValueError as error:
            yield page.mistake((*here, "base_url"), f"`base_url`: {error}")


def check_metrics(page: Page, place: Place, entry: Mapping[str, Any]) -> Iterator[Mistake]:
    """Whether every Prometheus server is one that we may ask."""
    for index, metric in entries(entry, "metrics"):
        here = (*place, "metrics", index)
        if ("username" in metric) != ("password" in metric):
            yield page.mistake(here, "`username` and `password` belong together; write both, or `bearer_token`")
        if isinstance(metric.get("url"), str):
            try:
                check_base_url(metric["url"])
            except ValueError as error:
                yield page.mistake((*here, "url"), f"`url`: {error}")


def check_actuators(page: Page, place: Place, entry: Mapping[str, Any]) -> Iterator[Mistake]:
    """Whether there is an actuator of each kind, and what it says of its settings."""
    for where, declared in written_actuators(place, entry):
        kind, known = declared.get("kind"), catalogue.names(ACTUATORS)
        if not isinstance(kind, str):
            continue
        if kind not in known:
            yield page.mistake((*where, "kind"), no_such("", kind, known, "kind of actuator"))
        elif "settings" not in declared:
            yield page.mistake(where, "`settings` is missing; add it (docs/configuration.md says what it means)")
        elif isinstance(declared["settings"], dict):
            yield from validate(page, catalogue.load(ACTUATORS, kind).Settings, (*where, "settings"))[1]


def written_actuators(place: Place, entry: Mapping[str, Any]) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Those of an entry that are blocks of keys, with their places; the others are mistakes already."""
    written = entry.get("actuators")
    known = written if isinstance(written, dict) else {}
    for role in Actuators.model_fields:
        if isinstance(known.get(role), dict):
            yield (*place, "actuators", role), known[role]


def missing_programs(page: Page) -> Iterator[Mistake]:
    """What keeps actuators from working on this machine, as far as can be seen without doing anything."""
    for index, entry in entries(page.data, "integrations"):
        for where, declared in written_actuators(("integrations", index), entry):
            if declared.get("kind") not in catalogue.names(ACTUATORS):
                continue
            file = catalogue.load(ACTUATORS, str(declared["kind"]))
            objections = getattr(file, "objections", None)
            settings = validate(page, file.Settings, (*where, "settings"))[0] if "settings" in declared else None
            if objections and settings:
                yield from (page.mistake((*where, "settings", key), says) for key, says in objections(settings))


def check_rounds(page: Page, watched: Watched) -> Iterator[Mistake]:
    """Whether every integration leaves time between two rounds."""
    for index, integration in enumerate(watched.integrations):
        if integration.probe_every < SHORTEST_ROUND:
            yield page.mistake(("integrations", index, "probe_every"), "`probe_every` must be at least 1s")


def check_canaries(page: Page, watched: Watched) -> Iterator[Mistake]:
    """Whether a record of ours may be written, and can be."""
    for index, one in enumerate(watched.integrations):
        if one.canary is None:
            continue
        place = ("integrations", index, "canary")
        can_write = one.kind in catalogue.names(CONNECTORS) and hasattr(catalogue.load(CONNECTORS, one.kind), "CANARY")
        if not can_write:
            yield page.mistake(place, "`canary`: this kind of system has no harmless record to write; leave it out")
        elif lacks_its_record(one):
            says = "`canary`: say under `settings` what may be written, as `canary_record` (docs/configuration.md)"
            yield page.mistake(place, says)
        if one.environment is Environment.PRODUCTION and one.canary.consent is None:
            says = "`consent` is missing: it is production; write who agreed, and when, e.g. Dr. Muster, 2026-11-20"
            yield page.mistake(place, says)


def lacks_its_record(one: Integration) -> bool:
    """Whether only people know what is harmless there, and nobody said."""
    fields = catalogue.load(CONNECTORS, one.kind).Settings.model_fields
    return "canary_record" in fields and one.settings.get("canary_record") is None
