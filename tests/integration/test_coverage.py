"""`heal coverage` on real configurations, histories and ledgers: what was heard counts, and what it advises works."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from flows.__main__ import app
from models.bridge import BEAT, Bridge
from models.canary import Canary
from models.configuration import Configuration
from models.coverage import Coverage, Hop, HopKind, Witness
from models.credential import CredentialKind
from models.credentials import CredentialRecord, record_id
from models.delivery import Delivery, DeliveryStep
from models.discrepancy import Reconciled, State
from models.errors import Misconfigured
from models.feed import Feed
from models.gauge import CURSOR, QUEUE_DEPTH, Gauge
from models.integration import Environment
from models.markdown import to_markdown
from models.reading import Direction, Outcome, Reading, Source
from models.reconciliation import Column, Landed, Reconciliation
from models.report import build_report
from models.silent import BROKEN
from tasks.configure import load
from tasks.coverage import coverage, probe
from tasks.house import House
from tasks.remember import remember, remember_deliveries, remember_gauges
from tasks.report.page import page
from tasks.story import tell
from tests.builders import EPIC, a_reading, an_integration
from tests.clocks import MovedClock, a_house

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 23, 17, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
VISITS = Feed(name="visits", resource="Appointment", operations=("Appointment.search",), every=HOUR)
ORDERS = Feed(name="orders", resource="Order", direction=Direction.OUT, operations=("Order.create",))
COMPARED = Reconciliation(
    name="appointments",
    resource="Appointment",
    operation="Appointment.search",
    ours=Landed(url="sqlite:///landed.db"),
    columns=(Column(name="id"), Column(name="at")),
    changed="at",
)

# --- what was heard ---------------------------------------------------------------------------------------------------


def seen_by(home: Path, **changes: Any) -> dict[HopKind, Hop]:
    """The hops of one integration whose secrets stand elsewhere, by kind."""
    told = {"feeds": (VISITS, ORDERS), "settings": {"private_key": "file:/key.pem"}, **changes}
    house = a_house(home, MovedClock(NOW), an_integration(**told))
    return {hop.kind: hop for hop in coverage(house).hops}


def visit(**changes: Any) -> Reading:
    told = {"observed_at": NOW - HOUR, "operation": "Appointment.search", "component": "Visits", "records": 3}
    return a_reading(**told | changes)


def order(**changes: Any) -> Reading:
    told = {"operation": "Order.create", "direction": Direction.OUT, "source": Source.TRAFFIC, "records": None}
    return visit(**told | changes)


def delivered(step: DeliveryStep, operation: str = "Order.create") -> Delivery:
    return Delivery(integration_id=EPIC, observed_at=NOW - HOUR, operation=operation, key="0123456789abcdef", step=step)


def gauge(metric: str, subject: str) -> Gauge:
    return Gauge(integration_id=EPIC, observed_at=NOW - HOUR, metric=metric, value=1.0, subject=subject)


NEWS = {"newest_at": NOW - 2 * HOUR}


@pytest.mark.parametrize(
    ("readings", "kind", "witnesses"),
    [
        pytest.param([visit()], HopKind.READ, {Witness.PROBE, Witness.VOLUME}, id="a probe"),
        pytest.param([visit(**NEWS)], HopKind.READ, {Witness.PROBE, Witness.VOLUME, Witness.FRESHNESS}, id="news"),
        pytest.param(
            [visit(source=Source.TRAFFIC, records=None, **NEWS)], HopKind.READ, {Witness.FRESHNESS}, id="real"
        ),
        pytest.param([visit(source=Source.GENERATED, **NEWS)], HopKind.READ, set(), id="made up"),
        pytest.param([visit(outcome=Outcome.STALE, **NEWS)], HopKind.READ, set(), id="a stale answer"),
        pytest.param([visit(observed_at=NOW - 5 * DAY, **NEWS)], HopKind.READ, set(), id="too long ago"),
        pytest.param([visit(operation="Patient.search", **NEWS)], HopKind.READ, set(), id="another feed"),
        pytest.param([visit(integration_id="other", **NEWS)], HopKind.READ, set(), id="another integration"),
        pytest.param([order()], HopKind.SEND, {Witness.ACK}, id="a write of the application that was taken"),
        pytest.param([order(outcome=Outcome.TIMEOUT)], HopKind.SEND, set(), id="one that was not"),
        pytest.param([order(direction=Direction.IN)], HopKind.SEND, set(), id="one that only asks"),
    ],
)
def test_what_good_calls_say_is_heard(tmp_path, readings, kind, witnesses):
    remember(readings, tmp_path)
    assert set(seen_by(tmp_path)[kind].fresh) == witnesses


@pytest.mark.parametrize(
    ("steps", "kind", "is_covered"),
    [
        pytest.param([delivered(DeliveryStep.ACCEPTED)], HopKind.SEND, True, id="they took it"),
        pytest.param([delivered(DeliveryStep.ACCEPTED)], HopKind.CONFIRM, False, id="accepted is not landed"),
        pytest.param([delivered(DeliveryStep.LANDED)], HopKind.CONFIRM, True, id="it is there"),
        pytest.param([delivered(DeliveryStep.LANDED, "Claim.create")], HopKind.CONFIRM, False, id="another write"),
        pytest.param([delivered(DeliveryStep.LANDED, "Appointment.canary")], HopKind.CONFIRM, True, id="a canary"),
        pytest.param([delivered(DeliveryStep.REFUSED)], HopKind.SEND, False, id="turned down"),
    ],
)
def test_what_became_of_writes_is_heard(tmp_path, steps, kind, is_covered):
    remember_deliveries(steps, tmp_path)
    assert seen_by(tmp_path)[kind].is_covered is is_covered


@pytest.mark.parametrize(
    ("kind", "metric", "subject", "is_covered"),
    [
        pytest.param(HopKind.LANDED, CURSOR, "visits", True, id="a cursor of the program that lands"),
        pytest.param(HopKind.LANDED, CURSOR, "claims", False, id="another feed's"),
        pytest.param(HopKind.LANDED, BROKEN, "appointments", True, id="promises that were looked at"),
        pytest.param(HopKind.LANDED, "cpu_share", "visits", False, id="another series"),
        pytest.param(HopKind.QUEUE, QUEUE_DEPTH, "orders", True, id="a queue"),
    ],
)
def test_what_is_measured_is_heard(tmp_path, kind, metric, subject, is_covered):
    remember_gauges([gauge(metric, subject)], tmp_path)
    assert seen_by(tmp_path, reconcile=(COMPARED,))[kind].is_covered is is_covered


@pytest.mark.parametrize(("name", "is_covered"), [("desk", True), ("other", False)])
def test_a_bridge_is_heard_by_its_name(tmp_path, name, is_covered):
    beat = visit(operation=BEAT, component=name, source=Source.HEARTBEAT, records=None)
    remember([beat], tmp_path)
    assert seen_by(tmp_path, bridges=(Bridge(name="desk"),))[HopKind.BRIDGE].is_covered is is_covered


@pytest.mark.parametrize(("state", "is_covered"), [(State.AGREES, True), (State.DIFFERS, True), (State.UNKNOWN, False)])
def test_a_comparison_is_heard_whatever_it_found_but_not_when_a_side_could_not_be_read(tmp_path, state, is_covered):
    found = Reconciled(
        id=f"{EPIC}/appointments",
        integration_id=EPIC,
        name="appointments",
        resource="Appointment",
        state=state,
        as_of=NOW - HOUR,
        since=NOW - DAY,
        until=NOW,
    )
    keep(tmp_path, found)
    hops = seen_by(tmp_path, reconcile=(COMPARED,))
    assert (hops[HopKind.READ].is_covered, hops[HopKind.LANDED].is_covered) == (is_covered, is_covered)


@pytest.mark.parametrize(
    ("kind", "is_covered"), [(CredentialKind.ACCESS_TOKEN, True), (CredentialKind.SSH_HOST_KEY, False)]
)
def test_the_end_of_what_we_identify_with_is_heard_and_not_that_of_what_they_show(tmp_path, kind, is_covered):
    known = {"integration_id": EPIC, "kind": kind, "first_seen": NOW - DAY, "expires_at": NOW + DAY}
    keep(tmp_path, CredentialRecord(id=record_id(EPIC, kind), **known))
    assert seen_by(tmp_path)[HopKind.CREDENTIAL].is_covered is is_covered


def keep(home: Path, noun: Any) -> None:
    house = a_house(home, MovedClock(NOW), an_integration())
    with house.ledger.change("test", NOW) as change:
        change.keep(noun)


def test_the_configuration_alone_is_judged_without_a_history(tmp_path):
    one = an_integration(feeds=(VISITS,), canary=Canary(), environment=Environment.TEST, reconcile=(COMPARED,))
    house = a_house(tmp_path, MovedClock(NOW), one)
    known = coverage(house, by_configuration=True)
    assert (known.share, coverage(house).share, coverage(house).arranged) == (1.0, 0.0, 1.0)


# --- what to add ------------------------------------------------------------------------------------------------------

SECRET = "env:A_SECRET"
READ = {"component": "A part"}
KINDS: dict[str, dict[str, Any]] = {
    "epic_fhir": {
        "settings": {"base_url": "https://a.example.org/R4", "client_id": "a", "key_id": "k", "private_key": SECRET},
        "reads": [READ | {"operation": "Appointment.search"}, READ | {"operation": "Patient.search"}],
    },
    "allscripts_unity": {
        "settings": {"base_url": "https://a.example.org", "app_name": "a", "username": SECRET, "password": SECRET},
        "reads": [READ | {"operation": "GetSchedule"}],
    },
    "http_api": {
        "settings": {
            "base_url": "https://a.example.org",
            "auth": {"scheme": "bearer", "token": SECRET},
            "calls": {"Appointment.list": {"path": "a"}},
        },
        "reads": [READ | {"operation": "Appointment.list"}],
    },
    "hl7_mllp": {
        "settings": {"host": "a.example.org", "port": 2575},
        "environment": "test",
        "reads": [READ | {"operation": "ADT.A08"}, READ | {"operation": "Echo"}],
    },
    "flat_file": {
        "settings": {"folder": "drop", "files": {"Claims.file": {"name": "claims.csv"}}},
        "reads": [READ | {"operation": "Claims.file"}],
    },
}
GOES_OUT = {"name": "orders", "resource": "Order", "direction": "out", "operations": ["Order.create"]}


def written(kind: str, **changes: Any) -> dict[str, Any]:
    return {"integrations": [{"id": "one", "name": "One", "kind": kind, **KINDS[kind], **changes}]}


def shipped() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "deployments" / "integrations.yaml").read_text("utf-8"))
    return found


def loaded(folder: Path, page: dict[str, Any]) -> Configuration:
    folder.mkdir(exist_ok=True)
    (folder / "integrations.yaml").write_text(yaml.safe_dump(page, sort_keys=False), "utf-8")
    (folder / "policy.yaml").write_text((ROOT / "deployments" / "policy.yaml").read_text("utf-8"), "utf-8")
    return load(folder, check_secrets=False)


def arranged_in(folder: Path, page: dict[str, Any]) -> tuple[House, Coverage]:
    house = House(configuration=loaded(folder, page), home=folder / "home", clock=MovedClock(NOW))
    return house, coverage(house, by_configuration=True)


def added(page: Any, lines: Any) -> Any:
    """A page with lines added as a person would: keys beside keys, entries beside entries, by their names."""
    if isinstance(page, dict) and isinstance(lines, dict):
        return page | {key: added(page[key], lines[key]) if key in page else lines[key] for key in lines}
    if isinstance(page, list) and isinstance(lines, list):
        merged = list(page)
        for entry in lines:
            at = next((n for n, old in enumerate(merged) if same(old, entry)), None)
            merged = [*merged, entry] if at is None else [*merged[:at], added(merged[at], entry), *merged[at + 1 :]]
        return merged
    return lines


def same(old: Any, new: Any) -> bool:
    """Whether both are one entry: by its id, else by its name, and what it is about."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return False
    keys = ("id",) if "id" in new else ("name", "subject")
    return keys[0] in new and all(old.get(key) == new.get(key) for key in keys)


