"""`heal drift`, on real files and a real ledger."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from flows.commands import drift as command
from models.drift import Approved
from models.errors import DEGRADED, HEALTHY, BadInput
from models.surface import Part, Surface, Trait
from tasks.changes import note_configuration
from tasks.drift import drifts
from tasks.house import House, open_house
from tasks.survey import Look, record
from tests.builders import NOW
from tests.clocks import MovedClock
from tests.integration.test_screen import ROOT

EPIC = "epic-fhir-main"


@pytest.fixture
def config(tmp_path) -> Path:
    return Path(shutil.copytree(ROOT / "deployments", tmp_path / "deployments"))


def house_of(config: Path) -> House:
    return open_house(config, config.parent / "home", MovedClock(NOW), check_secrets=False)


def heal(config: Path, *arguments, **options) -> int:
    return command.command(*arguments, config=config, home=config.parent / "home", **options)


def edit(config: Path, before: str, after: str, name: str = "integrations.yaml") -> None:
    path = config / name
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    os.utime(path, (NOW.timestamp(), NOW.timestamp()))


def test_a_timeout_changed_by_hand_is_shown_in_three_lines_and_approving_it_anew_clears_it(config, capsys):
    note_configuration(house_of(config))
    assert heal(config) == HEALTHY
    edit(config, "latency_p95: 2s", "latency_p95: 5s")
    assert heal(config, EPIC) == DEGRADED
    _, first, before, after = capsys.readouterr().out.splitlines()
    owner = (config / "integrations.yaml").owner()
    assert first == f"{EPIC}  sla.latency_p95  (integrations.yaml, 2025-03-26 13:45 UTC by {owner})"
    assert before.startswith("- 2 s  (first seen, approved by nobody yet, ")
    assert after == "+ 5 s"
    assert heal(config, EPIC, approve=True, by="Integration Team", reason="agreed with the vendor") == HEALTHY
    capsys.readouterr()
    assert heal(config) == HEALTHY
    assert capsys.readouterr().out == "Nothing differs from what was approved or first seen.\n"
    assert house_of(config).ledger.kept(Approved, EPIC).approved_by == "Integration Team"


def test_what_was_never_seen_is_taken_as_it_is_when_somebody_asks(config, capsys):
    assert heal(config) == HEALTHY
    edit(config, "concurrency: 4", "concurrency: 2")
    assert heal(config) == DEGRADED
    assert "+ 2" in capsys.readouterr().out


def test_a_policy_drifts_too(config, capsys):
    heal(config)
    edit(config, "owner: Integration Team", "owner: Another Team", "policy.yaml")
    assert heal(config, "heal") == DEGRADED
    assert "heal  owner  (policy.yaml, " in capsys.readouterr().out


def test_the_first_look_at_a_vendor_becomes_part_of_the_snapshot_and_the_next_drifts(config):
    house = house_of(config)
    note_configuration(house)
    for version in ("10.4", "10.5"):
        surface = Surface.of(Part.CAPABILITIES, [(Trait.SOFTWARE_VERSION, "", version)])
        with house.ledger.change("survey", NOW) as change:
            list(record(change, Look(house.integration(EPIC), (surface,), (), 1.0, 0.0), NOW, 0.0))
    (found,) = drifts(house, EPIC)
    assert (found.before, found.after, found.by) == ("10.4", "10.5", "the vendor")


def test_an_approval_stays_when_the_monitor_sees_an_entry_for_the_first_time(config):
    heal(config, EPIC, approve=True, by="Integration Team", reason="as agreed")
    note_configuration(house_of(config))
    assert house_of(config).ledger.kept(Approved, EPIC).approved_by == "Integration Team"


@pytest.mark.parametrize(
    ("asked", "options", "says"),
    [
        pytest.param((), {"approve": True}, "say who vouches and why", id="nobody vouches"),
        pytest.param(("epic",), {}, "integrations.yaml declares: epic-fhir-main", id="unknown"),
        pytest.param(
            (EPIC,), {"approve": True, "by": "x" * 200, "reason": "y"}, "--by: write up to 120", id="too long"
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(config, asked, options, says):
    with pytest.raises(BadInput, match=says):
        heal(config, *asked, **options)
