"""What a notice passes on its way, stage by stage: what waits, what is told with something else, and what goes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.anomaly import Severity
from models.calendar import Calendar, Hours
from models.maintenance import Downtime
from models.notify.candidate import Candidate, Fate, Group, Key, Scene, Told, Verdict
from models.notify.group import INTERVAL, STORM, STORM_OF, WAIT
from models.notify.silence import Matcher, Silence
from models.notify.stages import REPEAT, sift

NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)  # a Monday, 10:00 in New York
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
OFFICE = Calendar(
    hours=Hours(monday="08:00-18:00", tuesday="08:00-18:00", holidays=(date(2026, 12, 1),)),  # type: ignore[arg-type]
    timezone="America/New_York",
)


def a_candidate(name: str = "epic", **changes: Any) -> Candidate:
    told = {
        "id": f"INC-{name}/1/pager",
        "subject": f"INC-{name}",
        "route": "pager",
        "integration_id": name,
        "environment": "production",
        "severity": Severity.HIGH,
        "cause": "server_errors",
        "call": f"ESC-{name}",
        "began": NOW - 5 * MINUTE,
        "queued_at": NOW - MINUTE,
    }
    return Candidate.model_validate(told | changes)


def an_alert(name: str = "epic", **changes: Any) -> Candidate:
    subject = f"ALT-freshness/{name}/write"
    told = {"id": f"{subject}/1/pager", "subject": subject, "watch": "freshness", "call": None, "cause": None}
    return a_candidate(name, **(told | changes))


def a_silence(**matcher: Any) -> Silence:
    return Silence(
        id="SIL-2026-11-23-001",
        matcher=Matcher(**matcher),
        reason="planned move",
        by="NOC",
        since=NOW - HOUR,
        until=NOW + HOUR,
    )


def a_scene(**changes: Any) -> Scene:
    return Scene(**({"as_of": NOW} | changes))


def sifted(*candidates: Candidate, **scene: Any) -> dict[str, Verdict]:
    return {verdict.id: verdict for verdict in sift(candidates, a_scene(**scene))}


def fate(one: Candidate, **scene: Any) -> tuple[Fate, str]:
    verdict = sifted(one, **scene)[one.id]
    return verdict.fate, verdict.stage


STANDS_ON = {"parents": {"epic": ["idp"], "idp": ["vpn"], "vpn": ["wire"]}}
SLEEPS = {"epic": OFFICE}
AT_NIGHT = datetime(2026, 11, 24, 3, tzinfo=UTC)  # 22:00 in New York
EARLIER = {("pager", "INC-epic"): Told("ESC-epic", NOW - HOUR)}


@pytest.mark.parametrize(
    ("one", "scene", "wanted"),
    [
        pytest.param(a_candidate(), {}, (Fate.SENT, "group"), id="nothing speaks against it"),
        pytest.param(a_candidate(held_by="idp"), {}, (Fate.HELD, "inhibit"), id="it was seen to depend on what ails"),
        pytest.param(
            a_candidate(),
            STANDS_ON | {"ailing": {"idp": Severity.HIGH}},
            (Fate.HELD, "inhibit"),
            id="what it stands on ails",
        ),
        pytest.param(
            a_candidate(),
            STANDS_ON | {"ailing": {"vpn": Severity.HIGH}},
            (Fate.HELD, "inhibit"),
            id="one hop is looked through",
        ),
        pytest.param(
            a_candidate(), STANDS_ON | {"ailing": {"wire": Severity.HIGH}}, (Fate.SENT, "group"), id="two hops are not"
        ),
        pytest.param(
            a_candidate(),
            STANDS_ON | {"ailing": {"idp": Severity.LOW}},
            (Fate.SENT, "group"),
            id="an origin that waits for the morning keeps nobody quiet",
        ),
        pytest.param(
            a_candidate(severity=Severity.LOW, queued_at=NOW - 25 * HOUR),
            STANDS_ON | {"ailing": {"idp": Severity.LOW}},
            (Fate.HELD, "inhibit"),
            id="but what is as mild",
        ),
        pytest.param(
            a_candidate(queued_at=NOW - 59 * SECOND),
            STANDS_ON | {"every": {"idp": MINUTE}},
            (Fate.HELD, "inhibit"),
            id="its parent has not been looked at since",
        ),
        pytest.param(
            a_candidate(),
            STANDS_ON | {"every": {"idp": MINUTE}},
            (Fate.SENT, "group"),
            id="its parent was looked at, and is well",
        ),
        pytest.param(
            a_candidate(),
            {"parents": {"epic": ["idp"], "idp": ["epic"]}, "ailing": {"idp": Severity.HIGH}},
            (Fate.SENT, "group"),
            id="of a circle nobody is the origin",
        ),
        pytest.param(
            a_candidate(held_by="idp", is_security=True), {}, (Fate.SENT, "group"), id="security is told all the same"
        ),
        pytest.param(
            a_candidate(held_by="idp", is_told_even_if_held=True), {}, (Fate.SENT, "group"), id="and what must be"
        ),
        pytest.param(
            a_candidate(severity=Severity.MEDIUM),
            {"calendars": SLEEPS},
            (Fate.SENT, "group"),
            id="P3 goes in opening hours",
        ),
        pytest.param(
            a_candidate(severity=Severity.MEDIUM),
            {"calendars": SLEEPS, "as_of": AT_NIGHT},
            (Fate.HELD, "mute"),
            id="P3 waits at night",
        ),
        *(
            pytest.param(
                a_candidate(severity=grave),
                {"calendars": SLEEPS, "as_of": AT_NIGHT},
                (Fate.SENT, "group"),
                id=f"{grave} never does",
            )
            for grave in (Severity.HIGH, Severity.CRITICAL)
        ),
        pytest.param(
            a_candidate(severity=Severity.LOW), {"calendars": SLEEPS}, (Fate.HELD, "mute"), id="P4 waits for a digest"
        ),
        pytest.param(
            a_candidate(severity=Severity.LOW),
            {"calendars": SLEEPS, "as_of": NOW + 22 * HOUR},
            (Fate.SENT, "group"),
            id="at 08:00 in New York it is sent",
        ),
        pytest.param(
            a_candidate(severity=Severity.LOW),
            {"calendars": SLEEPS, "as_of": NOW + 22 * HOUR - SECOND},
            (Fate.HELD, "mute"),
            id="and not a second before",
        ),
        pytest.param(
            a_candidate(), {"silences": [a_silence(integration_id="epic")]}, (Fate.HELD, "silence"), id="silenced"
        ),
        pytest.param(
            a_candidate(),
            {"silences": [a_silence(integration_id="epic", cause="dns")]},
            (Fate.SENT, "group"),
            id="a silence of which one part does not fit",
        ),
        pytest.param(
            an_alert(), {"silences": [a_silence(watch="freshness")]}, (Fate.HELD, "silence"), id="a watch is silenced"
        ),
        pytest.param(
            a_candidate(is_security=True),
            {"silences": [a_silence(integration_id="epic")]},
            (Fate.SENT, "group"),
            id="security cannot be silenced",
        ),
        pytest.param(
            a_candidate(),
            {"downtimes": {"epic": Downtime(since=NOW - HOUR, until=NOW + HOUR, reason="upgrade", agreed_by="Vendor")}},
            (Fate.HELD, "silence"),
            id="away because that was agreed",
        ),
        pytest.param(a_candidate(), {"told": EARLIER}, (Fate.DROPPED, "dedupe"), id="known to its route"),
        pytest.param(
            a_candidate(call="ESC-another"), {"told": EARLIER}, (Fate.SENT, "group"), id="news of what is known"
        ),
        pytest.param(
            a_candidate(route="mail", id="x"), {"told": EARLIER}, (Fate.SENT, "group"), id="known to another route"
        ),
        pytest.param(
            a_candidate(),
            {"told": EARLIER, "as_of": NOW - HOUR + REPEAT},
            (Fate.SENT, "group"),
            id="known for four hours",
        ),
        pytest.param(
            a_candidate(queued_at=NOW - WAIT + SECOND), {}, (Fate.HELD, "group"), id="others may still follow"
        ),
        pytest.param(
            a_candidate(queued_at=NOW, severity=Severity.CRITICAL), {}, (Fate.SENT, "group"), id="P1 waits for nobody"
        ),
        pytest.param(a_candidate(queued_at=NOW, is_security=True), {}, (Fate.SENT, "group"), id="nor does security"),
    ],
)
def test_a_candidate_is_stopped_by_the_first_stage_that_has_a_reason(one, scene, wanted):
    assert fate(one, **scene) == wanted


def test_a_reason_names_what_is_waited_for():
    verdict = sifted(a_candidate(), silences=[a_silence(integration_id="epic")])["INC-epic/1/pager"]
    assert verdict.because == "SIL-2026-11-23-001 by NOC until 2026-11-23 16:00 UTC: planned move"
    muted = sifted(a_candidate(severity=Severity.MEDIUM), calendars=SLEEPS, as_of=AT_NIGHT)["INC-epic/1/pager"]
    assert muted.because == "P3 is told in opening hours, at 2026-11-24 13:00 UTC"


def test_of_one_integration_one_notice_goes_and_tells_of_the_others():
    grave = a_candidate("epic", severity=Severity.CRITICAL, subject="INC-2", id="INC-2/1/pager")
    verdicts = sifted(a_candidate("epic"), grave)
    assert verdicts["INC-2/1/pager"].fate is Fate.SENT
    assert verdicts["INC-epic/1/pager"][1:5] == (Fate.GROUPED, "group", "told with INC-2", None)
    assert verdicts["INC-epic/1/pager"].led_by == "INC-2/1/pager"


def test_an_alert_never_stands_before_an_incident():
    key = Key("pager", "production", "alerts: epic")
    known = Group("ALT-1/1/pager", "ALT-1", Severity.HIGH, NOW, NOW)
    assert fate(a_candidate(), groups={key: known}) == (Fate.SENT, "group")
    assert {verdict.fate for verdict in sifted(an_alert(severity=Severity.CRITICAL), a_candidate()).values()} == {
        Fate.SENT
    }


@pytest.mark.parametrize(
    ("several", "apart", "sent"),
    [
        pytest.param(500, timedelta(0), 1, id="five hundred at once are one"),
        pytest.param(STORM_OF, 2 * MINUTE, 1, id="a handful within ten minutes as well"),
        pytest.param(STORM_OF - 1, timedelta(0), STORM_OF - 1, id="fewer are several troubles"),
        pytest.param(STORM_OF, 4 * MINUTE, STORM_OF, id="what begins one after another is, too"),
    ],
)
def test_many_that_begin_together_are_one_storm(several, apart, sent):
    every = [a_candidate(f"system-{n}", severity=Severity.CRITICAL, began=NOW + n * apart) for n in range(several)]
    verdicts = sifted(*every, as_of=NOW + several * apart + MINUTE)
    assert [one.fate for one in verdicts.values()].count(Fate.SENT) == sent
    assert len(verdicts) == several


def storm_told(at: datetime, severity: Severity = Severity.HIGH) -> dict[Key, Group]:
    return {Key("pager", "production", STORM): Group("INC-1/1/pager", "INC-1", severity, NOW - 5 * MINUTE, at)}


@pytest.mark.parametrize(
    ("one", "told_at", "wanted", "retells"),
    [
        pytest.param(a_candidate(), NOW - MINUTE, Fate.HELD, False, id="the next word is after five minutes"),
        pytest.param(a_candidate(), NOW - INTERVAL, Fate.GROUPED, True, id="then the storm is told anew"),
        pytest.param(
            a_candidate(severity=Severity.CRITICAL), NOW, Fate.SENT, False, id="what makes it P1 is told at once"
        ),
        pytest.param(a_candidate(is_security=True), NOW, Fate.SENT, False, id="security is no storm"),
        pytest.param(
            a_candidate(began=NOW + HOUR), NOW - INTERVAL, Fate.SENT, False, id="what begins much later is its own"
        ),
    ],
)
def test_what_joins_a_storm_is_told_with_it(one, told_at, wanted, retells):
    verdict = sifted(one, groups=storm_told(told_at))[one.id]
    assert (verdict.fate, verdict.retells) == (wanted, retells)


SEVERITIES, NAMES = st.sampled_from(list(Severity)), st.sampled_from(["a", "b", "c", "d", "e", "f", "g"])


@st.composite
def scenes(draw: st.DrawFn) -> tuple[list[Candidate], Scene]:
    names = draw(st.lists(NAMES, unique=True, min_size=1))
    every = [
        draw(st.sampled_from([a_candidate, an_alert]))(
            name,
            severity=draw(SEVERITIES),
            is_security=draw(st.booleans()),
            held_by=draw(st.none() | st.just("idp")),
            queued_at=NOW - draw(st.integers(0, 100_000)) * SECOND,
            began=NOW - draw(st.integers(0, 2_000)) * SECOND,
        )
        for name in names
    ]
    scene = a_scene(
        parents=draw(st.dictionaries(NAMES, st.lists(NAMES, max_size=2), max_size=4)),
        ailing=draw(st.dictionaries(NAMES, SEVERITIES, max_size=4)),
        every=draw(st.dictionaries(NAMES, st.just(MINUTE), max_size=4)),
        calendars=dict.fromkeys(names, OFFICE),
        silences=draw(st.lists(st.builds(a_silence, severity=SEVERITIES), max_size=1)),
        groups=draw(st.sampled_from([{}, storm_told(NOW), storm_told(NOW - HOUR)])),
    )
    return every, scene


@given(scenes())
def test_nobody_is_forgotten_and_nobody_is_told_by_whom_nobody_hears(drawn):
    candidates, scene = drawn
    verdicts = sift(candidates, scene)
    assert sorted(one.id for one in verdicts) == sorted(one.id for one in candidates)
    sent = {one.id for one in verdicts if one.fate is Fate.SENT} | {one.notice_id for one in scene.groups.values()}
    assert all(one.led_by in sent for one in verdicts if one.fate is Fate.GROUPED)
    assert all(one.because for one in verdicts if one.fate is not Fate.SENT)
    by_id = {one.id: one for one in candidates}
    assert all(one.fate is Fate.SENT for one in verdicts if by_id[one.id].is_security)
    assert not any(one.stage == "mute" for one in verdicts if by_id[one.id].is_urgent)


@given(scenes(), st.integers(0, 3))
def test_whatever_nobody_silenced_is_told_sooner_or_later(drawn, beside):
    """Held is never for ever: with everything well around it and the day gone by, each goes out or is told of."""
    candidates, scene = drawn
    later = a_scene(as_of=NOW + timedelta(days=1 + beside), calendars=dict.fromkeys(scene.calendars, Calendar()))
    free = [one.model_copy(update={"held_by": None}) for one in candidates]
    assert all(one.fate in {Fate.SENT, Fate.GROUPED} for one in sift(free, later))
