"""What may go wrong with a Unity-like server alone: its licence, user, sessions, clock and records."""

from __future__ import annotations

from typing import ClassVar

from pydantic import FiniteFloat, PositiveFloat, PositiveInt

from simulator.faults import Fault

UNITY = ("unity",)


class LicenceEnded(Fault):
    """No session is given: the licence of the application has ended."""

    systems: ClassVar[tuple[str, ...]] = UNITY


class AccountLocks(Fault):
    """The account is locked at its `nth` log-in from now, right or wrong: nothing gets in, and sessions are void."""

    systems: ClassVar[tuple[str, ...]] = UNITY
    nth: PositiveInt


class EhrUserRefused(Fault):
    """GetUserAuthentication says NO, whatever the password is."""

    systems: ClassVar[tuple[str, ...]] = UNITY


class SessionIdlesEarly(Fault):
    """Sessions end after `idle_s` simulated seconds without a call."""

    systems: ClassVar[tuple[str, ...]] = UNITY
    idle_s: PositiveFloat


class BlankRecords(Fault):
    """GetPatient answers a row whose every field is empty."""

    systems: ClassVar[tuple[str, ...]] = UNITY


class ServerClockMoved(Fault):
    """ServerTime is `offset_s` ahead of what it should be."""

    systems: ClassVar[tuple[str, ...]] = UNITY
    offset_s: FiniteFloat = 3 * 3600.0
