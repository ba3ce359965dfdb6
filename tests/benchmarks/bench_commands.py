"""What a command costs before it does anything. Run it from the root: `python -m tests.benchmarks.bench_commands`.

Prints wall time, CPU time and peak memory of `heal …` against a pretend clinic, each beside a bare
`python -c pass` as a ratio (best of three), and then of one whole monitor cycle with its workflow engine.
Times depend on the machine; the ratios should not.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from flows.demo_configuration import write_configuration
from simulator.control import start_clinic

HEAL = Path(sys.executable).with_name("heal")
ROUNDS = 3  # the best of them: whatever else the machine does only ever adds
MIB = 1 << 20
EVERY_S = 0.05  # how often the processes of a cycle are looked at
LAUNCHER = (  # a process counts its parent's memory as its own until it has begun: so a small one begins it
    sys.executable,
    "-ISc",
    """
import os, sys, time
null = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
start = time.perf_counter()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=null)
_, status, spent = os.wait4(child, 0)
print(time.perf_counter() - start, spent.ru_utime + spent.ru_stime, spent.ru_maxrss, os.waitstatus_to_exitcode(status))
""",
)


@dataclass(frozen=True)
class Cost:
    """What one process, and those that it waited for, took."""

    wall_s: float
    cpu_s: float
    largest_bytes: int  # of its largest process
    together_bytes: int  # of all its processes at the same moment, shared pages counted once each

    def line(self, says: str, bare: Cost) -> str:
        """One row of the table."""
        return (
            f"{says:<28}{self.wall_s:>8.2f} s{self.cpu_s:>8.2f} s CPU{self.largest_bytes / MIB:>8.0f} MiB"
            f"   {self.wall_s / bare.wall_s:>6.1f}× {self.cpu_s / bare.cpu_s:>6.1f}×"
            f" {self.largest_bytes / bare.largest_bytes:>5.1f}×"
        )


def family(pid: int) -> list[int]:
    """A process and its descendants."""
    try:
        tasks = Path(f"/proc/{pid}/task").iterdir()
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:  # it ended meanwhile
        return [pid]
    return [pid, *(one for child in children for one in family(child))]


def held(pid: int) -> int:
    """Memory that is this process's share (PSS), in bytes; 0 when it ended meanwhile."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def run(*command: str, env: dict[str, str] | None = None, watched: bool = False) -> Cost:
    """Run a command to its end; what did not work is not measured."""
    together = 0
    process = subprocess.Popen([*LAUNCHER, *command], stdout=subprocess.PIPE, text=True, env=env)
    while watched and process.poll() is None:
        together = max(together, sum(map(held, family(process.pid)[1:])))
        time.sleep(EVERY_S)
    wall, cpu, largest, code = map(float, process.communicate()[0].split())
    if code:
        raise SystemExit(f"{' '.join(command[1:])} ended with {code:.0f}: run it by hand and see why")
    return Cost(wall, cpu, int(largest) * 1024, together)


def best(*command: str, env: dict[str, str] | None = None) -> Cost:
    """The cheapest of three rounds."""
    return min((run(*command, env=env) for _ in range(ROUNDS)), key=lambda cost: cost.wall_s)


def commands(configuration: Path, feed: Path) -> dict[str, tuple[str, ...]]:
    """What a person types most."""
    here = ("--config", str(configuration))
    return {
        "heal --help": ("--help",),
        "heal validate": ("validate", *here),
        "heal status": ("status", *here),
        "heal probe": ("probe", "epic-fhir-prod", *here),
        "heal report": ("report", "epic-fhir-prod", *here),
        "heal sql": ("sql", "select count(*) from readings"),
        "heal detect (900 rows)": ("detect", str(feed), "--no-plot"),
        "heal detect, with its plot": ("detect", str(feed), "--plot", str(feed.with_suffix(".png"))),
    }


def write_feed(path: Path) -> Path:
    """Three days of one row every five minutes."""
    rows = (f"{1_700_000_000 + 300 * n},{10 + n % 7}" for n in range(900))
    path.write_text("timestamp,value\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name, start_clinic(Path(name) / "clinic", speed=1.0, seed=7) as clinic:
        home = Path(name)
        configuration, feed = write_configuration(home / "configuration", clinic), write_feed(home / "feed.csv")
        env = os.environ | {"HEAL_HOME": str(home / "state"), "NO_COLOR": "1"}
        bare = best(sys.executable, "-c", "pass")
        cycle = run(str(HEAL), "monitor", "--once", "--config", str(configuration), env=env, watched=True)
        print(f"{'':<28}{'wall':>10}{'':>14}{'largest':>10}   {'beside python -c pass':>22}")
        print(bare.line("python -c pass", bare))
        for says, arguments in commands(configuration, feed).items():
            print(best(str(HEAL), *arguments, env=env).line(says, bare))
        print(cycle.line("heal monitor --once", bare))
        print(f"\nA monitor cycle with its engine: {cycle.together_bytes / MIB:.0f} MiB together at its peak (PSS)")


if __name__ == "__main__":
    main()
