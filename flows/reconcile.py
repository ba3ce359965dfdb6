"""Reconcile: compare what both sides hold, where it is due, and show what was found in the Prefect UI."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence

from prefect import flow
from prefect.artifacts import acreate_progress_artifact, acreate_table_artifact, aupdate_progress_artifact

from flows.clock import clock
from flows.coat import coat
from flows.wrong import discreet
from models.discrepancy import Reconciled
from models.errors import HealError
from models.reconciled_tables import rows_of
from tasks import reconcile as reconciling
from tasks.house import House, open_house
from tasks.reconcile import Pair

log = logging.getLogger("heal")
compare = coat(reconciling.reconcile, name="compare")
NOT_A_KEY = re.compile(r"[^a-z0-9-]+")  # artifact keys: lower case, digits and dashes


@flow(name="reconcile", retries=1, retry_delay_seconds=30, persist_result=False)
@discreet
async def reconcile(
    configuration: str = "deployments",
    home: str | None = None,
    integration: str | None = None,
    name: str | None = None,
    *,
    all_now: bool = False,
) -> None:
    """Compare the practice system's records with those that landed, value by value, and keep counts and opaque keys.

    Scheduled every few minutes; what is compared then is what is due by its own `every`, and what something was done
    about since it was found to differ.

    Args:
        configuration: the directory of integrations.yaml and policy.yaml.
        home: where the stores are; HEAL_HOME or ./heal-state when not given.
        integration: only this one, now, whether it is due or not.
        name: only this entry of its `reconcile`.
        all_now: everything that is declared, whether it is due or not.
    """
    house = open_house(configuration, home, clock())
    is_asked = all_now or integration is not None
    pairs = reconciling.declared(house, integration, name) if is_asked else reconciling.due(house)
    if not pairs:
        return
    found, wrong = await compared(house, pairs)
    await show(house, found)
    if wrong:
        raise wrong[0]


async def compared(house: House, pairs: Sequence[Pair]) -> tuple[list[Reconciled], list[HealError]]:
    """One after another, so that no system is asked for everything at once; how far it is can be seen.

    One that cannot be done by our own fault, such as a database that is not there, leaves the others alone.
    """
    progress = await acreate_progress_artifact(progress=0.0, key="reconcile-progress", description="Compared so far")
    found: list[Reconciled] = []
    wrong: list[HealError] = []
    for done, pair in enumerate(pairs, start=1):
        try:
            found.append(await compare(house, pair))
        except HealError as error:
            log.warning("%s %s was not compared: %s", pair.integration.id, pair.wanted.name, error)
            wrong.append(error)
        await aupdate_progress_artifact(progress, progress=100.0 * done / len(pairs))
    return found, wrong


async def show(house: House, found: Sequence[Reconciled]) -> None:
    """A table for each integration."""
    for integration_id in dict.fromkeys(one.integration_id for one in found):
        zone = house.integration(integration_id).timezone
        rows = list(rows_of([one for one in found if one.integration_id == integration_id], zone))
        key = f"reconciled-{NOT_A_KEY.sub('-', integration_id.lower())}"
        await acreate_table_artifact(rows, key=key, description=f"What both sides of {integration_id} hold")
