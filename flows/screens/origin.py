"""What `heal origin` shows."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from rich.markup import escape

from flows.screen import console, say
from models.origin import Suspect
from models.wording import span

SHOWN = 5  # suspects with their reasons; the others are only counted


def show_json(suspects: Sequence[Suspect]) -> None:
    """Every node, best first."""
    rows = [
        {
            "rank": one.rank,
            "node": one.node,
            "score": one.score,
            "reasons": list(one.reasons),
            "began": one.began.isoformat() if one.began else None,
        }
        for one in suspects
    ]
    sys.stdout.write(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")


def show_suspects(suspects: Sequence[Suspect], target: str | None) -> None:
    """The likeliest with their reasons, and the order in which things began."""
    likely = [one for one in suspects if one.score > 0]
    if not likely:
        say("Nothing stands out: no node shows more than a usual spell reaches.")
        return
    say(f"Origin of the trouble{f' of {target}' if target else ''}: {likely[0].node}")
    for one in likely[:SHOWN]:
        console.print(f"\n[bold]{one.rank}. {escape(one.node)}[/]  {one.score:.0%}", soft_wrap=True)
        for reason in one.reasons:
            say(f"   {reason}")
    others = len(suspects) - min(len(likely), SHOWN)
    if others:
        say(f"\n{others} other nodes; --json lists all.")
    show_timeline(suspects)


def show_timeline(suspects: Sequence[Suspect]) -> None:
    """Who began to ail, in order."""
    dated = sorted((one for one in suspects if one.began is not None), key=lambda one: (one.began, one.rank))
    if dated:
        say("\nIn the order in which they began:")
    for one in dated:
        say(f"  {one.timeline}  {one.node}{f', {span(one.lag_s)} later' if one.lag_s else ''}")
