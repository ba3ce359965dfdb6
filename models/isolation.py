"""Isolation: what a ladder and its controls say together: which part is at fault, which are not, and whose it is.

The judgement is a table: by the rung that broke, the controls that can speak of it are asked in the order in which
they weigh. A control that could not be tried says nothing, and where none speaks, nobody is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from pydantic import AwareDatetime, NonNegativeFloat, NonNegativeInt

from models.control import Control, Tried, Which, where_it_loses
from models.ladder import Ladder, Step, Verdict
from models.noun import Kept, Noun
from models.reading import Identifier, Outcome, Rung

WORDS = {  # how a person calls the part that a rung tries
    Rung.DNS: "DNS",
    Rung.TCP: "network",
    Rung.TLS: "TLS",
    Rung.HTTP: "service",
    Rung.AUTH: "auth",
    Rung.SCOPE: "scopes",
    Rung.READ: "read",
    Rung.SEMANTIC: "content",
}
PATH = "network path"
SURE_OF_CLUSTERS = 1.5  # losses that run half as long again as independent ones come in clusters (models.facts)


class Whose(StrEnum):
    """Whose the fault is, in the words of the fault domains; controls alone never suspect an attack."""

    OURS = "ours"
    NETWORK = "network"
    IDENTITY = "identity provider"
    VENDOR = "vendor"
    PRACTICE = "practice"


class Finding(NamedTuple):
    """What the table says."""

    isolated: str | None  # the part at fault; None: no part could be told from the rest
    whose: Whose | None
    because: str


class Isolation(Noun):
    """All controls of one isolation, and what they come to."""

    integration_id: Identifier
    isolated_at: AwareDatetime
    broken: Rung | None  # of the ladder; None: it reached the top
    controls: tuple[Control, ...] = ()
    isolated: str | None = None
    healthy: tuple[str, ...] = ()
    whose: Whose | None = None
    because: str = ""  # the reason for `whose`, or why nobody is named
    seconds: NonNegativeFloat = 0.0  # real ones

    @property
    def calls(self) -> int:
        """Requests that the other side's applications had to answer."""
        return sum(control.calls for control in self.controls)

    @property
    def connects(self) -> int:
        """Bare connections that the other side had to take."""
        return sum(control.connects for control in self.controls)

    @property
    def says(self) -> str:
        """e.g. "auth isolated; network, TLS, FHIR read healthy"."""
        well = f"{', '.join(self.healthy)} healthy" if self.healthy else ""
        if self.isolated:
            return f"{self.isolated} isolated{'; ' if well else ''}{well}"
        return f"nothing isolated{'; ' if well else ''}{well}"

    @property
    def cost(self) -> str:
        """What it took, for a person."""
        return f"{costs(self.calls, self.connects)}, {self.seconds:.1f} s"

    def of(self, *which: Which) -> tuple[Control, ...]:
        """The controls of these kinds that were tried."""
        return tuple(one for one in self.controls if one.which in which and one.verdict is not Tried.UNTRIED)

    def passed(self, *which: Which) -> bool | None:
        """Whether any control of these kinds passed; None: none was tried."""
        tried = self.of(*which)
        return any(one.verdict is Tried.PASSED for one in tried) if tried else None


class IsolationRecord(Kept):
    """The last isolation of one integration, and what its isolations cost today; its id is the integration's."""

    integration_id: Identifier
    last: Isolation
    day: str  # UTC, as YYYY-MM-DD
    isolations: NonNegativeInt = 0  # of that day
    calls: NonNegativeInt = 0
    connects: NonNegativeInt = 0

    @property
    def says(self) -> str:
        """What the day cost the other side."""
        return f"isolation tests cost the other side {costs(self.calls, self.connects)} today"


def costs(calls: int, connects: int) -> str:
    """Requests and bare connections, counted."""
    return f"{calls} call{'s' * (calls != 1)} and {connects} bare connection{'s' * (connects != 1)}"


def entered(record: IsolationRecord | None, isolation: Isolation) -> IsolationRecord:
    """The record with one more isolation in it; a new day begins with it alone."""
    day = f"{isolation.isolated_at:%Y-%m-%d}"
    same = record if record is not None and record.day == day else None
    return IsolationRecord(
        id=isolation.integration_id,
        integration_id=isolation.integration_id,
        last=isolation,
        day=day,
        isolations=(same.isolations if same else 0) + 1,
        calls=(same.calls if same else 0) + isolation.calls,
        connects=(same.connects if same else 0) + isolation.connects,
    )


