"""Groups: which symptoms of this cycle are one trouble; kept from cycle to cycle, so that who was together stays so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from models.alert import Alert
from models.anomaly import Severity
from models.dependency import depends_on
from models.group import ALERT, Group, Standing, Symptom
from models.series import Series, is_part
from models.sighting import Sighting
from tasks.house import House

if TYPE_CHECKING:
    from models.panel import Panel, Verdicts


def keep_groups(house: House, judged: Sequence[tuple[Panel, Mapping[str, Verdicts]]]) -> tuple[Group, ...]:
    """The groups of at least two symptoms that speak now, of series and of alerts; the ledger knows them afterwards.

    A group that falls silent for a cycle is kept while a sighting of one of its series stands: when they speak again,
    who was together is together.

    Args:
        house: whose ledger it is.
        judged: each panel of the cycle with what the detectors said of it.
    """
    symptoms = tuple(of_series(judged))
    known = {one.id: one for one in house.ledger.all_kept(Group)}
    found = grouped(house, symptoms, [panel for panel, _ in judged], known.values()) if symptoms else {}
    changed = [one for name, one in found.items() if one != known.get(name)]
    over = known.keys() - found.keys() - waiting(house, known, found)
    if changed or over:
        with house.ledger.change("monitor", house.clock.now()) as change:
            for one in changed:
                change.keep(one, audited=one.id not in known)
            for name in over:
                change.forget(Group, name)
    return tuple(found.values())


def waiting(house: House, known: Mapping[str, Group], found: Mapping[str, Group]) -> set[str]:
    """The ids of known groups of which nobody is in another one now, and a sighting stands."""
    silent = [one for name, one in known.items() if name not in found]
    if not silent:
        return set()
    stands = {one.series for one in house.ledger.all_kept(Sighting, state="live") if one.stands}
    speaks = says(found.values()).keys()
    members = {one.id: {member.series for member in one.members} for one in silent}
    return {name for name, mine in members.items() if mine & stands and not mine & speaks}


def of_series(judged: Iterable[tuple[Panel, Mapping[str, Verdicts]]]) -> Iterator[Symptom]:
    """Every series of which a detector speaks; how grave it is follows later, from the groups too."""
    from models.signs import signs_of  # noqa: PLC0415  # numpy, only where something was judged

    for panel, verdicts in judged:
        yield from signs_of(panel, verdicts, lambda _: Severity.LOW)


def grouped(
    house: House, symptoms: Sequence[Symptom], panels: Sequence[Panel], known: Iterable[Group]
) -> dict[str, Group]:
    """By id; alerts that stand join what they belong to, and make no group among themselves."""
    from models.correlate import together  # noqa: PLC0415  # scipy, only where something is odd

    alerts = [standing(alert) for alert in house.ledger.all_kept(Alert, state="raised")]
    shared = depends_on(house.configuration.integrations)
    several = (one for one in together([*symptoms, *alerts], panels, shared, known) if not one.is_single)
    return {one.id: one for one in several if any(member.source != ALERT for member in one.members)}


def standing(alert: Alert) -> Standing:
    """An alert as a symptom."""
    return Standing(Series(alert.integration_id, alert.watch, alert.finding.subject, ALERT), alert.finding.since)


def whose(groups: Iterable[Group]) -> dict[Series, str]:
    """For each series that can be a witness for others, those with which it can: of its group and its integration.

    A refused call is not another than the failed one; and what ails a neighbour does not make a weak sign here sure.
    """
    members = ((one.id, member.series) for one in groups for member in one.members)
    return {series: f"{name}/{series.integration_id}" for name, series in members if not is_part(series)}


def practices(groups: Iterable[Group]) -> dict[Series, int]:
    """For each series, how many integrations ail of the same."""
    return {member.series: len(one.integrations) for one in groups for member in one.members}


def says(groups: Iterable[Group]) -> dict[Series, str]:
    """The sentence of the group of each series."""
    return {member.series: one.says for one in groups for member in one.members}
