"""Changes of our own in words, and what a diagnosis says of changes on either side."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from models.changes import Note, configured, deployed, followed_by, newest_first
from models.configuration import EntryInForce, changed_keys, said_by_key
from models.diagnosis import MOST_CHANGES, explain
from models.facts import Change, Side
from models.reading import Outcome
from models.signatures import known_signatures
from models.surface import Trait
from tests.builders import EPIC, NOW, UNITY, an_incident, an_integration, some_facts

HOUR = timedelta(hours=1)


def a_change(**changes) -> Change:
    known = {"integration_id": EPIC, "at": NOW - HOUR, "side": Side.THEIRS, "says": "software version 10.4 → 10.5"}
    return Change(**known | {"kind": "software_version", "before": "10.4", "after": "10.5"} | changes)


def test_a_deploy_is_told_with_its_versions():
    change = deployed(EPIC, NOW, "eyewear-ML", "2026.11.3", "2026.11.2")
    assert (change.side, change.kind) == (Side.OURS, "deploy")
    assert change.says == "eyewear-ML deployed: 2026.11.2 → 2026.11.3"
    assert (change.before, change.after) == ("2026.11.2", "2026.11.3")
    assert deployed(EPIC, NOW, "eyewear-ML", "2026.11.3").says == "eyewear-ML deployed: 2026.11.3"


@pytest.mark.parametrize(
    ("words", "version", "previous", "says"),
    [
        ("firewall opened", None, None, "firewall opened"),
        ("eyewear-ML deployed", "2026.11.3", None, "eyewear-ML deployed (2026.11.3)"),
        ("eyewear-ML deployed", "2026.11.3", "2026.11.2", "eyewear-ML deployed (2026.11.2 → 2026.11.3)"),
        ("eyewear-ML 2026.11.3 deployed", "2026.11.3", "2026.11.2", "eyewear-ML 2026.11.3 deployed"),
    ],
)
def test_a_remark_names_each_version_once(words, version, previous, says):
    note = Note(integration_id=EPIC, at=NOW, says=words, version=version, previous=previous)
    assert note.change("deploy").says == says


@pytest.mark.parametrize("wrong", [{"component": "for Smith, John"}, {"version": "123456789"}, {"previous": "a b"}])
def test_a_deploy_that_could_name_a_person_is_refused_without_repeating_it(wrong):
    told = {"component": "eyewear-ML", "version": "1.0", "previous": "0.9"} | wrong
    with pytest.raises(ValidationError) as refused:
        deployed(EPIC, NOW, **told)
    assert next(iter(wrong.values())) not in str(refused.value)


def entry(**keys: str) -> EntryInForce:
    return EntryInForce(id=EPIC, integration_id=EPIC, keys=keys)


def test_an_edited_entry_is_told_by_the_names_of_its_keys():
    before = entry(**{"settings.base_url": "1", "timezone": "2", "impact": "3"})
    after = entry(**{"settings.base_url": "9", "timezone": "2", "sla.error_rate": "4"})
    change = configured(before, after, ("aaaa", "bbbb"), NOW)
    assert (change.side, change.kind, change.before, change.after) == (Side.OURS, "configuration", "aaaa", "bbbb")
    assert change.says == "configuration changed: impact, settings.base_url, sla.error_rate"
    assert configured(None, after, (None, "bbbb"), NOW).side is Side.BASELINE


def test_many_keys_are_counted():
    change = configured(entry(), entry(**{f"settings.k{n}": "1" for n in range(9)}), ("a", "b"), NOW)
    assert change.says.endswith("settings.k0, settings.k1, settings.k2, settings.k3, settings.k4 and 4 more")


def test_a_key_that_says_what_it_would_say_anyway_is_no_change():
    written = an_integration(settings={"base_url": "https://a"}, probe_every="60s", sla={"error_rate": "5%"})
    left_out = an_integration(settings={"base_url": "https://a"})
    assert changed_keys(said_by_key(written), said_by_key(left_out)) == ()
    other = an_integration(settings={"base_url": "https://b"}, sla={"error_rate": "7%"})
    assert changed_keys(said_by_key(left_out), said_by_key(other)) == ("settings.base_url", "sla.error_rate")


def test_incidents_of_the_same_integration_within_a_day_followed():
    begun = [an_incident(id=f"INC-2025-03-26-{n:03}", started_at=NOW + n * 8 * HOUR) for n in range(5)]
    other = an_incident(id="INC-2025-03-26-009", integration_id=UNITY, started_at=NOW + HOUR)
    earlier = an_incident(id="INC-2025-03-26-010", started_at=NOW - HOUR)
    followed = followed_by(a_change(at=NOW), [*begun, other, earlier])
    assert [one.id[-3:] for one in followed] == ["000", "001", "002"]


def test_the_newest_change_is_shown_first_and_first_looks_only_when_asked_for():
    changes = [a_change(at=NOW - n * HOUR) for n in range(3)]
    baseline = a_change(at=NOW + HOUR, side=Side.BASELINE)
    assert [one.at for one in newest_first([*changes, baseline], with_baselines=False)] == [one.at for one in changes]
    assert newest_first([*changes, baseline], with_baselines=True)[0] is baseline


FAILING = {
    "failed": 18,
    "shares": {Outcome.SERVER_ERROR: 0.9, Outcome.OK: 0.1},
    "longest_run": 9,
    "onset": NOW,
    "watched": ("our configuration", "their capability statement"),
}


def test_what_changed_before_the_onset_is_a_factor_and_evidence():
    told = explain(some_facts(**FAILING, changes=(a_change(at=NOW - 12 * HOUR / 60),)), known_signatures(), NOW)
    assert told.cause == "server_errors"
    assert told.related_factors == (
        "Changed on their side: software version 10.4 → 10.5 (12 minutes before the onset)",
    )
    assert "Changed before the onset: software version 10.4 → 10.5" in [piece.says for piece in told.evidence]


def test_a_change_that_was_noticed_afterwards_says_so():
    told = explain(some_facts(**FAILING, changes=(a_change(at=NOW + HOUR / 20),)), known_signatures(), NOW)
    assert told.related_factors[0].endswith("(between the last look before the onset and 3 minutes after it)")


def test_an_inconclusive_diagnosis_tells_of_changes_too():
    told = explain(some_facts(changes=(a_change(),), onset=NOW), known_signatures(), NOW)
    assert not told.is_conclusive
    assert told.related_factors[0].startswith("Changed on their side: software version")


def test_of_many_changes_at_once_a_new_version_is_told_first():
    kinds = [Trait.FIELD, Trait.SCOPE, Trait.SEARCH_PARAMETER, Trait.RESOURCE, Trait.FORMAT, Trait.SOFTWARE_VERSION]
    changes = tuple(a_change(kind=kind.value, says=f"{kind.says} changed") for kind in kinds)
    factors = explain(some_facts(**FAILING, changes=changes), known_signatures(), NOW).related_factors
    assert len(factors) == MOST_CHANGES
    assert "software version changed" in factors[0]


def test_that_nothing_changed_is_said_with_what_was_watched():
    unstable = FAILING | {"shares": {Outcome.RESET: 0.3, Outcome.OK: 0.7}, "failed": 6, "clustering": 3.0}
    told = explain(some_facts(**unstable), known_signatures(), NOW)
    says = [piece.says for hypothesis in told.hypotheses for piece in hypothesis.evidence]
    assert "No changes detected before the onset (watched: our configuration, their capability statement)" in says
