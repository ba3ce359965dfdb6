"""Signatures: read the fixtures, and diagnose every case of them as production would."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import yaml
from pydantic import ValidationError

from models import signatures
from models.diagnosis import Diagnosis, explain
from models.errors import BadInput
from models.facts import Facts
from models.fixture import Fixture, Tried, try_out
from models.fixture.telling import AT
from models.signatures import known_signatures

FIXTURES = Path(signatures.__path__[0]) / "fixtures"


def read_fixtures(folder: Path = FIXTURES) -> tuple[Fixture, ...]:
    """Every fixture of a folder, in the order of their names.

    Raises:
        BadInput: one is not as it must be; says which, where and why.
    """
    return tuple(read_fixture(path) for path in sorted(folder.glob("*.yaml")))


def read_fixture(path: Path) -> Fixture:
    """One fixture.

    Raises:
        BadInput: it is not as it must be.
    """
    try:
        return Fixture.model_validate(yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"{path.name}, {where}: {first['msg']}") from None
    except (OSError, yaml.YAMLError) as error:
        raise BadInput(f"{path.name} cannot be read: {type(error).__name__}") from None


def diagnosed(facts: Facts) -> Diagnosis:
    """What everything that we know makes of these facts."""
    return explain(facts, known_signatures(), AT)


def try_all(fixtures: tuple[Fixture, ...] | None = None) -> tuple[Tried, ...]:
    """Every case of every fixture, diagnosed."""
    attempt = partial(try_out, diagnose=diagnosed)
    return tuple(tried for fixture in fixtures or read_fixtures() for tried in attempt(fixture))
