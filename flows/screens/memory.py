"""What `heal similar` shows; a part of it belongs to a diagnosis too."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from flows.screen import console, say
from models.memory import MOST, Memory
from models.wording import counted, span, whole_percent


def show_memory(memory: Memory) -> None:
    """The nearest in a sentence, what helped how often, and the nearest ones in a table."""
    if memory.says is None:
        say("No past incident is like this one.")
        return
    say(memory.says)
    for one in memory.worked:
        say(f"{one.says} helped {one.helped} of {counted(one.tried, 'time')} in incidents like this.")
    if memory.median_restored_s is not None:
        say(f"Restored after {span(memory.median_restored_s)} (median of {memory.restored}).")
    table = Table("like", "incident", "began", "integration", "what it was", "what became of it", "shares", box=None)
    for past in memory.recalled[:MOST]:
        began = f"{past.features.local:%a %Y-%m-%d %H:%M %Z}"
        whose, shares = past.features.integration_id, ", ".join(past.shares)
        cells = (whole_percent(past.likeness), past.features.incident_id, began, whose, past.says, past.outcome, shares)
        table.add_row(*map(escape, cells))
    console.print(table)
    if len(memory.recalled) > MOST:
        say(f"and {len(memory.recalled) - MOST} more")
    say(f"More of the nearest: heal explain {memory.recalled[0].features.incident_id}")
