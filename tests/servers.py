"""A PostgreSQL that answers, with a schema of one test's own; skipped by name where none does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from uuid import uuid4

import pytest
import sqlalchemy as sa

SERVER = "postgresql://postgres@127.0.0.1:5432/test"


class Place(NamedTuple):
    """A schema, and a way to it."""

    engine: sa.Engine
    schema: str

    def url(self, table: str) -> str:
        """A table of it as a person writes it."""
        return f"{SERVER}#{self.schema}.{table}"


@contextmanager
def a_schema() -> Iterator[Place]:
    """A schema that no other run knows, and that is gone afterwards."""
    engine = sa.create_engine(SERVER.replace("postgresql", "postgresql+psycopg"), connect_args={"connect_timeout": 3})
    place = Place(engine, f"heal_{uuid4().hex[:12]}")
    try:
        with engine.begin() as db:
            db.execute(sa.text(f"create schema {place.schema}"))
    except sa.exc.OperationalError:
        engine.dispose()
        pytest.skip("no PostgreSQL at 127.0.0.1:5432")
    try:
        yield place
    finally:
        with engine.begin() as db:
            db.execute(sa.text(f"drop schema {place.schema} cascade"))
        engine.dispose()
