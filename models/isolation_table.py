"""The table of isolation: a ladder and its controls in, the part at fault and whose it is out.

By the rung that broke, the controls that can speak of it are asked in the order in which they weigh. A control that
could not be tried says nothing, and where none speaks, nobody is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import NamedTuple

from pydantic import AwareDatetime

from models.control import Control, Tried, Which, where_it_loses
from models.isolation import WORDS, Isolation, IsolationRecord, Whose
from models.ladder import Ladder, Step, Verdict
from models.reading import Outcome, Rung

PATH = "network path"
AGAIN = {  # the controls that repeat what a rung tried; a stranger at the token endpoint does not repeat our log-in
    Rung.HTTP: (Which.AGAIN,),
    Rung.SCOPE: (Which.HELD_TOKEN,),
    Rung.READ: (Which.HELD_TOKEN,),
    Rung.SEMANTIC: (Which.HELD_TOKEN,),
}
LOST = {Outcome.RESET, Outcome.TIMEOUT, Outcome.REFUSED}  # no application had a say
MOMENTARY = LOST | {Outcome.SERVER_ERROR}  # what a moment later may be over
SURE_OF_CLUSTERS = 1.5  # losses that run half as long again as independent ones come in clusters (models.facts)


class Finding(NamedTuple):
    """What the table says."""

    isolated: str | None  # the part at fault; None: no part could be told from the rest
    whose: Whose | None
    because: str


def resting(record: IsolationRecord | None, ladder: Ladder, every: timedelta, as_of: AwareDatetime) -> Isolation | None:
    """What to tell within the pause after the last isolation; None: the pause is over.

    Of the same rung, the last one itself; of another, that the controls rest.
    """
    if record is None or not record.last.isolated_at <= as_of < record.last.isolated_at + every:
        return None
    broken = ladder.broken.rung if ladder.broken else None
    if record.last.broken is broken:
        return record.last
    last = record.last.isolated_at
    because = f"controls were tried at {last:%H:%M} UTC, and rest until {last + every:%H:%M} UTC"
    return untried(ladder, because, as_of)


def untried(ladder: Ladder, because: str, at: AwareDatetime) -> Isolation:
    """An isolation without controls, with the reason: the ladder alone names the part, and nobody."""
    return concluded(ladder, (), 0.0, at).model_copy(update={"because": because, "whose": None})


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
    found = JUDGES[broken.rung](bare, broken) if broken and not comes_and_goes(bare, broken) else unbroken(bare)
    named = {"isolated": found.isolated, "whose": found.whose, "because": found.because}
    return bare.model_copy(update={**named, "healthy": healthy(ladder, bare.controls, found.isolated)})


def healthy(ladder: Ladder, controls: Sequence[Control], isolated: str | None) -> tuple[str, ...]:
    """The parts that a rung or a control showed to work, from below; a name is part of the network once that holds."""
    failed = {word for one in controls if one.verdict is Tried.FAILED for word in one.shows} | {isolated}
    shown = [WORDS[step.rung] for step in ladder.steps if step.verdict is Verdict.PASSED]
    shown += [word for one in controls if one.verdict is Tried.PASSED for word in one.shows]
    words = dict.fromkeys(word for word in shown if word not in failed)
    said_better = {WORDS[Rung.DNS]} if WORDS[Rung.TCP] in words else set()
    if any(word.endswith(" read") for word in words):  # more than that something answers
        said_better |= {WORDS[Rung.HTTP], WORDS[Rung.READ]}
    order = {word: place for place, word in enumerate(WORDS.values())}
    return tuple(sorted(words.keys() - said_better, key=lambda word: (order.get(word, len(order)), word)))


# --- the table, by the rung that broke -------------------------------------------------------------------------------


def comes_and_goes(seen: Isolation, broken: Step) -> bool:
    """Whether what broke in the climb holds when it is tried again: then the climb met it at a bad moment."""
    if broken.rung in {Rung.TCP, Rung.TLS}:
        burst = next(iter(seen.of(Which.BURST)), None)
        return bool(burst and burst.losses and burst.losses.lost < burst.losses.tried)
    return broken.outcome in MOMENTARY and bool(seen.passed(*AGAIN.get(broken.rung, ())))


def unbroken(seen: Isolation) -> Finding:
    """What fails comes and goes, or is another operation than the one that was climbed."""
    failing = [one for one in seen.of(Which.SIBLING) if one.verdict is Tried.FAILED]
    if answered := [one for one in failing if one.outcome not in LOST]:
        return of_operations(answered)
    return on_the_way(seen) or (of_operations(failing) if failing else calm(seen))


def of_operations(failing: Sequence[Control]) -> Finding:
    """Some operations fail while another answers."""
    names = ", ".join(one.subject for one in failing)
    fails = f"{names} fail{'s' * (len(failing) == 1)}"
    return Finding(names, Whose.VENDOR, f"{fails} while the operation that was climbed answers")


def on_the_way(seen: Isolation) -> Finding | None:
    """What is lost before any application is asked; a trace that a row of connections denies says nothing."""
    burst = next((one.losses for one in seen.of(Which.BURST) if one.losses), None)
    if burst is not None and not burst.lost:
        return None
    trace = next(iter(seen.of(Which.PATH_TRACE)), None)
    loses = where_it_loses(trace.hops) if trace and trace.hops and trace.outcome is Outcome.OK else None
    if trace and loses and loses is not trace.hops[-1]:
        because = f"probes are lost from hop {loses.number} of {trace.hops[-1].number} on, to the end"
        return Finding(PATH, Whose.NETWORK, because)
    if burst is None:
        return None
    if burst.clustering >= SURE_OF_CLUSTERS:
        return Finding(PATH, Whose.NETWORK, "fresh connections meet loss in clusters, before any application is asked")
    return Finding(PATH, None, "fresh connections meet loss one by one: on the path, or at one of several machines")


def calm(seen: Isolation) -> Finding:
    """Nothing fails now."""
    tried = any(one.verdict is not Tried.UNTRIED for one in seen.controls)
    return Finding(None, None, "every control passed: it does not fail now" if tried else "no control was tried")


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


def by_service(seen: Isolation, _: Step) -> Finding:
    """Connections are taken, and no application speaks: on this path, or on any?"""
    paths = seen.of(Which.OTHER_PATH)
    well = sum(one.verdict is Tried.PASSED for one in paths)
    if not paths:
        return Finding("service", Whose.VENDOR, "their host takes connections, and its application does not answer")
    if well == len(paths):
        return Finding("one path", Whose.VENDOR, "every other path of the same host that was tried answers")
    if well:
        return Finding("service", Whose.VENDOR, f"{well} of {len(paths)} other paths of the same host answer")
    return Finding("service", Whose.VENDOR, "their host takes connections, and no path of it answers as it should")


def by_login(seen: Isolation, _: Step) -> Finding:
    """We are not let in: who keeps the door, or everything behind it?"""
    word, alive = WORDS[Rung.AUTH], seen.passed(Which.TOKEN_ENDPOINT)
    beside = seen.passed(Which.OTHER_PATH, Which.HELD_TOKEN)
    if beside is False:
        return Finding("service", Whose.VENDOR, "nothing that needs no new log-in answers any more either")
    if alive:
        return Finding(word, Whose.IDENTITY, "the token endpoint answers strangers as it should, and gives us no token")
    if alive is False:
        return Finding(word, Whose.IDENTITY, "the token endpoint answers nobody as it should")
    if beside:
        return Finding(word, Whose.IDENTITY, "everything that needs no new log-in answers")
    return Finding(word, None, f"no control could tell the log-in from the rest{lacking(seen)}")


def by_read(seen: Isolation, broken: Step) -> Finding:
    """We are known, and do not get what we ask for: one operation, or all?"""
    word = WORDS[broken.rung]
    if seen.passed(Which.SIBLING):
        climbed = next((one.subject for one in seen.of(Which.HELD_TOKEN)), "one operation")
        return Finding(climbed, Whose.VENDOR, f"{answering(seen)} while {climbed} does not")
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


def answering(seen: Isolation) -> str:
    """The operations that answered."""
    well = [one.subject for one in seen.of(Which.SIBLING) if one.verdict is Tried.PASSED]
    return f"{', '.join(well)} answer{'s' * (len(well) == 1)}"


def lacking(seen: Isolation) -> str:
    """Why controls could not be tried, each reason once."""
    whys = dict.fromkeys(one.says for one in seen.controls if one.verdict is Tried.UNTRIED)
    return f": {'; '.join(whys)}" if whys else ""