BY_TRAFFIC = {"intake"}  # what an application writes is heard when it is written


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(shipped(), id="as it is shipped"),
        *(pytest.param(written(kind), id=kind) for kind in KINDS),
        *(pytest.param(written(kind, environment="test", feeds=[GOES_OUT]), id=f"{kind} out") for kind in KINDS),
    ],
)
def test_lines_that_are_advised_can_be_added_one_after_another_and_each_covers_its_hop(tmp_path, page):
    """Follow the advice until there is none: it is always accepted, and the score only rises."""
    page, shares, left = copy.deepcopy(page), [], 30
    while left := left - 1:
        house, known = arranged_in(tmp_path / str(left), page)
        shares.append(known.share)
        hop = next((hop for hop in sorted_by_need(known) if not hop.is_arranged), None)
        if hop is None:
            break
        advice = probe(house, hop)
        assert advice.yaml
        lines = yaml.safe_load(advice.yaml)
        if BY_TRAFFIC & set(lines):
            loaded(tmp_path / "with", added(page, lines))
            break
        page = added(page, lines)
        _, after = arranged_in(tmp_path / "after", page)
        assert any(one.is_arranged for one in after.hops if place(one) == place(hop))
        assert {*map(place, after.hops)} >= {*map(place, known.hops)}
    assert left
    assert shares == sorted(shares)
    assert len(shares) == 1 or shares[-1] > shares[0]


