"""The golden files and how they are made: `python -m tests.goldens` writes them anew, for a person to review."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from models.card import incident_card
from models.markdown import to_markdown
from models.report import build_report
from models.story import Story
from tests.builders import escalated_story, healed_story, healthy_story, served_story, unknown_story

FOLDER = Path(__file__).parent / "testdata"

STORIES: dict[str, Callable[[], Story]] = {
    "healed": lambda: healed_story(speed=60.0, generated_history=True),
    "escalated": escalated_story,
    "healthy": healthy_story,
    "unknown": unknown_story,
    "served": served_story,
}
FORMS: dict[str, Callable[[Story], str]] = {
    "report.json": lambda story: build_report(story).to_json(),
    "card.txt": incident_card,
    "md": to_markdown,
}


def golden(name: str, form: str) -> str:
    return (FOLDER / f"{name}.{form}").read_text(encoding="utf-8")


def main() -> None:
    for name, story in STORIES.items():
        for form, tell in FORMS.items():
            (FOLDER / f"{name}.{form}").write_text(tell(story()), encoding="utf-8")


if __name__ == "__main__":
    main()
