from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.anomaly import Severity
from models.flapping import change_share, flaps
from models.series import Series
from models.sighting import Sighting, Sign, Stage, sighting_id, turned
from tests.builders import EPIC, NOW, an_anomaly

MINUTE = timedelta(minutes=1)
LATENCY = Series(EPIC, "latency", "Patient.search")
TRAFFIC = LATENCY._replace(source="traffic")
CONNECT = Series(EPIC, "connect")


def a_sign(series: Series = LATENCY, **changes) -> Sign:
    defaults = {
        "series": series,
        "detectors": ("deviation",),
        "score": 1.2,
        "side": 1,
        "severity": Severity.HIGH,
        "since": NOW - 10 * MINUTE,
    }
    return Sign(**{**defaults, **changes})


class Watched:
    """Cycle after cycle, as the monitor and a replay go: what is live is known, what changed replaces it."""

    def __init__(self, **asked) -> None:
        self.asked = asked
        self.at = NOW
        self.known: dict[Series, Sighting] = {}
        self.over: list[Sighting] = []
        self.told: list[tuple[datetime, Stage]] = []

    def cycle(self, *signs: Sign, **asked) -> Sighting | None:
        """One more cycle; the sighting of the first series of this test, if it is live."""
        self.at += MINUTE
        for one in turned(self.known.values(), signs, self.at, MINUTE, **{**self.asked, **asked}):
            self.known[one.series] = one
            self.told += [(self.at, Stage.NOTIFIED)] if one.notified_at == self.at else []
            self.told += [(self.at, Stage.PAGED)] if one.paged_at == self.at else []
            if one.is_over:
                self.over.append(self.known.pop(one.series))
        return self.known.get(LATENCY)

    def cycles(self, states: str, **changes) -> Sighting | None:
        """A cycle for each letter: 1 odd, 0 good."""
        last = None
        for state in states:
            last = self.cycle(*([a_sign(**changes)] if state == "1" else []))
        return last


def test_one_odd_cycle_stays_observed():
    seen = Watched().cycles("1" + "0" * 4)
    assert seen is not None
    assert (seen.stage, seen.stands, seen.times) == (Stage.OBSERVED, True, 0)


@pytest.mark.parametrize(
    ("states", "stage"),
    [
        pytest.param("11", Stage.OBSERVED, id="two may be chance"),
        pytest.param("111", Stage.PAGED, id="three in a row"),
        pytest.param("10101", Stage.PAGED, id="three of five"),
        pytest.param("110001", Stage.OBSERVED, id="three of six"),
        pytest.param("1001001", Stage.OBSERVED, id="never three of five"),
        pytest.param("1110", Stage.PAGED, id="what is believed is not doubted by one good cycle"),
    ],
)
def test_three_of_the_last_five_confirm(states, stage):
    seen = Watched().cycles(states)
    assert seen is not None
    assert seen.stage is stage


@pytest.mark.parametrize(
    ("sign", "others", "agrees"),
    [
        pytest.param(a_sign(detectors=("deviation", "stability")), (), "2 detectors agree", id="a second detector"),
        pytest.param(a_sign(detectors=("deviation", "level")), (), "", id="one that looks back saw the same cycles"),
        pytest.param(a_sign(), (a_sign(TRAFFIC),), "probes and traffic agree", id="a second vantage"),
        pytest.param(a_sign(), (a_sign(CONNECT),), "another series of its group agrees", id="its group"),
        pytest.param(a_sign(), (a_sign(Series("other", "latency")),), "", id="another integration"),
        pytest.param(a_sign(), (a_sign(TRAFFIC, detectors=()),), "", id="one that says nothing"),
    ],
)
def test_two_in_a_row_suffice_when_something_else_agrees(sign, others, agrees):
    watched = Watched(groups={LATENCY: "way", CONNECT: "way"})
    first = watched.cycle(sign, *others)
    second = watched.cycle(sign, *others)
    assert first is not None
    assert second is not None
    assert (first.stage, second.agrees) == (Stage.OBSERVED, agrees)
    assert second.stage is (Stage.PAGED if agrees else Stage.OBSERVED)


@pytest.mark.parametrize(
    ("scores", "stage"),
    [
        pytest.param((3.0, 3.0), Stage.PAGED, id="both are far from usual"),
        pytest.param((9.0,), Stage.OBSERVED, id="one cycle is a blip, however far"),
        pytest.param((9.0, 2.9), Stage.OBSERVED, id="the second is nearer"),
        pytest.param((2.9, 9.0), Stage.OBSERVED, id="the first was"),
        pytest.param((9.0, 0.0, 9.0), Stage.OBSERVED, id="not in a row"),
    ],
)
def test_two_in_a_row_suffice_when_both_are_far_from_usual(scores, stage):
    watched = Watched()
    for score in scores:
        seen = watched.cycle(*([a_sign(score=score)] if score else []))
    assert seen is not None
    assert seen.stage is stage


