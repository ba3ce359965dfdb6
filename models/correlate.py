"""Correlate: which symptoms are one trouble, and how far each lags behind the first.

Two symptoms of one integration belong together when one of these holds:

- they began at nearly the same time (within `CLOSE` cycles);
- they began within `FARTHEST` cycles, and moved alike when one is shifted by about as much;
- they have moved alike for so long, at some shift within `FARTHEST` cycles, that it is no accident.

Symptoms of several integrations belong together when the integrations share something (a host, a vendor, the same
way out) and more of them began to ail at nearly the same time than chance explains.

**When did it begin?** A detector is sure later than the trouble began, and the later the slower it grows. The onset is
where the cumulated sum of what is beyond `SLACK` deviations last left zero (Page 1954, *Continuous Inspection
Schemes*; Montgomery, *Introduction to Statistical Quality Control*, 9.1, on dating a change).

**Alike** is what `models.likeness` calls so: the correlation of residuals that are clipped at `CLIP` deviations.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import combinations
from typing import NamedTuple
from warnings import catch_warnings, simplefilter

import numpy as np
from scipy import stats

from models.group import Group, Member, Symptom
from models.likeness import ALIKE, FARTHEST, LAGS, autocorrelation, effective, lasts, overlap, shifted, significant
from models.panel import Floats, Ints, Panel
from models.series import Series

CLOSE = 5  # cycles: what begins within it in one integration is one trouble
AGREES = 2  # cycles by which the best shift may differ from that of the onsets
SLACK, EARLIEST = 2.0, 60  # deviations that are nothing yet; cycles before it was seen that an onset is looked for
CLIP = 8.0  # deviations beyond which more says nothing more
AT_ONCE_S = 300.0  # integrations that begin to ail within it may ail of the same
ONSETS_PER_DAY = 0.5  # of each integration by itself, more than most have: what chance is measured by
ACCIDENT = 1e-3  # chance of so many by themselves, below which they are one
CHUNK = 4096  # pairs that are compared at once: some tens of MB

Shared = Mapping[str, Collection[str]]
"""For each integration, the names of what it depends on; what two have in common may be why both ail."""


class Pair(NamedTuple):
    """Two symptoms beside each other, the second at its best shift behind the first."""

    correlation: float
    lag: int  # cycles; negative: the second is ahead
    is_proven: bool  # by more points than an accident has


@dataclass
class Board:
    """The symptoms of one judgement, side by side."""

    symptoms: tuple[Symptom, ...]
    began_s: Floats  # (m,) unix seconds
    every_s: Floats  # (m,) pace of each; NaN: it was never measured
    panel: Ints  # (m,) which panel it is in; −1: none
    course: Floats  # (m, w) clipped residuals towards the side of each; NaN: nothing
    pairs: dict[tuple[int, int], Pair]

    def whose(self, at: int) -> str:
        """The integration of a symptom."""
        return self.symptoms[at].series.integration_id


def together(
    symptoms: Iterable[Symptom], panels: Sequence[Panel] = (), shared: Shared | None = None, known: Iterable[Group] = ()
) -> tuple[Group, ...]:
    """Every symptom in exactly one group; the same symptoms give the same groups, in whatever order they come.

    Args:
        symptoms: what stands now, one for each series.
        panels: where those that are measured are, as they are judged.
        shared: what each integration depends on.
        known: the groups of the cycle before: who was together stays so while both stand, under the same id.
    """
    ordered = tuple({one.series: one for one in sorted(symptoms, key=_order)}.values())
    before, counts = tuple(known), sharing(shared or {})
    board = lay_out(ordered, panels, {one.series: one for group in before for one in group.members})
    sets = _Sets(len(ordered))
    at = {one.series: index for index, one in enumerate(ordered)}
    for one, other in board.pairs:
        if belongs(board, one, other):
            sets.join([one, other])
    for several in at_once(board, sets.parts(), shared or {}, counts):
        sets.join(several)
    for group in before:
        sets.join([at[member.series] for member in group.members if member.series in at])
    found = [told(board, part, shared or {}, counts) for part in sets.parts()]
    return tuple(sorted(renamed(found, before), key=lambda group: (group.began, group.id)))


def _order(one: Symptom) -> tuple[str, str, str, str, datetime]:
    name = one.series
    return name.integration_id, name.metric, name.subject or "", name.source, one.since


def lay_out(symptoms: tuple[Symptom, ...], panels: Sequence[Panel], known: Mapping[Series, Member]) -> Board:
    """When each symptom began, and how each two of one integration compare; a beginning once told stays."""
    m, width = len(symptoms), max((panel.values.shape[1] for panel in panels), default=0)
    wanted = {one.series: index for index, one in enumerate(symptoms)}
    course = np.full((m, width), np.nan)
    began_s = np.array([one.since.timestamp() for one in symptoms], dtype=float)
    every_s, where = np.full(m, np.nan), np.full(m, -1, dtype=np.int64)
    for number, panel in enumerate(panels):
        rows = np.array([row for row, name in enumerate(panel.series) if name in wanted], dtype=np.int64)
        if not len(rows):
            continue
        mine = np.array([wanted[panel.series[row]] for row in rows])
        z, sides = residuals(panel, rows), np.array([symptoms[one].side for one in mine])
        course[mine, width - z.shape[1] :] = z
        began_s[mine] = onsets(z, sides, panel.ends_s, panel.every_s, began_s[mine])
        every_s[mine], where[mine] = panel.every_s, number
    for index, one in enumerate(symptoms):
        if one.series in known:
            began_s[index] = known[one.series].began.timestamp()
    board = Board(symptoms, began_s, every_s, where, course, {})
    board.pairs = compared(board, neighbours(board))
    return board


def residuals(panel: Panel, rows: Ints) -> Floats:
    """How far each value is from what is usual, in deviations, clipped; from its own median where nothing is usual."""
    values = panel.values[rows]
    middle, scale = panel.usual.middle[rows], panel.scale[rows]
    unknown = np.isnan(middle) | ~(scale > 0)
    if unknown.any():
        with np.errstate(all="ignore"), catch_warnings():
            simplefilter("ignore", RuntimeWarning)  # a series without any value has no median, and no residual
            own = np.nanmedian(np.where(np.isnan(values), np.nan, values)[unknown], axis=1)
            spread = 1.4826 * np.nanmedian(np.abs(values[unknown] - own[:, None]), axis=1)
        middle[unknown], scale[unknown] = own, np.fmax(spread, np.fmax(0.05 * np.abs(own), 1e-9))
    clipped: Floats = np.clip((values - middle[:, None]) / scale[:, None], -CLIP, CLIP)
    return clipped


def onsets(z: Floats, sides: Ints, ends_s: Floats, every_s: float, since_s: Floats) -> Floats:
    """(m,) unix seconds at which each trouble began: the end of its first cycle beyond the slack that led to it.

    Args:
        z: (m, w) residuals.
        sides: (m,) where the trouble is; 0: where the residual was when it was seen.
        ends_s: (w,) the end of each cycle.
        every_s: their pace.
        since_s: (m,) when it was seen; also the answer where no onset can be dated.
    """
    m, width = z.shape
    rows = np.arange(m)
    seen = np.clip(np.searchsorted(ends_s, since_s - every_s / 2), 0, width - 1)
    at_seen = np.nan_to_num(z[rows, seen])
    side = np.where(sides == 0, np.sign(at_seen), sides)
    total, left_zero, found = np.zeros(m), np.full(m, -1), np.full(m, -1)
    for column in range(width):
        step = np.nan_to_num(side * z[:, column] - SLACK, nan=0.0)
        grown = np.maximum(0.0, total + step)
        left_zero = np.where(grown <= 0, -1, np.where(total <= 0, column, left_zero))
        total = grown
        found = np.where(seen == column, left_zero, found)
    is_dated = (found > 0) & (found >= seen - EARLIEST) & (since_s >= ends_s[0])
    dated: Floats = np.where(is_dated, np.minimum(ends_s[found], since_s), since_s)
    return dated


def neighbours(board: Board) -> Ints:
    """(P, 2) each two symptoms of one integration, the smaller index first."""
    mine: dict[str, list[int]] = {}
    for index, one in enumerate(board.symptoms):
        mine.setdefault(one.series.integration_id, []).append(index)
    pairs = [pair for alike in mine.values() for pair in combinations(alike, 2)]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def compared(board: Board, pairs: Ints) -> dict[tuple[int, int], Pair]:
    """How each pair compares; two that were not measured side by side have nothing in common but their onsets."""
    answers: dict[tuple[int, int], Pair] = {(int(a), int(b)): Pair(0.0, 0, is_proven=False) for a, b in pairs}
    measured = pairs[(board.panel[pairs[:, 0]] >= 0) & (board.panel[pairs[:, 0]] == board.panel[pairs[:, 1]])]
    memory = autocorrelation(board.course) if len(measured) else board.course
    for first in range(0, len(measured), CHUNK):
        some = measured[first : first + CHUNK]
        r, n = shifted(board.course[some[:, 0]], board.course[some[:, 1]])
        best = np.argmax(np.abs(r), axis=1)
        rows = np.arange(len(some))
        proven = significant(r[rows, best], effective(n[rows, best], memory[some[:, 0]], memory[some[:, 1]]))
        sure = some[proven]
        proven[proven] = lasts(*overlap(board.course[sure[:, 0]], board.course[sure[:, 1]], LAGS[best[proven]]))
        for (a, b), row, lag, lasting in zip(some.tolist(), rows, LAGS[best].tolist(), proven.tolist(), strict=True):
            answers[a, b] = Pair(float(r[row, best[row]]), int(lag), is_proven=bool(lasting))
    return answers


def belongs(board: Board, one: int, other: int) -> bool:
    """Whether two symptoms of one integration are one trouble."""
    pair = board.pairs[one, other]
    every_s = np.nanmax([board.every_s[one], board.every_s[other], 0.0]) or AT_ONCE_S / CLOSE
    apart = (board.began_s[other] - board.began_s[one]) / every_s
    if abs(apart) <= CLOSE or pair.is_proven:
        return True
    return abs(apart) <= FARTHEST and abs(pair.correlation) >= ALIKE and abs(pair.lag - apart) <= AGREES


def at_once(
    board: Board, parts: Sequence[Sequence[int]], shared: Shared, counts: Mapping[str, int]
) -> Iterator[list[int]]:
    """Symptoms of several integrations that share something and began to ail together, by more than chance."""
    onsets_of: dict[str, list[tuple[float, str, int]]] = {}
    for part in parts:
        first = min(part, key=lambda index: (board.began_s[index], index))
        for whose in {board.whose(index) for index in part}:
            for name in shared.get(whose, ()):
                onsets_of.setdefault(name, []).append((float(board.began_s[first]), whose, first))
    for name in sorted(onsets_of):
        found, end = sorted(onsets_of[name]), 0
        for begin, (since_s, _, _) in enumerate(found):
            before = end
            while end < len(found) and found[end][0] <= since_s + AT_ONCE_S:
                end += 1
            within = found[begin:end] if end > before else []  # else it is part of the span before
            if len({whose for _, whose, _ in within}) >= no_accident(counts[name]):
                yield [index for _, _, index in within]


def sharing(shared: Shared) -> dict[str, int]:
    """How many integrations depend on each thing."""
    counts: dict[str, int] = {}
    for names in shared.values():
        for name in set(names):
            counts[name] = counts.get(name, 0) + 1
    return counts


@lru_cache(maxsize=1024)
def no_accident(sharing_it: int) -> int:
    """How many of so many integrations hardly begin to ail within five minutes each by itself (Poisson).

    >>> [no_accident(count) for count in (2, 14, 300, 1000)]
    [2, 2, 5, 8]
    """
    expected = sharing_it * ONSETS_PER_DAY * AT_ONCE_S / 86400
    return max(2, int(stats.poisson.isf(ACCIDENT, expected)) + 1)


def told(board: Board, part: Sequence[int], shared: Shared, counts: Mapping[str, int]) -> Group:
    """The group of these symptoms: who led, and by how much the others lag."""
    first = min(part, key=lambda index: (board.began_s[index], -board.symptoms[index].score, index))
    lags_s = {index: lag_s(board, first, index) for index in part}
    ahead = min(lags_s.values())
    order = sorted(part, key=lambda index: (lags_s[index], board.began_s[index], -board.symptoms[index].score, index))
    members = tuple(member(board, index, order[0], lags_s[index] - ahead) for index in order)
    began = min(one.began for one in members)
    common, of = in_common({one.integration_id for one in members}, shared, counts)
    return Group(id=group_id(members[0], began), members=members, began=began, shared=common, of=of)


def lag_s(board: Board, first: int, index: int) -> float:
    """Seconds by which a symptom is behind the first: what moved alike for long tells it better than two onsets."""
    pair = _pair(board, first, index)
    if pair is not None and pair.is_proven:
        return pair.lag * float(board.every_s[index])
    return float(board.began_s[index] - board.began_s[first])


def _pair(board: Board, one: int, other: int) -> Pair | None:
    """How the second compares with the first, whichever has the smaller index; None for two integrations."""
    if (one, other) in board.pairs:
        return board.pairs[one, other]
    pair = board.pairs.get((other, one))
    return None if pair is None else pair._replace(lag=-pair.lag)


def member(board: Board, index: int, leader: int, behind_s: float) -> Member:
    """One symptom as a member of its group."""
    one, pair = board.symptoms[index], _pair(board, leader, index)
    return Member(
        integration_id=one.series.integration_id,
        metric=one.series.metric,
        subject=one.series.subject,
        source=one.series.source,
        began=datetime.fromtimestamp(float(board.began_s[index]), UTC),
        lag_s=behind_s,
        correlation=round(pair.correlation, 3) if pair and pair.correlation else None,
        score=one.score,
    )


def in_common(whose: Collection[str], shared: Shared, counts: Mapping[str, int]) -> tuple[str | None, int | None]:
    """What most of these integrations share and fewest others do, and how many do; None for one integration."""
    if len(whose) < 2:  # noqa: PLR2004  # one shares nothing with itself
        return None, None
    ailing = sharing({one: shared.get(one, ()) for one in whose})
    best = min(ailing, key=lambda name: (-ailing[name], counts[name], name), default=None)
    return (best, counts[best]) if best is not None and ailing[best] > 1 else (None, None)


def group_id(first: Member, began: datetime) -> str:
    """A stable name: of who led, and when."""
    digest = hashlib.sha256(f"{first.integration_id}/{first.series.key}".encode()).hexdigest()[:8]
    return f"GRP-{began:%Y%m%dT%H%M%S}-{digest}"


def renamed(found: Iterable[Group], known: Iterable[Group]) -> Iterator[Group]:
    """Each group under the id and with the beginning of the known one that it goes on; the oldest, of several."""
    owner = {
        one.series: group for group in sorted(known, key=lambda group: (group.began, group.id)) for one in group.members
    }
    taken: set[str] = set()
    for group in sorted(found, key=lambda one: (one.began, one.id)):
        before = {owner[one.series].id: owner[one.series] for one in group.members if one.series in owner}
        chosen = min(
            (one for one in before.values() if one.id not in taken), key=lambda one: (one.began, one.id), default=None
        )
        if chosen is None:
            yield group
            continue
        taken.add(chosen.id)
        yield group.model_copy(update={"id": chosen.id, "began": chosen.began})


class _Sets:
    """Which of n things belong together (disjoint sets)."""

    def __init__(self, n: int) -> None:
        self._parent = list(range(n))

    def _root(self, one: int) -> int:
        while self._parent[one] != one:
            self._parent[one] = self._parent[self._parent[one]]
            one = self._parent[one]
        return one

    def join(self, several: Sequence[int]) -> None:
        """These belong together."""
        for one in several[1:]:
            a, b = sorted((self._root(several[0]), self._root(one)))
            self._parent[b] = a

    def parts(self) -> list[list[int]]:
        """The things that belong together, in order."""
        found: dict[int, list[int]] = {}
        for one in range(len(self._parent)):
            found.setdefault(self._root(one), []).append(one)
        return list(found.values())