def concluded(ladder: Ladder, controls: Iterable[Control], seconds: float, at: AwareDatetime) -> Isolation:
    """What a ladder and its controls come to."""
    broken = ladder.broken
    bare = Isolation(
        integration_id=ladder.integration_id,
        isolated_at=at,
        broken=broken.rung if broken else None,
        controls=tuple(controls),
        seconds=seconds,
    )
    found = JUDGES[broken.rung](bare, broken) if broken else unbroken(bare)
    named = {"isolated": found.isolated, "whose": found.whose, "because": found.because}
    return bare.model_copy(update={**named, "healthy": healthy(ladder, bare.controls, found.isolated)})


def healthy(ladder: Ladder, controls: Sequence[Control], isolated: str | None) -> tuple[str, ...]:
    """The parts that a rung or a control showed to work, from below; a name is part of the network once that holds."""
    words = [WORDS[step.rung] for step in ladder.steps if step.verdict is Verdict.PASSED]
    words += [word for one in controls if one.verdict is Tried.PASSED for word in one.shows]
    if any(word.endswith(" read") for word in words):  # says more than that something answers
        words = [word for word in words if word not in {WORDS[Rung.HTTP], WORDS[Rung.READ]}]
    if WORDS[Rung.TCP] in words:
        words = [word for word in words if word != WORDS[Rung.DNS]]
    failed = {word for one in controls if one.verdict is Tried.FAILED for word in one.shows}
    order = {word: place for place, word in enumerate(WORDS.values())}
    known = dict.fromkeys(word for word in words if word != isolated and word not in failed)
    return tuple(sorted(known, key=lambda word: order.get(word, len(order))))


# --- the table, by the rung that broke -------------------------------------------------------------------------------


def unbroken(seen: Isolation) -> Finding:
    """Every rung held: what fails comes and goes, or is another operation than the one that was climbed."""
    if failing := [one for one in seen.of(Which.SIBLING) if one.verdict is Tried.FAILED]:
        names = ", ".join(one.subject for one in failing)
        return Finding(names, Whose.VENDOR, f"{names} fails while the operation that was climbed answers")
    trace = next(iter(seen.of(Which.PATH_TRACE)), None)
    loses = where_it_loses(trace.hops) if trace else None
    if trace and loses and loses is not trace.hops[-1]:
        because = f"probes are lost from hop {loses.number} of {trace.hops[-1].number} on, to the end"
        return Finding(PATH, Whose.NETWORK, because)
    burst = next(iter(seen.of(Which.BURST)), None)
    if burst is None or burst.losses is None or not burst.losses.lost:
        return Finding(None, None, "every control passed: it does not fail now")
    if burst.losses.clustering >= SURE_OF_CLUSTERS:
        return Finding(PATH, Whose.NETWORK, "fresh connections are lost in clusters, before any application is asked")
    return Finding(None, None, "fresh connections are lost one by one: on the path, or at one of several machines")


def by_name(seen: Isolation, broken: Step) -> Finding:
    """The name leads nowhere: here, or everywhere?"""
    word = WORDS[Rung.DNS]
    second = next(iter(seen.of(Which.SECOND_RESOLVER)), None)
    if second and second.verdict is Tried.PASSED:
        return Finding(word, Whose.OURS, "another name server knows the name: ours is wrong, or is not reached")
    if second and second.code == broken.code == "name_not_found":
        return Finding(word, Whose.VENDOR, "two name servers know no such name")
    if seen.passed(Which.SECOND_VANTAGE):
        return Finding(word, Whose.OURS, "the name is known at the second vantage: our name servers are at fault")
    if others_reached(seen):
        return Finding(word, Whose.VENDOR, "other names are found from here, this one by nobody who was asked")
    if others_reached(seen) is False:
        return Finding(word, Whose.OURS, "no other host is reached from here either")
    return Finding(word, None, f"no control could tell whose name server fails{lacking(seen)}")


def by_connection(seen: Isolation, broken: Step) -> Finding:
    """Nobody takes a connection: theirs, ours, or what lies between?"""
    word, vantage, others = WORDS[Rung.TCP], seen.passed(Which.SECOND_VANTAGE), others_reached(seen)
    if others is False:
        return Finding(word, Whose.OURS, "no other host is reached from here either")
    if vantage:
        because = "it takes connections from the second vantage" + (
            ", and other hosts are reached from here" * bool(others)
        )
        return Finding(word, Whose.NETWORK, because)
    if seen.passed(Which.NEIGHBOUR) is False and others:
        return Finding(word, Whose.PRACTICE, "nothing behind the same line is reached, while hosts elsewhere are")
    if others or vantage is False:
        elsewhere = "other hosts are reached from here" if others else ""
        from_there = "it is not reached from the second vantage either" if vantage is False else ""
        because = ", and ".join(filter(None, (elsewhere, from_there)))
        return Finding(f"{word} to their host", Whose.VENDOR, because + doubt(broken, vantage))
    return Finding(word, None, f"no control could tell their host from the way there{lacking(seen)}")