@pytest.mark.parametrize(
    ("changes", "stage"),
    [
        pytest.param({}, Stage.PAGED, id="six cycles looked back over, clearly"),
        pytest.param({"detectors": ("silence",)}, Stage.PAGED, id="three without data"),
        pytest.param({"detectors": ("seasonal",)}, Stage.OBSERVED, id="a detector of single cycles"),
        pytest.param({"score": 1.4}, Stage.OBSERVED, id="not clearly"),
        pytest.param({"since": NOW - MINUTE}, Stage.OBSERVED, id="two cycles"),
        pytest.param({"severity": Severity.LOW}, Stage.CONFIRMED, id="of no weight"),
    ],
)
def test_what_a_look_back_shows_to_have_lasted_is_not_waited_for_again(changes, stage):
    sign = a_sign(**{"detectors": ("level",), "score": 1.5, "since": NOW - 2 * MINUTE, **changes})
    seen = Watched().cycle(sign)
    assert seen is not None
    assert seen.stage is stage
    assert bool(seen.agrees) == seen.is_confirmed


def test_a_good_cycle_between_two_that_agree_is_no_row():
    watched = Watched()
    for state in "101":
        seen = watched.cycle(*([a_sign(detectors=("deviation", "level"))] if state == "1" else []))
    assert seen is not None
    assert seen.stage is Stage.OBSERVED


@pytest.mark.parametrize(
    ("severity", "stage"),
    [
        (Severity.LOW, Stage.CONFIRMED),
        (Severity.MEDIUM, Stage.NOTIFIED),
        (Severity.HIGH, Stage.PAGED),
        (Severity.CRITICAL, Stage.PAGED),
    ],
)
def test_how_far_it_goes_follows_from_what_it_does_to_the_practice(severity, stage):
    watched = Watched()
    seen = watched.cycles("1111", severity=severity)
    assert seen is not None
    assert seen.stage is stage
    assert [told for _, told in watched.told] == [
        one for one in (Stage.NOTIFIED, Stage.PAGED) if one.rank <= stage.rank
    ]


def test_a_trouble_that_gets_graver_is_told_again_and_one_that_gets_better_is_not():
    watched = Watched()
    watched.cycles("111", severity=Severity.MEDIUM)
    watched.cycles("1", severity=Severity.HIGH)
    seen = watched.cycles("1", severity=Severity.LOW)
    assert [told for _, told in watched.told] == [Stage.NOTIFIED, Stage.PAGED]
    assert seen is not None
    assert seen.severity is Severity.HIGH


def test_it_is_cleared_after_five_good_cycles_in_a_row_and_not_before():
    watched = Watched()
    watched.cycles("111")
    still = watched.cycles("000010000")
    assert still is not None
    assert still.stands
    cleared = watched.cycles("0")
    assert cleared is not None
    assert (cleared.stands, cleared.by_itself, cleared.self_resolved) == (False, True, 1)
    assert cleared.cleared_at == watched.at


def test_what_somebody_did_something_about_did_not_go_away_by_itself():
    watched = Watched(acted={EPIC: NOW})
    cleared = watched.cycles("111" + "0" * 5)
    assert cleared is not None
    assert (cleared.by_itself, cleared.self_resolved) == (False, 0)
    again = watched.cycles("111" + "0" * 5, since=NOW + 5 * MINUTE)
    assert again is not None
    assert (again.by_itself, again.self_resolved) == (True, 1)  # what was done before it began does not count


def test_the_same_trouble_within_21_cycles_is_the_same_sighting_and_later_another():
    watched = Watched()
    first = watched.cycles("111" + "0" * 10)
    again = watched.cycles("111")
    assert first is not None
    assert again is not None
    assert (again.id, again.times, again.cleared_at) == (first.id, 2, None)
    assert again.opened_at > first.opened_at
    assert watched.cycles("0" * 21) is None
    (over,) = watched.over
    assert (over.id, over.state, over.was_confirmed) == (first.id, "over", True)
    another = watched.cycles("1")
    assert another is not None
    assert another.id != first.id


def test_a_blip_is_over_after_21_cycles_and_not_worth_keeping():
    watched = Watched()
    assert watched.cycles("1" + "0" * 21) is None
    (over,) = watched.over
    assert not over.was_confirmed


