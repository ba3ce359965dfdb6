"""Sample: measure the machine that watches, and the monitor itself, as gauges of our own, once a cycle."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import psutil

from models.gauge import OURSELVES, Gauge
from tasks.house import House
from tasks.remember import remember_gauges

CGROUP = Path("/sys/fs/cgroup")
_asked_before: set[str] = set()


def sample(house: House) -> tuple[Gauge, ...]:
    """Measure, and remember."""
    gauges = tuple(measure(house.home, house.clock.now()))
    remember_gauges(gauges, house.home)
    return gauges


def measure(home: Path, now: datetime) -> Iterator[Gauge]:
    """What can be measured here: shares of CPU, memory, disk and file descriptors, and what the process takes.

    Args:
        home: whose disk counts.
        now: when.
    """

    def gauge(metric: str, value: float, unit: str = "ratio") -> Gauge:
        return Gauge(integration_id=OURSELVES, observed_at=now, metric=metric, value=value, unit=unit)

    process = psutil.Process()
    disk = psutil.disk_usage(str(nearest(home)))
    most, open_now = resource.getrlimit(resource.RLIMIT_NOFILE)[0], descriptors(process)
    yield gauge("disk_share", disk.used / (disk.used + disk.free))  # of what we may use: root keeps a rest
    yield gauge("disk_free", disk.free, "bytes")
    yield gauge("memory_share", memory_share())
    yield gauge("process_memory", process.memory_info().rss, "bytes")
    yield gauge("process_threads", process.num_threads(), "")
    if open_now is not None:
        yield gauge("process_fds", open_now, "")
        if most != resource.RLIM_INFINITY:
            yield gauge("process_fds_share", open_now / most)
    # What psutil says of CPU is since it was asked last; the first answer in a process means nothing.
    machine, own = psutil.cpu_percent() / 100, process_cpu() / 100
    if "cpu" in _asked_before:
        yield gauge("cpu_share", machine)
        yield gauge("process_cpu_share", own)
    _asked_before.add("cpu")


_own = psutil.Process()


def process_cpu() -> float:
    """CPU of this process since the last time, in % of one core."""
    return float(_own.cpu_percent())


def nearest(folder: Path) -> Path:
    """The folder, or the first above it that is there."""
    return next(place for place in (folder, *folder.parents) if place.exists())


def descriptors(process: psutil.Process) -> int | None:
    """Open files and sockets; None where the system does not tell."""
    try:
        return process.num_fds()
    except (AttributeError, psutil.Error):  # Windows has handles instead
        return None


def memory_share(cgroup: Path = CGROUP) -> float:
    """Share of memory in use: of the machine, or of the container where its limit is nearer."""
    machine = psutil.virtual_memory().percent / 100
    try:
        most, used = (cgroup / "memory.max").read_text().strip(), int((cgroup / "memory.current").read_text())
        stat = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
        return max(machine, (used - int(stat["inactive_file"])) / int(most)) if most != "max" else machine
    except (OSError, ValueError, KeyError, ZeroDivisionError):  # no container, or one of another kind
        return machine
