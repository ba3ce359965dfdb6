"""How much it costs to watch what flows. Run it from the root: `python -m tests.benchmarks.bench_flow [COUNT]`.

A fleet with four weeks of history: every five minutes one reading of each of two reads, and a heartbeat. *First* is
the round that begins an hour (or a quarter, for volumes), *next* any other round, *fresh* the same in a process that
has looked at nothing yet. Times depend on the machine; how they grow should not.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from models.bridge import BEAT, Bridge
from models.catalogue import load, names
from models.configuration import Configuration
from models.integration import Integration
from models.policy import Policy
from simulator.history import generate_history
from tasks import kept
from tasks.house import House
from tasks.remember import remember_frame
from tasks.watches._interface import Round
from tests.benchmarks.fleet import ZONES, WallClock

COUNT = 400
MINE = ("bridges", "freshness", "landing", "resources", "stuck_cursor", "volume")
READS = [{"operation": f"{kind}.search", "component": kind} for kind in ("Appointment", "Patient")]


def fleet(home: Path, count: int) -> House:
    """So many integrations with a bridge each, and their past."""
    integrations = tuple(
        Integration(
            id=f"site-{n:05d}",
            name=f"Site {n}",
            kind="epic_fhir",
            settings={},
            reads=READS,
            timezone=ZONES[n % len(ZONES)],
            bridges=(Bridge(name="desk"),),
        )
        for n in range(count)
    )
    policy = Policy(version="1", owner="Integration Team")
    return House(Configuration(integrations=integrations, policy=policy, path=home), home, WallClock())


def give_a_past(house: House, days: int) -> int:
    """What probes saw and bridges said, every five minutes, by day and in the order of folded files."""
    one, now = house.configuration.integrations[0], house.clock.now()
    seen = generate_history(one, now, weeks=days // 7).assign(source="probe")
    seen["newest_at"] = seen["observed_at"] - pd.Timedelta(minutes=7)
    beats = seen[seen["operation"] == "Patient.search"].assign(
        source="heartbeat", operation=BEAT, component=one.bridges[0].name
    )
    whole = pd.concat([seen, beats]).sort_values("observed_at", ignore_index=True)
    rows = 0
    for _, day in whole.groupby(whole["observed_at"].dt.floor("D")):
        copies = [day.assign(integration_id=other.id) for other in house.configuration.integrations]
        remember_frame(pd.concat(copies, ignore_index=True), house.home)
        rows += sum(map(len, copies))
    return rows


def round_of(house: House, wanted: tuple[str, ...]) -> dict[str, float]:
    """Milliseconds of each watch, and of opening the history."""
    round_ = Round(house, house.clock.now())
    spent = {"open": timed(lambda: round_.history)}
    spent |= {name: timed(lambda name=name: list(load("tasks.watches", name).watch(round_))) for name in wanted}
    round_.close()
    return spent


def timed(work) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def main() -> None:
    """Print the table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    wanted = tuple(name for name in names("tasks.watches") if name in MINE)
    print(f"{'integrations':>12}{'readings':>13}{'round':>8}" + "".join(f"{n:>14}" for n in ("open", *wanted)))
    for size in (count // 2, count):
        with tempfile.TemporaryDirectory() as folder:
            house = fleet(Path(folder), size)
            rows = give_a_past(house, days=28)
            for label in ("first", "next", "fresh"):
                if label == "fresh":
                    kept._known.clear()
                spent = round_of(house, wanted)
                print(f"{size:12}{rows:13,}{label:>8}" + "".join(f"{ms:11.0f} ms" for ms in spent.values()), flush=True)


if __name__ == "__main__":
    main()
