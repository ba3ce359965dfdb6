"""What stands around an integration comes into its diagnosis: real histories and ledgers, a clock moved by hand."""

from __future__ import annotations

import pytest

from models.bridge import BEAT, Bridge
from models.credential import CredentialKind
from models.credentials import CredentialRecord
from models.delivery import Delivery, DeliveryStep
from models.gauge import QUEUE_AGE, Gauge
from models.incident import Event, Incident, State
from models.indication import Indication, IndicationKind
from models.integration import Contacts, Integration
from models.maintenance import Downtime, close
from models.reading import Source
from tasks.around import around
from tasks.detect import gather_case
from tasks.diagnose import facts_of
from tasks.house import House
from tasks.remember import remember, remember_deliveries, remember_gauges
from tests.builders import EPIC, a_reading, an_incident
from tests.clocks import MovedClock, a_house
from tests.integration.test_flow import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    VISITS,
    read_at,
    weeks_of_traffic,
    wired,
    wrote_at,
)

HOURLY = VISITS.model_copy(update={"every": HOUR})
NIGHTLY = VISITS.model_copy(update={"every": DAY})
K = IndicationKind


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock(NOON)


def shown(house: House, kind: IndicationKind, one: str = EPIC) -> Indication | None:
    """The indication of this kind; fails when it was not looked for, or stands twice."""
    known = around(house, house.integration(one), house.clock.now())
    assert kind in known.looked_for
    found = [indication for indication in known.indications if indication.kind is kind]
    assert len(found) <= 1
    return found[0] if found else None


def figures(found: Indication | None) -> tuple[float, float | None, str | None] | None:
    return (found.value, found.usual, found.subject) if found else None


def test_where_nothing_is_known_nothing_is_shown_and_little_was_looked_for(tmp_path, clock):
    known = around(a_house(tmp_path, clock, wired()), wired(), NOON)
    assert known.indications == ()
    assert known.looked_for == {K.POOL_WAIT}
    assert known.neighbours == ()


@pytest.mark.parametrize(
    ("stood", "figure"),
    [
        pytest.param(3 * HOUR, (3, 2, "Appointment"), id="three periods"),
        pytest.param(HOUR, None, id="one period is no trouble"),
    ],
)
def test_a_cursor_that_stands_is_shown_with_the_periods_it_missed(tmp_path, clock, stood, figure):
    house = a_house(tmp_path, clock, wired(feeds=(HOURLY,)))
    remember([read_at(at, newest_at=NOON - stood) for at in (NOON - stood, NOON)], tmp_path)
    assert figures(shown(house, K.CURSOR_STUCK)) == figure


def test_old_data_are_shown_with_their_age_and_their_limit(tmp_path, clock):
    feed = HOURLY.model_copy(update={"fresh_within": HOUR})
    house = a_house(tmp_path, clock, wired(feeds=(feed,)))
    remember([read_at(NOON - n * MINUTE, newest_at=NOON - (90 + n) * MINUTE) for n in range(5)], tmp_path)
    assert figures(shown(house, K.DATA_STALE)) == (5400, 3600, "Appointment")


def test_a_nightly_feed_that_brings_nothing_missed_its_run_and_is_no_stuck_cursor(tmp_path, clock):
    house = a_house(tmp_path, clock, wired(feeds=(NIGHTLY,), hours=None))
    remember([read_at(at, newest_at=NOON - 50 * HOUR) for at in (NOON - 50 * HOUR, NOON)], tmp_path)
    assert figures(shown(house, K.RUN_MISSED)) == (50 * 3600, 24 * 3600, "Appointment")
    assert K.CURSOR_STUCK not in around(house, house.integration(EPIC), NOON).looked_for


@pytest.mark.parametrize(
    ("last", "figure"),
    [
        pytest.param(20, (1200, 900, "front-desk"), id="silent for longer than three beats"),
        pytest.param(10, None, id="two beats are patience"),
    ],
)
def test_a_silent_bridge_is_shown_with_its_silence(tmp_path, clock, last, figure):
    house = a_house(tmp_path, clock, wired(bridges=(Bridge(name="front-desk"),)))
    beat = {"operation": BEAT, "component": "front-desk", "source": Source.HEARTBEAT}
    remember([a_reading(observed_at=NOON - n * 5 * MINUTE - last * MINUTE, **beat) for n in range(20)], tmp_path)
    assert figures(shown(house, K.BRIDGE_SILENT)) == figure


