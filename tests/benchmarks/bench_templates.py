"""How well error texts are grouped, and at what cost: `python -m tests.benchmarks.bench_templates`, from the root.

Three corpora of 10,000 lines each: twelve kinds of the catalogue, all its kinds, and messages that Python's own
library raises (the word list was not made from them). The shared data hold no raw logs, so values are made up by a
seed; kinds are known to the generator only. Grouping accuracy is that of Zhu et al. 2019 (Tools and Benchmarks for
Automated Log Parsing): a line is right when the lines of its cluster are exactly those of its kind.

Beside ours: masking runs of digits, and drain3 where it is installed (it is no dependency, docs/decisions/0030), on
raw lines, with the masks that its examples use, and behind our templates; the best of three thresholds each.
"""

from __future__ import annotations

import importlib.util
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from models.error_cluster import generalised
from models.error_text import template
from tests.error_texts import TWELVE, Kind, mixed, of_python

LINES = 10_000
SEED = 30  # of what is reported; rules were formed while looking at seeds 1 to 3
ROUNDS = 3  # the best of them: whatever else the machine does only ever adds
THRESHOLDS = (0.4, 0.5, 0.6)  # similarity of drain3; 0.4 is its default
MASKS = (  # of drain3's examples: ids, addresses, numbers
    (r"((?<=[^A-Za-z0-9])|^)(([0-9a-f]{2,}:){3,}([0-9a-f]{2,}))((?=[^A-Za-z0-9])|$)", "ID"),
    (r"((?<=[^A-Za-z0-9])|^)(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})((?=[^A-Za-z0-9])|$)", "IP"),
    (r"((?<=[^A-Za-z0-9])|^)([0-9a-f]{6,} ?){3,}((?=[^A-Za-z0-9])|$)", "SEQ"),
    (r"((?<=[^A-Za-z0-9])|^)(0x[a-f0-9A-F]+)((?=[^A-Za-z0-9])|$)", "HEX"),
    (r"((?<=[^A-Za-z0-9])|^)([\-\+]?\d+)((?=[^A-Za-z0-9])|$)", "NUM"),
)
DIGITS = re.compile(r"\d+")
Miner = Callable[[Sequence[str]], Sequence[Any]]
"""Gives each line its cluster."""


def ours(lines: Sequence[str]) -> Sequence[str]:
    """As `heal errors` does."""
    made = [template(line) for line in lines]
    belongs = generalised(made)
    return [belongs[one] for one in made]


def templates_alone(lines: Sequence[str]) -> Sequence[str]:
    """As the intake keeps them."""
    return [template(line) for line in lines]


def digits_masked(lines: Sequence[str]) -> Sequence[str]:
    """What a user would write instead."""
    return [DIGITS.sub("<*>", line) for line in lines]


def drain(threshold: float, *, masked: bool = False, prepare: Miner = list) -> Miner:
    """drain3 with its defaults but for this."""
    from drain3 import TemplateMiner  # noqa: PLC0415 - where it is installed
    from drain3.masking import MaskingInstruction  # noqa: PLC0415
    from drain3.template_miner_config import TemplateMinerConfig  # noqa: PLC0415

    def mine(lines: Sequence[str]) -> Sequence[int]:
        config = TemplateMinerConfig()
        config.drain_sim_th = threshold
        config.masking_instructions = [MaskingInstruction(*one) for one in MASKS] if masked else []
        miner = TemplateMiner(config=config)
        return [miner.add_log_message(line)["cluster_id"] for line in prepare(lines)]

    return mine


def accuracy(kinds: Sequence[Kind], found: Sequence[Any]) -> float:
    """Grouping accuracy."""
    truth, groups = defaultdict(set), defaultdict(set)
    for place, (kind, group) in enumerate(zip(kinds, found, strict=True)):
        truth[kind].add(place)
        groups[group].add(place)
    return sum(len(one) for one in groups.values() if one == truth[kinds[min(one)]]) / len(kinds)


def miners() -> dict[str, tuple[Miner, ...]]:
    """By name; of several, the most accurate is told."""
    known: dict[str, tuple[Miner, ...]] = {
        "digits masked": (digits_masked,),
        "ours: templates alone": (templates_alone,),
        "ours: as clusters are told": (ours,),
    }
    if importlib.util.find_spec("drain3"):
        known["drain3, raw lines"] = tuple(drain(one) for one in THRESHOLDS)
        known["drain3, its masks"] = tuple(drain(one, masked=True) for one in THRESHOLDS)
        known["drain3 behind our templates"] = tuple(drain(one, prepare=templates_alone) for one in THRESHOLDS)
    return known


def measured(miner: Miner, rows: Sequence[tuple[Kind, str]]) -> tuple[float, int, float]:
    """Accuracy, clusters, and lines per CPU-second."""
    lines = [line for _, line in rows]
    spent = []
    for _ in range(ROUNDS):
        began = time.process_time()
        found = miner(lines)
        spent.append(time.process_time() - began)
    return accuracy([kind for kind, _ in rows], found), len(set(found)), len(lines) / min(spent)


def main() -> None:
    """Every corpus, every miner."""
    corpora = {
        "twelve kinds of the catalogue": mixed(LINES, SEED, TWELVE),
        "all kinds of the catalogue": mixed(LINES, SEED),
        f"messages of Python {sys.version_info.major}.{sys.version_info.minor}": of_python(LINES, SEED),
    }
    if not importlib.util.find_spec("drain3"):
        print("drain3 is not installed: its rows are left out")
    for name, rows in corpora.items():
        kinds = len({kind for kind, _ in rows})
        print(f"\n{name}: {len(rows):,} lines of {kinds} kinds, seed {SEED}")
        print(f"  {'':<30}{'clusters':>9}{'grouping accuracy':>19}{'lines/CPU-s':>13}")
        for label, tried in miners().items():
            share, found, rate = max(measured(miner, rows) for miner in tried)
            print(f"  {label:<30}{found:>9,}{share:>19.3f}{rate:>13,.0f}")


if __name__ == "__main__":
    main()
