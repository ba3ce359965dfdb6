"""Channel: the ways to reach people, where they say that they have heard, and where we say that we live."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field, PositiveInt

from models.noun import Noun
from models.written import Period, SecretReference, Text


class Channel(Noun):
    """One way to reach people; `route` is a file in tasks/notifiers."""

    route: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    settings: dict[str, Any] = Field(default_factory=dict)  # checked by the notifier's own Settings
    at_most: PositiveInt = 60  # notices are handed to it …
    within: Period = timedelta(minutes=1)  # … within this; Slack takes 1 within 1s
    fallback: str | None = None  # the route that is tried where this one fails; None: the next of `channels`


class Answering(Noun):
    """Where the links lead by which people say that they have heard: the address of `heal serve` from outside."""

    url: Text  # https, up to and without /v1
    secret: SecretReference  # the links are signed with it
    lasts: Period = timedelta(hours=24)  # a link


class Heartbeat(Noun):
    """Where we say after each cycle that we live: whoever listens there calls a person when we fall silent."""

    url: SecretReference  # who knows it can keep the alarm quiet
    deadline: Period = timedelta(seconds=5)  # given up after this; the cycle is over by then
    ca_bundle: str | None = None  # a file, when the receiver's certificate is signed by an authority of yours
