"""Samplers: which configurations to try.  A small ask/tell over Optuna.

Two things are ours.  The random state of trial n is a function of (seed, n) and the study is a
function of the journal, so an interrupted and resumed search asks the same questions as an
undisturbed one.  And states are told rightly: stopped trials are PRUNED with their intermediate
scores, collapsed ones are COMPLETE with a penalty, failed ones FAIL.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from animesearch.files import content_id
from animesearch.registry import Registry, Spec
from animesearch.results.records import Scalar

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    from animesearch.searchspace.space import Space


def derived_seed(*parts: object) -> int:
    """A 31-bit seed from ``parts``, the same on every machine."""
    return int(content_id([str(part) for part in parts], 16), 16) % 2**31


class SamplerSpec(Spec):
    """Options of a sampler."""

    def build(self, seed: int) -> BaseSampler:
        """The Optuna sampler that draws one trial, with its own random state."""
        raise TypeError(f"sampler '{self.name}' enumerates its configurations")

    def configurations(self, space: Space, seed: int) -> Sequence[dict[str, Scalar]] | None:
        """Every configuration in order for an exhaustive sampler, None for a drawing one."""
        return None

    @property
    def looks_back(self) -> int | None:
        """How many of the last trials a draw looks at, beside the best ones; None: all of them."""
        return None


SAMPLERS: Registry[SamplerSpec] = Registry("sampler", SamplerSpec)


@SAMPLERS.register
class Tpe(SamplerSpec):
    """Tree-structured Parzen estimator (Bergstra et al. 2011), multivariate, by Optuna.

    Options that exist only under one component are modelled within their group; running trials
    count as bad ones, so that parallel trials do not crowd.  A draw costs time in proportion to the
    trials that it looks at: past ``window`` of them the bad ones are the last, the good ones still
    the best of all.
    """

    name: Literal["tpe"] = "tpe"
    startup: int = Field(10, ge=1, description="trials drawn at random before the model begins")
    candidates: int = Field(24, ge=1, description="candidates per draw, the best of which is taken")
    window: int = Field(
        1000, ge=50, description="how many of the last trials are modelled, beside the best 25"
    )

    @property
    def looks_back(self) -> int | None:
        """:attr:`window`."""
        return self.window

    def build(self, seed: int) -> BaseSampler:
        """Optuna's TPE sampler."""
        from optuna.samplers import TPESampler

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # 'group' and 'constant_liar' are marked experimental
            return TPESampler(
                n_startup_trials=self.startup,
                n_ei_candidates=self.candidates,
                multivariate=True,
                group=True,
                constant_liar=True,
                seed=seed,
            )


@SAMPLERS.register
class RandomSearch(SamplerSpec):
    """Independent draws from the space: the baseline that every other sampler has to beat."""

    name: Literal["random"] = "random"

    def build(self, seed: int) -> BaseSampler:
        """Optuna's random sampler."""
        from optuna.samplers import RandomSampler

        return RandomSampler(seed=seed)


@SAMPLERS.register
class Grid(SamplerSpec):
    """Every combination of the conditional space once, in a shuffled order.

    Continuous options are taken at ``points`` values, evenly spaced (log-spaced where the
    distribution is).  A search with fewer trials than combinations tries a random part of them.
    """

    name: Literal["grid"] = "grid"
    points: int = Field(3, ge=2, le=100, description="values per continuous option")

    def configurations(self, space: Space, seed: int) -> Sequence[dict[str, Scalar]]:
        """The shuffled grid."""
        grid = [dict(params) for params in space.grid(self.points)]
        random.Random(seed).shuffle(grid)
        return grid
