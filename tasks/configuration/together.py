"""What the two files say of each other: who can be reached, and how far healing may go."""

from __future__ import annotations

from collections.abc import Iterator

from models.errors import Mistake
from models.integration import Contacts, Integration
from models.policy import Policy
from models.tier import Mode
from tasks.configuration.page import Page


def check_together(page: Page, integrations: tuple[Integration, ...], policy: Policy) -> Iterator[Mistake]:
    """Mistakes of `integrations.yaml` that only the policy shows."""
    for index, integration in enumerate(integrations):
        yield from check_reach(page, index, integration, policy)
        yield from check_tier(page, index, integration, policy)


def check_reach(page: Page, index: int, integration: Integration, policy: Policy) -> Iterator[Mistake]:
    """Whether everybody who may be called can be reached, where the policy says who is reached how."""
    for role in Contacts.model_fields if policy.groups else ():
        group = getattr(integration.contacts, role)
        if group not in policy.groups:
            written = role in integration.contacts.model_fields_set
            place = ("integrations", index, "contacts", role) if written else ("integrations", index, "id")
            says = f"nobody can reach its {role} contact `{group}`: name it under `groups:` of policy.yaml"
            yield page.mistake(place, says if written else f"{says}, or another one under `contacts:` here")


def check_tier(page: Page, index: int, integration: Integration, policy: Policy) -> Iterator[Mistake]:
    """Whether it asks for more than policy gives to its environment."""
    highest = policy.highest.get(integration.environment, Mode.AUTO)
    if "healing" in integration.model_fields_set and integration.healing.caution < highest.caution:
        allowed = f"`highest` allows {highest} in {integration.environment}"
        says = f"`healing: {integration.healing}` is above the policy: {allowed}; ask for no more, or leave it out"
        yield page.mistake(("integrations", index, "healing"), says)
