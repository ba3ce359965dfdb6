"""The certificates that the clinic's servers can show: the good one, and every way to be a bad one."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from simulator.clock import Clock
from simulator.faults import BadCertificate
from simulator.keys import Authority, Wish

DAY = timedelta(days=1)


class Wardrobe:
    """Three authorities: two that clients are told to trust, and a stranger."""

    def __init__(self, directory: Path, clock: Clock, hosts: list[str]) -> None:
        self._directory, self._clock = directory, clock
        moments = datetime.now(UTC), clock.now()
        names = ("Clinic test authority", "Clinic second authority", "Stranger")
        self._authority, self._second, self._stranger = (Authority(*moments, hosts=hosts, name=name) for name in names)
        self.pem = self._authority.pem + self._second.pem  # what clients trust
        self.good = self._authority.server_context(directory)

    def context(self, fault: BadCertificate | None) -> ssl.SSLContext:
        """The TLS context of a server with this fault."""
        if fault is None:
            return self.good
        who = {"issuer": self._second, "stranger": self._stranger}.get(fault.shows, self._authority)
        return who.server_context(self._directory, self._wish(fault))

    def _wish(self, fault: BadCertificate) -> Wish:
        """Clients judge validity by the real clock, and warn ahead of its end by the simulated one."""
        now = datetime.now(UTC)
        wishes = {
            "expired": Wish(until=now - DAY, since=now - 90 * DAY),
            "not_yet_valid": Wish(since=now + DAY),
            "host": Wish(hosts=("elsewhere.example",)),
            "self_signed": Wish(is_self_signed=True),
            "ending": Wish(until=self._clock.now() + timedelta(days=fault.days)),
        }
        return wishes.get(fault.shows, Wish())
