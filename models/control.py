"""Control: one small trial beside the ladder, which tells what broke apart from what merely stands on it.

A ladder says which rung broke; a control asks the same of something else: another path of the same host, another
host on the same way out, another name server, another place to look from. What passes there is not at fault here.
No control carries a patient's data, a password or a client's secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from itertools import groupby
from math import comb
from typing import Annotated

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt

from models.ladder import Step, Verdict
from models.noun import Noun
from models.reading import Code, Outcome

ENOUGH = 10  # connections from which a share of losses, or their order, says anything
LOSSY = 0.05  # share of probes from which a hop counts as losing: one of twenty may be chance
UNLIKELY = 0.01  # a count that chance brings less often than this is not chance


class Which(StrEnum):
    """What kind of trial."""

    AGAIN = "the_same_again"
    OTHER_PATH = "same_host_other_path"
    SIBLING = "sibling_operation"
    HELD_TOKEN = "held_token"  # noqa: S105 - a read with the token in hand, while no new one can be had
    TOKEN_ENDPOINT = "token_endpoint"  # noqa: S105 - asked by a stranger: who answers it is alive
    SECOND_RESOLVER = "second_resolver"
    OTHER_HOST = "other_host_same_network"
    NEIGHBOUR = "other_host_behind_the_same_line"  # in one of the same private ranges: the practice's own network
    SECOND_VANTAGE = "second_vantage"
    BURST = "connection_burst"
    PATH_TRACE = "path_trace"


class Tried(StrEnum):
    """How a trial ended."""

    PASSED = "passed"
    FAILED = "failed"
    UNTRIED = "untried"  # it could not be tried; `says` has the reason


class Losses(Noun):
    """A row of connections in their order; those that met loss failed, or took a second packet to begin."""

    tried: NonNegativeInt
    lost: NonNegativeInt  # those that met loss
    runs: NonNegativeInt  # of consecutive losses
    longest: NonNegativeInt  # of those runs
    clustering: NonNegativeFloat  # mean run over that of independent losses; 1: no clusters, 0: cannot be told
    median_ms: NonNegativeFloat | None = None  # of those that held
    slowest_ms: NonNegativeFloat | None = None

    @property
    def share(self) -> float:
        """Lost, of all."""
        return self.lost / self.tried if self.tried else 0.0


class Hop(Noun):
    """One router on the way, or the end of it."""

    number: PositiveInt
    address: str | None = None  # None: it never answered
    tried: NonNegativeInt
    answered: NonNegativeInt
    median_ms: NonNegativeFloat | None = None

    @property
    def missed(self) -> int:
        """Probes that it did not answer."""
        return self.tried - self.answered

    @property
    def lost(self) -> float:
        """Their share."""
        return self.missed / self.tried if self.tried else 0.0


class Control(Noun):
    """One trial, and what it cost the other side."""

    which: Which
    verdict: Tried
    says: str  # with measured values; never a URL with an identifier, a body or a secret
    subject: str = ""  # what was tried: an operation, an integration's id, a host of the configuration
    outcome: Outcome | None = None  # None: not tried
    code: Code | None = None
    status: int | None = None
    duration_ms: NonNegativeFloat | None = None
    calls: NonNegativeInt = 0  # requests that an application of theirs had to answer
    connects: NonNegativeInt = 0  # bare connections to them, with or without a handshake
    shows: tuple[str, ...] = ()  # components that are healthy when it passes
    losses: Losses | None = None
    hops: tuple[Hop, ...] = ()

    @classmethod
    def untried(cls, which: Which, why: str, subject: str = "") -> Control:
        """One that could not be tried, with the reason."""
        return cls(which=which, verdict=Tried.UNTRIED, says=f"could not be tried: {why}", subject=subject)

    @classmethod
    def of(cls, which: Which, step: Step, subject: str = "", **told: object) -> Control:
        """The control that one step makes."""
        passed = step.verdict is Verdict.PASSED
        known = {"outcome": step.outcome, "code": step.code, "status": step.status, "duration_ms": step.duration_ms}
        verdict = Tried.PASSED if passed else Tried.FAILED
        return cls.model_validate(
            {"which": which, "verdict": verdict, "says": step.says, "subject": subject} | known | told
        )


def losses(held_ms: Sequence[Annotated[float, Field(ge=0)] | None]) -> Losses:
    """What a row of connections came to.

    Args:
        held_ms: how long each took in ms, in the order in which they began; None: it met loss.

    Clustering is the mean run of losses × the share that held: independent losses have geometric runs of mean
    1 / (1 − share), so it is 1 for them and grows with clusters (Wald and Wolfowitz 1940 test the same idea).
    """
    lengths = [len(list(run)) for lost, run in groupby(one is None for one in held_ms) if lost]
    held = sorted(one for one in held_ms if one is not None)
    lost = len(held_ms) - len(held)
    known = len(held_ms) >= ENOUGH and lengths and held
    return Losses(
        tried=len(held_ms),
        lost=lost,
        runs=len(lengths),
        longest=max(lengths, default=0),
        clustering=lost / len(lengths) * len(held) / len(held_ms) if known else 0.0,
        median_ms=held[len(held) // 2] if held else None,
        slowest_ms=held[-1] if held else None,
    )


def where_it_loses(hops: Sequence[Hop]) -> Hop | None:
    """The first hop from which on probes are lost to the end; None: nowhere. The last hop is the system itself.

    A router that answers few probes and forwards all is no fault. So the system itself must lose some, and the hops
    from there on must lose alike: none of them far less than all together (binomial, one tail, `UNLIKELY` for all), and
    the first of them not far more. Hops that never answer tell nothing.
    """
    known = [hop for hop in hops if hop.address is not None and hop.tried]
    if not known or known[-1].missed == 0:
        return None
    for place, hop in enumerate(known):
        behind = known[place:]
        share = sum(one.missed for one in behind) / sum(one.tried for one in behind)
        unlikely = UNLIKELY / len(behind)  # so many counts are looked at (Bonferroni)
        alike = at_most(hop.answered, hop.tried, 1 - share) >= unlikely  # as few answers, or fewer
        if hop.lost >= LOSSY and alike and all(at_most(one.missed, one.tried, share) >= unlikely for one in behind):
            return hop
    return None


def at_most(count: int, tried: int, share: float) -> float:
    """The probability of `count` or fewer of `tried`, each with this probability (binomial).

    >>> round(at_most(2, 10, 0.5), 4)
    0.0547
    """
    return sum(comb(tried, n) * share**n * (1 - share) ** (tried - n) for n in range(count + 1))
