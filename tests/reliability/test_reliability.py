"""A sample of every fault, and one breakage that it must notice. All of them: `python -m tests.reliability`."""

from __future__ import annotations

import pytest

from tests.reliability.faults import FAULTS
from tests.reliability.survival import Profile, caught

SEED = 1


@pytest.mark.parametrize("name", FAULTS)
def test_the_promise_is_kept(name):
    outcome = FAULTS[name].run(Profile.SMALL, SEED)
    assert outcome.held, (outcome, outcome.says)


@pytest.mark.parametrize("name", FAULTS)
def test_a_broken_product_is_noticed(name):
    assert caught(FAULTS[name], next(iter(FAULTS[name].MUTANTS)), SEED)