def doubt(broken: Step, vantage: bool | None) -> str:
    """What remains open when nobody looked from elsewhere."""
    if vantage is False or broken.outcome is Outcome.REFUSED:
        return ""
    return "; without a second vantage, a fault on the way to this one host cannot be excluded"


def by_handshake(seen: Isolation, _: Step) -> Finding:
    """TLS fails: with everybody, from here only, or theirs?"""
    word, vantage, others = WORDS[Rung.TLS], seen.passed(Which.SECOND_VANTAGE), others_reached(seen)
    if vantage:
        return Finding(word, Whose.NETWORK, "it holds from the second vantage: something between us and them breaks it")
    if others is False:
        return Finding(word, Whose.OURS, "no other handshake holds from here either: our clock, or whom we trust")
    if others or vantage is False:
        because = "other handshakes hold from here" if others else "it fails from the second vantage as well"
        return Finding(word, Whose.VENDOR, because)
    return Finding(word, None, f"no control could tell their TLS from ours{lacking(seen)}")


def by_service(seen: Isolation, broken: Step) -> Finding:
    """Connections are taken, and no application speaks: on this path, or on any?"""
    if seen.passed(Which.OTHER_PATH):
        return Finding("one path", Whose.VENDOR, "another path of the same host answers")
    if seen.passed(Which.SECOND_VANTAGE) and broken.outcome in {Outcome.RESET, Outcome.TIMEOUT}:
        return Finding("service", Whose.NETWORK, "it speaks at the second vantage, and not to us")
    if seen.passed(Which.OTHER_PATH) is False:
        return Finding("service", Whose.VENDOR, "their host takes connections, and no path of it answers as it should")
    return Finding("service", Whose.VENDOR, "their host takes connections, and its application does not answer")


def by_login(seen: Isolation, _: Step) -> Finding:
    """We are not let in: who keeps the door, or everything behind it?"""
    word, alive = WORDS[Rung.AUTH], seen.passed(Which.TOKEN_ENDPOINT)
    beside = seen.passed(Which.OTHER_PATH, Which.HELD_TOKEN)
    if beside is False:
        return Finding(None, Whose.VENDOR, "nothing that needs no log-in answers any more either")
    if alive:
        return Finding(word, Whose.IDENTITY, "the token endpoint answers strangers as it should, and refuses us")
    if alive is False:
        return Finding(word, Whose.IDENTITY, "the token endpoint answers nobody as it should")
    if beside:
        return Finding(word, Whose.IDENTITY, "everything that needs no new log-in answers")
    return Finding(word, None, f"no control could tell the log-in from the rest{lacking(seen)}")


def by_read(seen: Isolation, broken: Step) -> Finding:
    """We are known, and do not get what we ask for: one operation, or all?"""
    word = WORDS[broken.rung]
    if seen.passed(Which.SIBLING):
        return Finding("one operation", Whose.VENDOR, f"{named_passed(seen)} answers")
    if seen.passed(Which.OTHER_PATH) is False:
        return Finding("service", Whose.VENDOR, "no other path of the same host answers either")
    if seen.passed(Which.SIBLING) is False:
        return Finding(word, Whose.VENDOR, "the other operations that were tried fail too, whatever they ask for")
    if seen.passed(Which.OTHER_PATH):
        return Finding(word, Whose.VENDOR, "what needs no log-in answers")
    return Finding(word, None, f"no control could tell this operation from the others{lacking(seen)}")


Judge = Callable[[Isolation, Step], Finding]
JUDGES: dict[Rung, Judge] = {
    Rung.DNS: by_name,
    Rung.TCP: by_connection,
    Rung.TLS: by_handshake,
    Rung.HTTP: by_service,
    Rung.AUTH: by_login,
    Rung.SCOPE: by_read,
    Rung.READ: by_read,
    Rung.SEMANTIC: by_read,
}


def others_reached(seen: Isolation) -> bool | None:
    """Whether any other host is reached from here; None: none was tried."""
    return seen.passed(Which.OTHER_HOST, Which.NEIGHBOUR)


def named_passed(seen: Isolation) -> str:
    """The operations that answered."""
    return ", ".join(one.subject for one in seen.of(Which.SIBLING) if one.verdict is Tried.PASSED)


def lacking(seen: Isolation) -> str:
    """Why controls could not be tried, each reason once."""
    whys = dict.fromkeys(
        f"{one.which.replace('_', ' ')} {one.says}" for one in seen.controls if one.verdict is Tried.UNTRIED
    )
    return f" ({'; '.join(whys)})" if whys else ""
