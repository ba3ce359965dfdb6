"""What `intake:` in `integrations.yaml` may say, beyond the shape of its nouns."""

from __future__ import annotations

from collections.abc import Iterator

from models import catalogue
from models.configuration import IntakeSettings
from models.errors import Mistake
from models.integration import Integration
from models.receiver import Receiver
from tasks.configuration.page import Page
from tasks.configuration.wording import no_such, validate

FORMATS = "models.intake"


def check_intake(page: Page, integrations: tuple[Integration, ...]) -> tuple[IntakeSettings, list[Mistake]]:
    """Where traffic comes from, and every mistake; without the key, the defaults."""
    if page.data is None or "intake" not in page.data:
        return IntakeSettings(), []
    settings, mistakes = validate(page, IntakeSettings, ("intake",))
    if settings is None:
        return IntakeSettings(), []  # the page as a whole has told them already
    return settings, [*mistakes, *check_followed(page, settings, tuple(one.id for one in integrations))]


def check_followed(page: Page, settings: IntakeSettings, known: tuple[str, ...]) -> Iterator[Mistake]:
    """Whether every log that is followed is of a format and an integration that there are."""
    for index, log in enumerate(settings.follow):
        place = ("intake", "follow", index)
        if log.format is not None and log.format not in catalogue.names(FORMATS):
            yield page.mistake((*place, "format"), no_such("", log.format, catalogue.names(FORMATS), "format"))
        if log.integration is not None and known and log.integration not in known:
            yield page.mistake((*place, "integration"), no_such("", log.integration, known, "integration"))


def check_receivers(page: Page, receivers: tuple[Receiver, ...], known: tuple[str, ...]) -> Iterator[Mistake]:
    """Whether receivers speak of integrations that there are."""
    for index, receiver in enumerate(receivers):
        for nth, name in enumerate(receiver.integrations):
            if known and name not in known:
                place = ("receivers", index, "integrations", nth)
                yield page.mistake(place, no_such("", name, known, "integration"))