def sorted_by_need(known: Coverage) -> list[Hop]:
    """The least observed first."""
    least = known.least
    return sorted(known.hops, key=lambda hop: hop != least)


def place(hop: Hop) -> tuple[str, HopKind, str]:
    return hop.integration_id, hop.kind, hop.subject


def test_a_canary_for_production_is_refused_until_somebody_is_named(tmp_path):
    page = written("epic_fhir", feeds=[GOES_OUT])
    house, known = arranged_in(tmp_path / "before", page)
    hop = next(hop for hop in known.hops if hop.kind is HopKind.CONFIRM)
    page = added(page, yaml.safe_load(probe(house, hop).yaml))
    with pytest.raises(Misconfigured) as caught:
        loaded(tmp_path / "after", page)
    assert [one.says.split(":")[0] for one in caught.value.mistakes] == ["`consent` is missing"]
    page["integrations"][0]["canary"]["consent"] = "Dr. Muster, 2026-11-20"
    assert any(one.is_arranged for one in arranged_in(tmp_path / "agreed", page)[1].hops if place(one) == place(hop))


def test_a_question_after_the_system_is_no_flow(tmp_path):
    _, known = arranged_in(tmp_path, written("hl7_mllp"))
    assert {hop.subject for hop in known.hops} == {"ADT.A08"}


