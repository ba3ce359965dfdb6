"""Volume: how much flowed in the last hour, beside what usually flows at this hour of the week.

*Amount* is what is compared, a count either way. Of real traffic it is the records of the hour (or its messages,
where nobody counts records). Of probes it is the records per answer: how often we ask is our own affair, and each
answer tells of the same records again.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from statistics import median

from pydantic import NonNegativeFloat, NonNegativeInt

from models.baseline import SCALE
from models.noun import Noun
from models.reading import Code, Direction, Identifier
from models.wording import volume

FEWEST_WEEKS = (
    3  # samples of this very hour of the week: a median of two is their mean, and one of them may be a holiday
)
FEWEST_DAYS = 3  # samples of this hour on days of the same kind, until there are enough weeks
DROP = 0.3  # share missing, from which somebody at the practice notices (spec: catalogue, S66)
CHANCE = 0.001  # that so little is an ordinary hour


class UsualBy(StrEnum):
    """What "usual" rests on."""

    HOUR_OF_WEEK = "this hour of the week"
    HOUR_OF_DAY = "this hour on such days"  # Monday to Friday are alike; Saturdays and Sundays are each their own
    LEARNING = "learning"


class Volume(Noun):
    """One kind of data, one way, at one place, in one hour; probes and real traffic are never summed."""

    integration_id: Identifier
    resource: Code
    direction: Direction
    location: Code | None = None
    is_traffic: bool
    messages: NonNegativeInt  # calls that got what they asked for
    records: NonNegativeInt
    size_bytes: NonNegativeInt  # received and sent
    amount: NonNegativeFloat | None  # None: nothing to compare
    weeks: tuple[NonNegativeFloat, ...] = ()  # amounts of this hour of the week in the weeks before
    days: tuple[NonNegativeFloat, ...] = ()  # amounts of this hour on days of the same kind

    @property
    def usual_by(self) -> UsualBy:
        """The narrowest past that rests on enough hours."""
        if len(self.weeks) >= FEWEST_WEEKS:
            return UsualBy.HOUR_OF_WEEK
        return UsualBy.HOUR_OF_DAY if len(self.days) >= FEWEST_DAYS else UsualBy.LEARNING

    @property
    def samples(self) -> tuple[float, ...]:
        """The hours that it is compared with; none while learning."""
        return {UsualBy.HOUR_OF_WEEK: self.weeks, UsualBy.HOUR_OF_DAY: self.days}.get(self.usual_by, ())

    @property
    def usual(self) -> float | None:
        """The median of those hours; None while learning."""
        return median(self.samples) if self.samples else None

    @property
    def change(self) -> float | None:
        """-0.5 for half; None where nothing is usual."""
        if self.amount is None or not self.usual:
            return None
        return self.amount / self.usual - 1

    @property
    def is_drop(self) -> bool:
        """Whether so little is no accident: at least 30 % are missing, with p < 0.001."""
        if self.amount is None or self.change is None or self.change > -DROP:
            return False
        return chance_of_so_few(self.amount, self.samples) < CHANCE

    @property
    def says(self) -> str:
        """`2.4GB −50 %`; what flowed, and how that compares."""
        return volume(self.size_bytes) + (f" {percent_change(self.change)}" if self.change is not None else "")


def together(volumes: Sequence[Volume]) -> str:
    """Several places as one: bytes added, and amounts beside the sum of what is usual at each.

    Only places where something is usual are compared.
    """
    compared = [(one.amount, one.usual) for one in volumes if one.amount is not None and one.usual]
    size = volume(sum(one.size_bytes for one in volumes))
    if not compared:
        return size
    return f"{size} {percent_change(sum(now for now, _ in compared) / sum(usual for _, usual in compared) - 1)}"


def in_short(volumes: Sequence[Volume]) -> str:
    """All that flows over one integration in a few words: `2.4GB, Appointment −50 %`.

    Real traffic where there is any, else what probes see; and the resource that changed most, if that is felt.
    """
    real = [one for one in volumes if one.is_traffic and one.messages] or list(volumes)
    size = volume(sum(one.size_bytes for one in real))
    felt = [one for one in real if one.change is not None and abs(one.change) >= DROP]
    most = max(felt, key=lambda one: (one.is_drop, abs(one.change or 0)), default=None)
    return f"{size}, {most.resource} {percent_change(most.change)}" if most and most.change is not None else size


def chance_of_so_few(amount: float, samples: Sequence[float]) -> float:
    """Probability that an ordinary hour brings this little, from a few such hours.

    The conditional test of two Poisson rates (Przyborowski & Wilenski 1940, *Homogeneity of Results in Testing
    Samples from Poisson Series*): with n former hours that add up to S, the present count is Binomial(S + x,
    1/(n + 1)). Unlike the plain Poisson tail it knows that "usual" is itself only estimated, so few weeks prove
    little, and small numbers stay quiet by themselves. S is n times the median, so that one bad week does not
    teach; and where hours scatter more than Poisson allows, counts are divided by the dispersion
    (quasi-Poisson: McCullagh & Nelder 1989, *Generalized Linear Models*, 6.2), with the MAD for the scatter.

    >>> chance_of_so_few(5, [36, 34, 39, 36]) < 0.001 < chance_of_so_few(30, [36, 34, 39, 36])
    True
    >>> chance_of_so_few(0, [2, 3, 2, 4]) > 0.001
    True
    """
    from scipy.stats import binom  # noqa: PLC0415  # half a second, which most hours need not pay

    middle = median(samples)
    spread = SCALE * median(abs(sample - middle) for sample in samples)
    dispersion = max(1.0, spread**2 / middle) if middle else 1.0
    now, before = round(amount / dispersion), round(len(samples) * middle / dispersion)
    return float(binom.cdf(now, now + before, 1 / (len(samples) + 1)))


def percent_change(change: float) -> str:
    """A relative change with a real minus sign.

    >>> percent_change(-0.5), percent_change(0.304), percent_change(-0.001)
    ('−50 %', '+30 %', '±0 %')
    """
    whole = round(100 * change)
    sign = "+" if whole > 0 else "−" if whole < 0 else "±"
    return f"{sign}{abs(whole)} %"
