"""What `heal kb search` shows."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from flows.screen import say
from models.knowledge import EntryKind, Found


def show_found(found: Sequence[Found]) -> None:
    """Each entry in a few lines, the best first."""
    if not found:
        say("Nothing that is known answers that.")
    for one in found:
        entry = one.entry
        say(
            f"{entry.kind.value.upper()} {entry.id}: {entry.title}"
            if entry.kind is not EntryKind.PAGE
            else f"PAGE {entry.see}"
        )
        if entry.whose:
            met = f"; met in {entry.met} incidents" if entry.met else ""
            say(f"  Whose: {entry.whose}{met}")
        for heals in entry.heals:
            say(f"  Heals: {heals.told}")
        for recommended in entry.recommends:
            say(f"  {recommended}")
        if entry.see and entry.kind is not EntryKind.PAGE:
            say(f"  More: {entry.see}")


def show_json(found: Sequence[Found]) -> None:
    """The same for a program; what was searched is left out."""
    told = [one.model_dump(mode="json", exclude={"entry": {"text"}}) for one in found]
    json.dump(told, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
