"""What accepting another issuer or host key settles, and what it does not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models.acceptance import accept, is_open, settled
from models.credential import CredentialKind
from models.credentials import CHANGE_STANDS, CredentialRecord, finding_of, record_id
from tests.builders import EPIC, NOW

HOUR = timedelta(hours=1)
OLD_KEY, NEW_KEY, NEXT_KEY = ("SHA256:" + letter * 43 for letter in "ABC")


def changed(**changes) -> CredentialRecord:
    """A host key that became another an hour ago."""
    defaults = {
        "id": record_id(EPIC, CredentialKind.SSH_HOST_KEY),
        "integration_id": EPIC,
        "kind": CredentialKind.SSH_HOST_KEY,
        "first_seen": NOW - 9 * HOUR,
        "fingerprint": NEW_KEY,
        "changed": "host_key",
        "changed_from": OLD_KEY,
        "changed_at": NOW - HOUR,
    }
    return CredentialRecord(**{**defaults, **changes})


ACCEPTED = accept(changed(), "Integration Team", "they said so on the telephone", NOW)
ISSUERS = {"kind": CredentialKind.TLS_CERTIFICATE, "changed": "issuer", "changed_from": "Old CA", "issuer": "New CA"}


@pytest.mark.parametrize(
    ("record", "is_settled"),
    [
        pytest.param(changed(), True, id="what was accepted"),
        pytest.param(changed(fingerprint=NEXT_KEY, changed_from=NEW_KEY), False, id="yet another one"),
        pytest.param(changed(changed_at=NOW + HOUR), False, id="the same one, come back after another"),
    ],
)
def test_only_what_was_accepted_is_settled(record, is_settled):
    after = settled(record, ACCEPTED)
    assert (finding_of(after, NOW + 2 * HOUR) is None) is is_settled
    assert after.fingerprint == record.fingerprint


def test_an_issuer_is_accepted_by_its_name():
    record = changed(**ISSUERS)
    accepted = accept(record, "us", "told", NOW)
    assert accepted.value == "New CA"
    assert settled(record, accepted).changed is None
    assert settled(record.model_copy(update={"issuer": "Mallory"}), accepted).changed == "issuer"


@pytest.mark.parametrize(
    ("record", "after", "expected"),
    [
        pytest.param(changed(), timedelta(0), True, id="changed an hour ago"),
        pytest.param(changed(), CHANGE_STANDS, False, id="told for a week"),
        pytest.param(changed(changed=None, changed_at=None), timedelta(0), False, id="never changed"),
        pytest.param(changed(fingerprint=None), timedelta(0), False, id="nobody knows to what"),
    ],
)
def test_a_change_waits_to_be_accepted_for_as_long_as_it_is_told(record, after, expected):
    assert is_open(record, NOW + after) is expected
