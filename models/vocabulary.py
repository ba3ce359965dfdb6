"""Vocabulary: the words that may pass the door. What is not on a list is not kept, whatever it looks like.

A name of a patient is letters, as an operation's is; no pattern tells them apart. So there are lists: those of
the standards below, and `words` that a deployment declares. Everything else in a log becomes `other`, `{x}` or
nothing (spec: security, 3.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from models.classification import BEARER_ERRORS, ISSUES, STATUSES, TOKEN_ERRORS
from models.hl7_answers import ACK_CODES
from models.integration import Integration
from models.words import INTERACTIONS, MESSAGES, METRICS, RESOURCES, STEPS

OTHER = "other"  # an operation under a name that is on no list
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")  # of models.reading.Operation
SPOKEN: dict[str, Any] = {  # of an integration: where names of things stand, and none of people, queries or programs
    **dict.fromkeys(("id", "reads", "feeds", "bridges", "objectives", "limits", "depends_on"), True),
    "metrics": {"__all__": {"name", "subject"}},
}

CODES = frozenset(
    {
        *ISSUES,
        *BEARER_ERRORS,
        *TOKEN_ERRORS,
        *ACK_CODES,
        "name_not_found",
        "name_not_resolved",
        "resolver_unavailable",
        "certificate_has_expired",
        "certificate_not_yet_valid",
        "hostname_mismatch",
        "unknown_issuer",
        "self_signed",
        "deadline_passed",
        "body_too_large",
        "bad_encoding",
        "client_closed",
        "html_page",
        "not_json",
        "empty_body",
        "no_ack",
        "pool_timeout",
        "data_withheld",
        "session_expired",
        "token_expired",
        "invalid_credentials",
        *STATUSES.values(),
        "gateway_token_expired",
        "licence_expired",
        "logged_out_idle",
        "user_refused",
        "sessions_exhausted",
        "patient_merged",
        "paging_expired",
        "page_truncated",
        "page_repeated",
        "foreign_rows",
        "critical_status",
        "blank_record",
        "lone_object",
        "unexpected_shape",
        "maintenance_page",
        "ack_incomplete",
        "no_application_ack",
        "ack_for_another_message",
        "ack_without_id",
    }
)


@dataclass(frozen=True)
class Vocabulary:
    """What may be said of one integration."""

    integration_id: str
    words: frozenset[str]  # declared: operations, feeds, queues, bridges, sites
    components: dict[str, str] = field(default_factory=dict)  # how cards call the part, by operation
    timezone: str = "UTC"  # of the practice: some formats write local times

    @cached_property
    def operations(self) -> frozenset[str]:
        """Every operation that is kept under its own name."""
        fhir = {f"{resource}.{interaction}" for resource in RESOURCES for interaction in INTERACTIONS}
        return frozenset(fhir | self.words)

    @cached_property
    def resources(self) -> frozenset[str]:
        """Every kind of data."""
        return RESOURCES | MESSAGES | self.words

    @cached_property
    def metrics(self) -> frozenset[str]:
        """Every series."""
        return METRICS | self.words

    @cached_property
    def steps(self) -> frozenset[str]:
        """Every step of a path that is kept."""
        return STEPS | RESOURCES | self.words

    def component(self, operation: str) -> str:
        """How a person calls the part behind an operation."""
        return self.components.get(operation, operation)


def vocabulary_of(integration: Integration, words: Iterable[str] = ()) -> Vocabulary:
    """The words of one integration: what is declared for all, and every name of a thing in its own entry."""
    own = spoken(integration.model_dump(include=SPOKEN))
    return Vocabulary(
        integration_id=integration.id,
        words=frozenset(word for word in (*words, *own, *actions(integration)) if NAME.fullmatch(word)),
        components={read.operation: read.component for read in integration.reads},
        timezone=integration.timezone,
    )


def spoken(value: object) -> Iterator[str]:
    """Every text in a part of the configuration; whoever wrote it there wants to read it in a report."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from spoken(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from spoken(inner)
    elif isinstance(value, str):
        yield value


def actions(integration: Integration) -> Iterator[str]:
    """Names of further operations that the connector's settings declare."""
    for key in ("actions", "searches"):
        declared: Any = integration.settings.get(key)
        if isinstance(declared, dict):
            yield from (str(name) for name in declared)