def test_a_cycle_that_is_run_again_a_little_later_is_the_same_cycle():
    seen = Watched().cycles("11")
    assert seen is not None
    again = seen.judged_at + timedelta(seconds=20)
    assert turned([seen], [a_sign()], again, MINUTE) == ()
    (after,) = turned([seen], [a_sign()], again + MINUTE, MINUTE)
    assert after.stage is Stage.PAGED


def test_what_is_read_every_five_minutes_is_judged_every_five_minutes():
    seen = Watched().cycles("1")
    assert seen is not None
    at = seen.judged_at.replace(minute=50, second=1)
    five = seen.model_copy(update={"judged_at": at, "odd_at": at, "every_s": 300.0})
    assert turned([five], [a_sign()], at + 4 * MINUTE, 5 * MINUTE) == ()
    (after,) = turned([five], [a_sign()], at + 5 * MINUTE, 5 * MINUTE)
    assert after.history == "11"


def test_a_quiet_observed_sighting_costs_no_write():
    seen = Watched().cycles("1")
    assert seen is not None
    assert turned([seen], [], NOW + 2 * MINUTE, MINUTE) == ()


# --- flapping --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("history", "share"),
    [
        pytest.param("0" * 21, 0.0, id="steady"),
        pytest.param("01" * 10 + "0", 1.0, id="every check another state"),
        pytest.param("1" + "0" * 20, 0.04, id="the oldest change counts 0.8"),
        pytest.param("0" * 20 + "1", 0.06, id="the newest 1.2"),
        pytest.param("", 0.0, id="what is not known was good"),
        # by hand: 4 × 0.8 + (2 + 4 + 7 + 13) × 0.4 / 19 = 3.7474, of 20
        pytest.param("0" * 3 + "1" * 2 + "0" * 3 + "1" * 6 + "0" * 7, 0.1874, id="a few"),
    ],
)
def test_the_share_of_changes_is_that_of_nagios(history, share):
    assert change_share(history) == pytest.approx(share, abs=1e-4)


def test_what_comes_and_goes_says_so_and_is_not_told_until_it_calms():
    watched = Watched()
    flapping = watched.cycles("1001001001001")
    assert flapping is not None
    assert (flapping.stage, flapping.flapping) == (Stage.OBSERVED, True)
    believed = watched.cycles("11")
    assert believed is not None
    assert (believed.stage, watched.told) == (Stage.CONFIRMED, [])
    calm = watched.cycles("1" * 12)
    assert calm is not None
    assert (calm.stage, calm.flapping) == (Stage.PAGED, False)
    assert [told for _, told in watched.told] == [Stage.NOTIFIED, Stage.PAGED]


def test_what_was_told_before_it_began_to_flap_is_not_told_again_each_time():
    watched = Watched()
    watched.cycles("111" + "0100110010011001001100" * 2)
    assert [told for _, told in watched.told] == [Stage.NOTIFIED, Stage.PAGED]


@pytest.mark.parametrize(
    ("history", "already", "answer"),
    [
        pytest.param("10" * 4, False, True, id="from 30 % on it flaps"),
        pytest.param("10011", False, False, id="less is no flapping"),
        pytest.param("1001101", True, True, id="between the two it goes on when it did"),
        pytest.param("1001101", False, False, id="… and does not begin"),
        pytest.param("1001" + "0" * 10, True, False, id="below 20 % it calms"),
    ],
)
def test_flapping_begins_late_and_ends_later(history, already, answer):
    assert flaps(history, already=already) is answer


def test_a_second_spell_is_as_grave_as_it_is_and_not_as_the_first_was():
    watched = Watched()
    watched.cycles("111" + "0" * 8, severity=Severity.HIGH)
    again = watched.cycles("111", severity=Severity.LOW)
    assert again is not None
    assert (again.severity, again.stage) == (Severity.LOW, Stage.CONFIRMED)


# --- what cannot be judged -------------------------------------------------------------------------------------------


def test_what_cannot_be_judged_neither_advances_nor_clears():
    watched = Watched()
    watched.cycles("11")
    for _ in range(3):
        observed = watched.cycle(a_sign(), judged=lambda _: False)
    assert observed is not None
    assert observed.stage is Stage.OBSERVED
    watched.cycles("111")
    for _ in range(30):
        confirmed = watched.cycle(judged=lambda _: False)
    assert confirmed is not None
    assert confirmed.is_confirmed


def test_what_nobody_can_see_for_a_day_no_longer_stands_and_is_not_said_to_have_gone_by_itself():
    watched = Watched()
    watched.cycles("111")
    watched.at += timedelta(hours=24)
    lost = watched.cycle(judged=lambda _: False)
    assert lost is not None
    assert (lost.stands, lost.by_itself) == (False, None)