# --- as somebody types it ---------------------------------------------------------------------------------------------


def typed(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["coverage", *arguments], standalone_mode=False)


def test_the_command_names_the_worst_hop_and_what_to_add(tmp_path):
    done = typed("--config", str(ROOT / "deployments"), "--home", str(tmp_path))
    assert done.return_value == 0
    assert "Least observed: epic-fhir-main, Appointment.search: our read → landed" in done.output
    assert (
        yaml.safe_load(done.output[done.output.index("integrations:") :])["integrations"][0]["id"] == "epic-fhir-main"
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param((), 0, id="information"),
        pytest.param(("--at-least", "1%"), 1, id="below what is asked for"),
        pytest.param(("--at-least", "0%"), 0, id="as much as is asked for"),
        pytest.param(("--declared", "--at-least", "1%"), 1, id="by configuration"),
        pytest.param(("--at-least", "80"), 2, id="no share"),
        pytest.param(("nobody",), 2, id="no integration"),
    ],
)
def test_the_exit_code_tells_whether_there_is_enough(tmp_path, arguments, code):
    done = typed("--config", str(ROOT / "deployments"), "--home", str(tmp_path), *arguments)
    assert (done.exception.exit_code if done.exception else done.return_value) == code


def test_as_json_it_tells_every_hop(tmp_path):
    done = typed("allscripts-unity-main", "--json", "--config", str(ROOT / "deployments"), "--home", str(tmp_path))
    told = json.loads(done.output)
    assert {hop["integration_id"] for hop in told["hops"]} == {"allscripts-unity-main"}
    assert (told["seen"], told["arranged"]) == (0.0, 0.0)
    assert told["least"]["yaml"]


def test_a_report_tells_who_could_tell_that_data_arrive(tmp_path):
    remember([visit(**NEWS)], tmp_path)
    house = a_house(tmp_path, MovedClock(NOW), an_integration(feeds=(VISITS,)))
    story = tell(house, EPIC)
    published = json.loads(build_report(story).model_dump_json(by_alias=True))["x-coverage"]
    assert (published["seen"], published["least"]) == (0.5, "landed visits")
    assert [(hop["kind"], hop["covered"]) for hop in published["hops"]] == [("read", True), ("landed", False)]
    for told in (page(story), to_markdown(story)):
        assert "Seen to arrive: 50%" in told
