"""Configuration: what `integrations.yaml` and `policy.yaml` say, after every check."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from models.integration import Integration
from models.noun import Noun
from models.policy import Policy
from models.reading import Code, Identifier, Operation


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

    @property
    def sha256(self) -> str:
        """Fingerprint of what is in force (hex, 64 characters): comments, order of keys and place do not count."""
        said = self.model_dump(mode="json", exclude={"path"})
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