# --- properties ------------------------------------------------------------------------------------------------------

STATES = st.text(alphabet="01-", max_size=60)  # -: not judged
SEVERITIES = st.sampled_from(list(Severity))
NAMES = st.sampled_from([("deviation",), ("deviation", "stability"), ()])
CYCLES = st.lists(st.tuples(st.sampled_from("001111-"), SEVERITIES, NAMES), max_size=60)


def walk(cycles):
    """(before, after, sign) of each cycle of one series; the third is None where nothing was said or judged."""
    known, at = None, NOW
    for state, severity, names in cycles:
        at += MINUTE
        sign = a_sign(severity=severity, detectors=names) if state != "0" else None
        changed = turned(
            [known] if known else [], [sign] if sign else [], at, MINUTE, judged=lambda _, state=state: state != "-"
        )
        after = next(iter(changed), known)
        yield known, after, sign if sign and names and state == "1" else None
        known = None if after is None or after.is_over else after


@given(CYCLES)
def test_it_never_advances_without_a_sign_never_skips_belief_and_never_falls_while_it_stands(cycles):
    for before, after, sign in walk(cycles):
        if after is None:
            continue
        was = before.stage if before and before.stands else None
        if sign is None and was:
            assert after.stage is was
        if was is None and before is None:
            assert after.stage is Stage.OBSERVED
        elif was and after.stands:
            assert after.stage.rank >= was.rank
        if sign and after.stage.rank > Stage.CONFIRMED.rank and (was is None or after.stage.rank > was.rank):
            assert not after.flapping
            assert after.severity.rank >= Severity.MEDIUM.rank


@given(CYCLES)
def test_the_machine_agrees_with_one_that_writes_every_cycle_down(cycles):
    """A plain model beside it: all judged states in a list, every rule from its definition."""
    states: list[str] = []
    stands = confirmed = flapping = False
    for _, after, sign in walk(
        [(state, severity, names or ("a",)) for state, severity, names in cycles if state != "-"]
    ):
        states.append("1" if sign else "0")
        lately = "".join(states[-5:])
        if sign:
            share = change_share("".join(states[-21:]))
            flapping = share >= 0.2 if flapping else share >= 0.3
            if not stands:
                stands, confirmed = True, False
            two = len(sign.detectors) > 1 and lately.endswith("11")
            confirmed = confirmed or lately.count("1") >= 3 or two
            assert after is not None
            assert after.history == "".join(states).lstrip("0")[-21:] or len(states) > 21
            assert after.stage is not Stage.OBSERVED or not confirmed
        elif "1" not in lately or len(states) < 5:
            stands = stands and "1" in lately
        if "1" not in "".join(states[-21:]):
            flapping = False
        live = after is not None and not after.is_over
        assert (live and after.stands) is stands
        assert (live and after.is_confirmed) is (stands and confirmed)


@given(CYCLES)
def test_the_same_cycle_run_again_changes_nothing(cycles):
    known, at = [], NOW
    for state, severity, names in cycles:
        at += MINUTE
        signs = [a_sign(severity=severity, detectors=names)] if state == "1" else []
        changed = turned(known, signs, at, MINUTE)
        known = [one for one in ({one.series: one for one in (*known, *changed)}).values() if not one.is_over]
        again = turned(known, signs, at, MINUTE)
        assert [one for one in again if one not in changed] == []


@given(CYCLES)
def test_what_is_low_is_told_to_nobody(cycles):
    low = [(state, Severity.LOW, names) for state, _, names in cycles]
    assert all(after is None or after.notified_at is None for _, after, _ in walk(low))


def test_a_sighting_reads_back_as_it_was_written():
    seen = Watched().cycles("1111")
    assert seen is not None
    seen = seen.model_copy(update={"anomaly": an_anomaly()})
    assert Sighting.model_validate_json(seen.model_dump_json()) == seen


@pytest.mark.parametrize(
    "series",
    [
        pytest.param(Series(EPIC, "latency", "Patient.search", "traffic"), id="readable"),
        pytest.param(Series(EPIC, "a metric/of theirs", "x" * 64), id="foreign and long"),
        pytest.param(Series("a" * 63, "m" * 64, "x" * 64), id="as long as may be"),
    ],
)
def test_an_id_is_one_that_the_ledger_takes(series):
    (seen,) = turned([], [a_sign(series)], NOW, MINUTE)
    assert seen.id == sighting_id(series, NOW)
    Sighting.model_validate_json(seen.model_dump_json())