@pytest.mark.parametrize(
    ("per_hour", "figure"),
    [
        pytest.param([20, 40, 40, 40, 40], (200, 400, "Order"), id="half"),
        pytest.param([40, 40, 39, 41, 40], None, id="as usual"),
    ],
)
def test_a_volume_that_drops_is_shown_beside_what_is_usual(tmp_path, clock, per_hour, figure):
    house = a_house(tmp_path, clock, wired())
    remember(weeks_of_traffic(per_hour) + [read_at(NOON - week * 7 * DAY - MINUTE) for week in range(5)], tmp_path)
    assert figures(shown(house, K.VOLUME_DROP)) == figure


def test_a_volume_that_is_not_learned_was_not_looked_for(tmp_path, clock):
    house = a_house(tmp_path, clock, wired())
    remember(weeks_of_traffic([20, 40]), tmp_path)
    assert K.VOLUME_DROP not in around(house, house.integration(EPIC), NOON).looked_for


@pytest.mark.parametrize(
    ("step", "figure"),
    [
        pytest.param(3.0, (180, 50, None), id="longer and longer"),
        pytest.param(0.5, None, id="hardly"),
    ],
)
def test_waiting_for_our_own_connections_is_shown(tmp_path, clock, step, figure):
    house = a_house(tmp_path, clock, wired())
    remember([read_at(NOON - n * MINUTE, pool_wait_ms=(60 - n) * step) for n in range(60)], tmp_path)
    found = shown(house, K.POOL_WAIT)
    assert (found and (round(found.value), found.usual, found.subject)) == figure


@pytest.mark.parametrize(
    ("per_minute_s", "last_write", "kinds"),
    [
        pytest.param(30.0, 1, {K.QUEUE_GROWS}, id="it grows, and something is taken"),
        pytest.param(60.0, 90, {K.QUEUE_GROWS, K.CONSUMER_IDLE}, id="nobody takes anything"),
        pytest.param(0.0, 1, set(), id="it does not grow"),
    ],
)
def test_a_queue_that_grows_old_is_shown_and_whether_anybody_takes_from_it(
    tmp_path, clock, per_minute_s, last_write, kinds
):
    house = a_house(tmp_path, clock, wired())
    ages = [Gauge(
        integration_id=EPIC, observed_at=NOON - n * MINUTE, metric=QUEUE_AGE, value=60.0 + per_minute_s * (60 - n),
        unit="seconds", subject="orders",
    ) for n in range(60)]  # fmt: skip
    remember_gauges(ages, tmp_path)
    remember([wrote_at(NOON - last_write * MINUTE)], tmp_path)
    known = around(house, house.integration(EPIC), NOON)
    assert {one.kind for one in known.indications} == kinds
    assert known.looked_for >= {K.QUEUE_GROWS, K.CONSUMER_IDLE}


def test_writes_that_were_accepted_and_did_not_land_are_counted(tmp_path, clock):
    house = a_house(tmp_path, clock, wired())
    told = {"integration_id": EPIC, "operation": "Order.create", "resource": "Order"}
    steps = [(n, DeliveryStep.ACCEPTED) for n in range(5)] + [(n, DeliveryStep.LANDED) for n in range(3)]
    at = NOON - 40 * MINUTE
    remember_deliveries([Delivery(**told, observed_at=at, key=f"{n:016x}", step=step) for n, step in steps], tmp_path)
    found = shown(house, K.NOT_LANDED)
    assert (found.value, found.of, found.subject) == (2, 5, "Order.create")


def test_a_credential_that_ends_and_scopes_that_are_missing_are_shown(tmp_path, clock):
    house = a_house(tmp_path, clock, wired())
    known = {"integration_id": EPIC, "first_seen": NOON - DAY}
    password = CredentialRecord(
        id="a", kind=CredentialKind.PASSWORD, is_declared=True, expires_at=NOON + 2 * DAY, **known
    )
    token = CredentialRecord(
        id="b",
        kind=CredentialKind.ACCESS_TOKEN,
        granted=("system/Patient.rs",),
        required=("system/Patient.rs", "system/Appointment.rs"),
        **known,
    )
    with house.ledger.change("test", NOON) as change:
        change.keep(password)
        change.keep(token)
    ends, lacks = shown(house, K.CREDENTIAL_ENDS), shown(house, K.SCOPES_MISSING)
    assert (ends.value, ends.usual, ends.subject) == (2 * 86400, 30 * 86400, "password")
    assert (lacks.value, lacks.of) == (1, 2)


