"""Judges: the joint models of many integrations, stacked so that a cycle judges all of them with a few numpy calls.

A row is scored alone against the training rows, never in a batch of its neighbours: the score of one integration does
not depend on which others are judged with it, nor on when.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np

from models.joint import (
    FEATURES,
    MOST_FEATURES,
    NEIGHBOURS,
    ROWS,
    SLOTS,
    JointModel,
    slots_of,
    standardised,
    unpacked,
)
from models.panel import Floats, Ints
from models.series import Series

MARGIN = 1.1  # above the training quantile; chosen on the `FIT` seeds of tests/benchmarks/bench_joint.py
AGREEING = 2  # models that must say so


def of_models(judges: Judges, series: Sequence[Series]) -> Ints:
    """(I, MOST_FEATURES) the rows of the features of each model, in its order; −1: none."""
    found = np.full((len(judges), MOST_FEATURES), -1, dtype=np.int64)
    wanted = {(name, key): (at, nth) for at, name in enumerate(judges) for nth, key in enumerate(judges[name].features)}
    for row, one in enumerate(series):
        if one.metric in FEATURES and (place := wanted.get((one.integration_id, one.key))) is not None:
            found[place] = row
    return found


class Judges(Mapping[str, JointModel]):
    """The models of many integrations, stacked so that a cycle judges all of them with a few numpy calls."""

    def __init__(self, models: Mapping[str, JointModel]) -> None:
        self._models = dict(sorted(models.items()))

    def __getitem__(self, integration_id: str) -> JointModel:
        return self._models[integration_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)

    @cached_property
    def stacks(self) -> tuple[Stack, ...]:
        """One for each place in the list of spans."""
        models = tuple(self._models.values())
        most = max((len(model.spans) for model in models), default=0)
        return tuple(Stack(models, nth) for nth in range(most))

    def score(self, rows: Floats, ends_s: float) -> Floats:
        """(I,) the second highest score of each integration's models, or the only one; above 1 it speaks.

        Args:
            rows: (I, MOST_FEATURES) the latest features of each, in the order of this mapping; NaN: not measured.
            ends_s: when they ended.
        """
        slots = {zone: int(slots_of(np.array([ends_s]), zone)[0]) for zone in {one.timezone for one in self.values()}}
        slot = np.array([slots[model.timezone] for model in self.values()], dtype=np.int64)
        each = np.column_stack([stack.score(rows, slot) for stack in self.stacks]) if len(self) else np.empty((0, 1))
        ordered = -np.sort(-np.nan_to_num(each, nan=-1.0), axis=1)
        spans = np.array([len(model.spans) for model in self.values()], dtype=np.int64)
        at = np.minimum(AGREEING, spans) - 1
        score: Floats = ordered[np.arange(len(at)), at] / MARGIN
        return score

    def deviations(self, integration_id: str, row: Floats, ends_s: float) -> Floats:
        """(d,) of one integration's latest features, by the longest past."""
        model = self[integration_id]
        longest, d = max(model.spans, key=lambda one: one.parts), len(model.features)
        slot = int(slots_of(np.array([ends_s]), model.timezone)[0])
        return standardised(row[:d], unpacked(longest.centre, d)[slot], unpacked(longest.scale, d)[slot])


class Stack:
    """One span of every integration; what an integration does not have is NaN or zero."""

    def __init__(self, models: Sequence[JointModel], nth: int) -> None:
        n, d = len(models), MOST_FEATURES
        self.centre = np.zeros((n, SLOTS, d))
        self.scale = np.ones((n, SLOTS, d))
        self.past = np.zeros((n, ROWS, d), dtype=np.float32)
        self.location, self.precision = np.zeros((n, d)), np.zeros((n, d, d))
        self.cuts = np.full((n, 3), np.nan)
        for at, model in enumerate(models):
            if nth < len(model.spans):
                one, width = model.spans[nth], len(model.features)
                self.centre[at, :, :width] = unpacked(one.centre, width)
                self.scale[at, :, :width] = unpacked(one.scale, width)
                self.location[at, :width] = one.location
                self.past[at, :, :width] = unpacked(one.past, width)
                self.precision[at, :width, :width] = unpacked(one.precision, width)
                self.cuts[at] = one.cuts
        self.lengths = np.square(self.past).sum(axis=2)

    def score(self, rows: Floats, slot: Ints) -> Floats:
        """(I,) the largest of the parts that have a say, each over its training quantile; NaN without a model."""
        each = np.arange(len(rows))
        z = standardised(rows, self.centre[each, slot], self.scale[each, slot])
        near = (
            self.lengths
            - 2 * np.einsum("nrd,nd->nr", self.past, z.astype(np.float32))
            + np.square(z).sum(axis=1)[:, None]
        )
        kth = np.sqrt(np.maximum(np.partition(near, NEIGHBOURS - 1, axis=1)[:, NEIGHBOURS - 1], 0.0))
        off = z - self.location
        far = np.einsum("nd,nd->n", np.einsum("nd,nde->ne", off, self.precision), off)
        parts = np.column_stack([np.abs(z).max(axis=1, initial=0.0), kth, far])
        has_say = self.cuts > 0
        shares = np.where(has_say, parts / np.where(has_say, self.cuts, 1.0), 0.0)
        score: Floats = np.where(has_say.any(axis=1), shares.max(axis=1), np.nan)
        return score
