"""Configuration: what `integrations.yaml` and `policy.yaml` say, after every check."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from models.control_setting import USUAL, ControlSettings
from models.integration import Integration
from models.noun import Kept, Noun
from models.policy import Policy
from models.reading import Code, Identifier, Operation

NESTED = ("settings", "sla", "contacts")  # blocks whose keys are named one by one


class Follow(Noun):
    """A log that is followed where it is."""

    path: str
    integration: Identifier | None = None  # whose it is, when its lines do not say
    format: Code | None = None  # a file in models/intake; None: found out from its first lines


class IntakeSettings(Noun):
    """Where traffic comes from, and which words of ours may stand in it."""

    inbox: str | None = None  # a folder; None: `inbox` in the home
    follow: tuple[Follow, ...] = ()
    names: tuple[Operation, ...] = ()  # operations, feeds, queues, bridges and sites that are kept by their names


class Configuration(Noun):
    """Everything a person decided: what is watched, and how far healing may go."""

    integrations: tuple[Integration, ...]  # in the order of the file, each id once
    policy: Policy
    intake: IntakeSettings = IntakeSettings()
    controls: ControlSettings = USUAL  # of integrations that say nothing of their own
    path: Path  # the directory that it was read from

    def integration(self, integration_id: str) -> Integration:
        """The integration with this id.

        Raises:
            KeyError: when there is none; the message lists those there are.
        """
        for integration in self.integrations:
            if integration.id == integration_id:
                return integration
        there_are = ", ".join(integration.id for integration in self.integrations)
        raise KeyError(f"no integration {integration_id}; there are: {there_are}")

    def controls_of(self, integration: Integration) -> ControlSettings:
        """With what a broken connection is compared."""
        return integration.controls or self.controls

    @property
    def sha256(self) -> str:
        """Fingerprint of what is in force (hex, 64 characters): comments, order of keys and place do not count."""
        said = self.model_dump(mode="json", exclude={"path"})
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


class EntryInForce(Kept):
    """One integration's entry as it was last seen in force, by keyed fingerprints of what each key says."""

    integration_id: Identifier  # models.gauge.OURSELVES: the policy
    keys: dict[str, str]  # e.g. settings.base_url → fingerprint


def said_by_key(noun: Noun, nested: tuple[str, ...] = NESTED) -> dict[str, str]:
    """What each key of an entry says, as JSON; keys that say what they would say anyway are left out."""
    said: dict[str, Any] = {}
    for key, value in noun.model_dump(mode="json", exclude_defaults=True).items():
        inner = value if key in nested and isinstance(value, dict) else None
        said |= {key: value} if inner is None else {f"{key}.{name}": one for name, one in inner.items()}
    return {key: json.dumps(value, sort_keys=True) for key, value in said.items()}


def changed_keys(before: dict[str, str], after: dict[str, str]) -> tuple[str, ...]:
    """The keys that say something else than before, by name."""
    return tuple(key for key in sorted({*before, *after}) if before.get(key) != after.get(key))
