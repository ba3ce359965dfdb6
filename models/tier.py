"""Tier: how far healing may go without a person, from acting to never."""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    """What a matching remedy may do; the boldest first."""

    AUTO = "auto"
    APPROVE = "approve"
    DRY_RUN = "dry_run"
    NEVER = "never"

    @property
    def caution(self) -> int:
        """0 for AUTO … 3 for NEVER."""
        return list(Mode).index(self)


def most_cautious(*modes: Mode) -> Mode:
    """What holds when several have a say."""
    return max(modes, key=lambda mode: mode.caution)
