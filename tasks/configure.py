"""Configure: `integrations.yaml` and `policy.yaml` → Configuration, or every mistake at once with its line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from models.configuration import Configuration
from models.errors import Misconfigured, Mistake
from tasks.configuration.intake import check_intake, check_receivers
from tasks.configuration.integrations import check_integrations, controls_in, missing_programs
from tasks.configuration.page import Page, read_page
from tasks.configuration.policy import check_policy
from tasks.configuration.references import missing_secrets, plain_secrets
from tasks.configuration.together import check_together

INTEGRATIONS, POLICY = "integrations.yaml", "policy.yaml"


def load(directory: Path, *, check_secrets: bool = True) -> Configuration:
    """Read and check a configuration.

    Nothing is kept from an earlier call: who watches for changes keeps the last good one while this raises.

    Args:
        directory: where `integrations.yaml` and `policy.yaml` are.
        check_secrets: whether every `env:` and `file:` reference must lead to a secret here and now. Without
            it, a configuration can be checked on a machine that has none of the secrets.

    Raises:
        Misconfigured: with every mistake in both files; none quotes a value.
    """
    watched, permitted = read_page(directory / INTEGRATIONS), read_page(directory / POLICY)
    integrations, wrong_watched = check_integrations(watched)
    policy, wrong_permitted = check_policy(permitted)
    intake, wrong_intake = check_intake(watched, integrations)
    known = tuple(integration.id for integration in integrations)
    wrong_permitted += check_receivers(permitted, policy.receivers if policy else (), known)
    mistakes = [*told(watched, [*wrong_watched, *wrong_intake]), *told(permitted, wrong_permitted)]
    if policy is not None:
        mistakes += check_together(watched, integrations, policy)
    if check_secrets:
        mistakes += [*missing_secrets(watched, directory), *missing_secrets(permitted, directory)]
        mistakes += missing_programs(watched)
    if mistakes or policy is None:
        raise Misconfigured(from_top_to_bottom(mistakes))
    return Configuration(
        integrations=integrations, policy=policy, intake=intake, controls=controls_in(watched), path=directory
    )


def told(page: Page, found: Iterable[Mistake]) -> tuple[Mistake, ...]:
    """Every mistake of one file: of its YAML, its nouns, and its secrets in plain."""
    return (*page.mistakes, *found, *plain_secrets(page))


def from_top_to_bottom(mistakes: Iterable[Mistake]) -> tuple[Mistake, ...]:
    """Each mistake once, in the order in which a person meets them."""
    return tuple(sorted(dict.fromkeys(mistakes), key=lambda mistake: (mistake.file, mistake.line)))