def test_maintenance_is_looked_for_only_where_it_is_ever_announced(tmp_path, clock):
    house = a_house(tmp_path, clock, wired())
    assert K.MAINTENANCE_ANNOUNCED not in around(house, house.integration(EPIC), NOON).looked_for
    until = NOON + 40 * MINUTE
    with house.ledger.change("test", NOON) as change:
        change.keep(close(EPIC, Downtime(since=NOON - HOUR, until=until, reason="upgrade", agreed_by="IT")))
    assert shown(house, K.MAINTENANCE_ANNOUNCED).value == 2400
    clock.at = until
    assert shown(house, K.MAINTENANCE_ANNOUNCED) is None


def test_a_suspicion_that_went_away_is_no_earlier_incident(tmp_path, clock):
    house = a_house(tmp_path, clock, wired())
    began = NOON - 7 * DAY
    keep(house, an_incident(started_at=began, detected_at=began, diagnosis=None), closed=True)
    assert K.SAME_TIME_OF_WEEK not in around(house, house.integration(EPIC), NOON).looked_for


@pytest.mark.parametrize(
    ("days_before", "minutes", "value"),
    [
        pytest.param((7, 14), 10, 2, id="each week at about this hour"),
        pytest.param((7, 13), 10, 1, id="one of them on another day"),
        pytest.param((7, 14), 50, None, id="at another hour"),
    ],
)
def test_what_comes_every_week_is_counted(tmp_path, clock, days_before, minutes, value):
    house = a_house(tmp_path, clock, wired())
    for days in days_before:
        began = NOON - days * DAY + minutes * MINUTE
        keep(house, an_incident(started_at=began, detected_at=began), closed=True)
    found = shown(house, K.SAME_TIME_OF_WEEK)
    assert (found and found.value) == value


def keep(house: House, *incidents: Incident, closed: bool = False) -> None:
    """As they would have come into the ledger."""
    for incident in incidents:
        with house.ledger.change("test", incident.detected_at) as change:
            opened = change.open_incident(incident.model_copy(update={"state": State.SUSPECTED}))
            if closed:
                change.save_incident(opened.advance(Event.CLEARED, incident.detected_at, "it went away"))


def of_the_vendor(name: str, integration_id: str, host: str) -> Integration:
    return wired(id=integration_id, contacts=Contacts(vendor=name), settings={"base_url": f"https://{host}/R4"})


@pytest.mark.parametrize(
    ("minutes", "ailing"),
    [
        pytest.param((0, 1, 2), 3, id="all three at once"),
        pytest.param((0, 1, 45), 2, id="one of them began long after"),
        pytest.param((0,), 1, id="alone"),
    ],
)
def test_neighbours_of_one_vendor_and_one_host_are_counted_with_those_that_ail_at_the_same_time(
    tmp_path, clock, minutes, ailing
):
    ids = ("front-one", "front-two", "front-three")
    ours = [of_the_vendor("Epic", one, "idp.example.org") for one in ids]
    other = of_the_vendor("Other", "elsewhere", "far.example.org")
    house = a_house(tmp_path, clock, *ours, other)
    began = [NOON - HOUR + n * MINUTE for n in minutes]
    keep(
        house,
        *(
            an_incident(fingerprint=one, integration_id=one, started_at=at, detected_at=at)
            for one, at in zip(ids, began, strict=False)
        ),
    )
    known = around(house, ours[0], NOON)
    counted = {one.shared: (one.ailing, one.of) for one in known.neighbours}
    assert counted["the vendor Epic"] == (ailing, 3)
    assert counted["the host idp.example.org"] == (ailing, 3)
    assert counted["our own network"] == (ailing, 4)
    assert "the host far.example.org" not in counted


def test_a_diagnosis_sees_what_stands_around(tmp_path, clock):
    house = a_house(tmp_path, clock, wired(feeds=(HOURLY,)))
    remember([read_at(at, newest_at=NOON - 3 * HOUR) for at in (NOON - 3 * HOUR, NOON - MINUTE)], tmp_path)
    case = gather_case(house, house.integration(EPIC))
    facts = facts_of(house, an_incident(started_at=NOON - 10 * MINUTE, detected_at=NOON), case, None, None)
    assert facts.shows(K.CURSOR_STUCK) is True
    assert facts.shows(K.BRIDGE_SILENT) is None
