"""Report: write the reports of all integrations, and show them in the Prefect UI."""

from __future__ import annotations

from pathlib import Path

from prefect import flow
from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact

from flows.clock import clock
from flows.coat import coat
from flows.wrong import discreet
from models.story import Story
from tasks import report as reporting
from tasks import story as telling
from tasks.house import open_house

tell = coat(telling.tell, name="tell")
write = coat(reporting.write_report, name="write")


@flow(name="report", retries=1, retry_delay_seconds=5, persist_result=False)
@discreet
async def report(configuration: str = "deployments", home: str | None = None, out: str | None = None) -> None:
    """One report for each integration as JSON, Markdown and HTML, and as artifacts.

    Args:
        configuration: the directory of integrations.yaml and policy.yaml.
        home: where the stores are; HEAL_HOME or ./heal-state when not given.
        out: where the files go; `reports` under home when not given.
    """
    house = open_house(configuration, home, clock())
    stories = [await tell(house, integration.id) for integration in house.configuration.integrations]
    for story in stories:
        await write(story, Path(out) if out else house.home / "reports")
    await show(stories)


async def show(stories: list[Story]) -> None:
    """One table of all integrations, and one page for each."""
    await acreate_table_artifact([reporting.status_row(s) for s in stories], key="integrations", description="Status")
    for story in stories:
        await acreate_markdown_artifact(reporting.to_markdown(story), key=f"report-{story.integration.id}")
