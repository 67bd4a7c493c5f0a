"""Samples of the best trial beside the training images that they are most like."""

from __future__ import annotations

from dataclasses import dataclass

from animesearch.results.nearest import NearestImages, nearest_row, read_nearest
from animesearch.results.report.pictures import Pictures
from animesearch.results.web.store import Moment
from animesearch.results.web.trialapi import grid_shape

MOST = 6
"""Pairs in a report: those of the smallest distances."""


@dataclass(frozen=True)
class Pair:
    """Both pictures as addresses that hold them, and the distance in the features' space."""

    latent: int
    sample: str
    training: str
    distance: float


@dataclass(frozen=True)
class Likeness:
    """The ``pairs`` of a trial, the most alike first; ``searched`` of ``of`` training images were
    looked through."""

    trial: str
    searched: int
    of: int
    pairs: tuple[Pair, ...]


def likeness(moment: Moment, pictures: Pictures) -> Likeness | None:
    """Of the best configuration's best trial, at its last grid; None where nothing is known."""
    best = next((row for row in moment.rows if row["place"] is not None), None)
    grids = moment.grids.get(best["trial"], ()) if best else ()
    shape = grid_shape(moment.info)
    found = read_nearest(moment.folder, best["trial"]) if best and grids else None
    if best is None or found is None or shape is None or grids[-1].images not in found.grids:
        return None
    pairs = _pairs(found, grids[-1].images, grids[-1].path, shape, pictures)
    return Likeness(best["trial"], found.searched, found.training, pairs) if pairs else None


def _pairs(
    found: NearestImages, images: int, grid: str, shape: tuple[int, int], pictures: Pictures
) -> tuple[Pair, ...]:
    row = nearest_row(found, images) or {"distances": []}
    order = sorted(enumerate(row["distances"]), key=lambda one: one[1])
    pairs = []
    for latent, distance in [one for one in order if one[0] < shape[0] * shape[1]][:MOST]:
        sample = pictures.sample(grid, shape, latent)
        training = pictures.training(row["pictures"][latent])
        if sample and training:
            pairs.append(Pair(latent, sample, training, distance))
    return tuple(pairs)
