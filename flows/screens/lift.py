"""What `heal changes --before` shows."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from flows.screen import console, say
from models.lift import Suspects
from models.wording import whole_percent


def show_suspects(suspects: Suspects) -> None:
    """One line for each change, the likeliest first; the last says what chance leaves."""
    say(suspects.says)
    if not suspects.lifts:
        return
    table = Table("explains", "when", "whose", "kind", "what", "history", box=None)
    for lift in suspects.lifts:
        kind = (lift.change.kind or "").replace("_", " ")
        unfit = "" if lift.fits else "; it hardly touches what is broken"
        cells = (
            whole_percent(lift.share),
            lift.when,
            lift.change.side.value,
            kind,
            lift.change.says,
            lift.says + unfit,
        )
        table.add_row(*map(escape, cells))
    table.add_row(whole_percent(suspects.chance), "", "", "", "chance, or what nobody noted", "")
    console.print(table)
    say(f"Watched: {', '.join(suspects.watched)}")
