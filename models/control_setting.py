"""What `controls:` may say: with what a broken connection is compared, how often, and what it may cost others."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from models.lookup import LAST_PORT, Resolver
from models.noun import Advice, Noun
from models.written import Duration, limited

HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?):([0-9]{1,5})")
MOST_CALLS = 8  # one diagnosis asks no more of a vendor than one round of a few reads does
MOST_CONNECTS = 40  # one burst and one path trace; a handshake costs a server some 0.1 ms to 1 ms of one core
LIMIT = timedelta(seconds=10)  # as long as one call may take at most: a diagnosis waits no longer for its controls
COOLDOWN = timedelta(minutes=10)  # as often as an incident that a person has is diagnosed anew (tasks.diagnose)


def parse_place(value: str) -> tuple[str, int]:
    """Host and port of `host:port`.

    Raises:
        Advice: when it is not written as one.
    """
    found = HOST.fullmatch(value)
    if found is None or not 0 < int(found[2]) <= LAST_PORT:
        raise Advice("write a host with its port, such as www.example.org:443")
    return found[1].strip("[]"), int(found[2])


def check_place(value: str) -> str:
    """Refuse what is not a host with its port."""
    parse_place(value)
    return value


ControlHost = Annotated[str, AfterValidator(check_place)]


class ControlSettings(Noun):
    """The `controls:` of a configuration, or of one integration."""

    hosts: Annotated[tuple[ControlHost, ...], Field(max_length=3)] = ()  # that take connections whenever we are online
    resolvers: Annotated[tuple[Resolver, ...], Field(max_length=3)] = ()  # name servers to compare with
    vantage: ControlHost | None = None  # an HTTP proxy (CONNECT) that goes out another way than we do
    calls: Annotated[int, Field(ge=0, le=MOST_CALLS)] = MOST_CALLS  # to the other side, in one isolation
    connects: Annotated[int, Field(ge=0, le=MOST_CONNECTS)] = MOST_CONNECTS  # bare ones
    limit: Annotated[Duration, limited(least=timedelta(seconds=1), most=timedelta(seconds=30))] = LIMIT  # real seconds
    every: Annotated[Duration, limited(least=timedelta(minutes=1))] = COOLDOWN  # between two of one integration


USUAL = ControlSettings()
