"""What every connector does when it is opened: check its settings, find its route, find its bundle."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pydantic import ValidationError

from models.errors import Misconfigured, Mistake
from models.noun import Noun
from tasks.connectors._interface import Context
from tasks.http import check_base_url

Settings = TypeVar("Settings", bound=Noun)


def checked_settings(context: Context, model: type[Settings]) -> Settings:
    """The integration's settings in their own type.

    Raises:
        Misconfigured: with every mistake; none repeats a value.
    """
    try:
        return model.model_validate(context.integration.settings)
    except ValidationError as error:
        wrong = (f"settings.{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise misconfigured(context.integration.id, *wrong) from None


def base_url_by_route(context: Context, main: str, check: Callable[[str], str] = check_base_url) -> str:
    """The base URL of the route in use.

    Args:
        context: with the integration and its routes.
        main: the one in the settings.
        check: what this kind of system says of the URL of another route.

    Raises:
        Misconfigured: when no such route is declared, or its URL is not one we may talk to.
    """
    name = context.tuning.route
    if name == "main":
        return main
    for route in context.integration.routes:
        if route.name == name:
            try:
                return check(route.base_url)
            except ValueError as error:
                raise misconfigured(context.integration.id, f"routes: {error}") from None
    raise misconfigured(context.integration.id, "routes: the route in use is not declared; declare it")


def bundle(context: Context, ca_bundle: str | None) -> str | None:
    """The path of a CA bundle; a relative one starts from the configuration."""
    return None if ca_bundle is None else str(context.base / ca_bundle)


def misconfigured(integration_id: str, *says: str) -> Misconfigured:
    """Every mistake of one integration."""
    return Misconfigured(tuple(Mistake(file=integration_id, line=0, says=one) for one in says))
