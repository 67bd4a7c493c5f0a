"""Between two samples: interpolation, and the style-mixing table of seed 003."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from animesearch.errors import UnsupportedError, UserError
from animesearch.trainers.modules.networks import StyleGenerator
from animesearch.trainers.sampling import Inputs, Sampler, evaluating

COARSE = 4
"""Layers of the two coarsest sizes, 4 and 8 pixels (Karras 2019, section 3.1)."""
Between: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Images of pairs of samples (by number) at shares of the way, at the generator's stage."""
STRAIGHT = 1e-3
"""Sine of an angle below which the arc between two latents is taken as straight."""


def slerp(a_BZ: Tensor, b_BZ: Tensor, share_B: Tensor) -> Tensor:
    """From ``a`` (share 0) to ``b`` (share 1) on a great circle (Shoemake 1985; White 2016).

    A straight line between normals passes nearer to the origin than any sample of theirs; the
    arc does not.  Ends are exact.  Latents in one line (angle 0 or 180 degrees, where no arc is
    the shortest) are connected straight.
    """
    share_B1 = share_B[:, None]
    units = [z_BZ / z_BZ.norm(dim=1, keepdim=True).clamp(min=1e-12) for z_BZ in (a_BZ, b_BZ)]
    angle_B1 = (units[0] * units[1]).sum(1, keepdim=True).clamp(-1, 1).acos()
    sine_B1 = angle_B1.sin()
    straight_B1 = sine_B1 < STRAIGHT
    sine_B1 = torch.where(straight_B1, 1.0, sine_B1)
    arc_BZ = (((1 - share_B1) * angle_B1).sin() / sine_B1) * a_BZ
    arc_BZ = arc_BZ + ((share_B1 * angle_B1).sin() / sine_B1) * b_BZ
    return torch.where(straight_B1, torch.lerp(a_BZ, b_BZ, share_B1), arc_BZ)


@torch.no_grad()
def interpolations(sampler: Sampler, first: int, rows: int, steps: int) -> Tensor:
    """Rows of ``steps`` >= 2 images from one sample to another: uint8 (rows * steps, C, H, W).

    Row r goes from sample ``first + 2 r`` to the next one, both ends included.  Generators with
    a mapping network go straight in w, others along the arc in z.  Without a mapping network a
    label cannot change on the way: a row keeps the label of its first sample.
    """
    draw = _styles_between if isinstance(sampler.generator, StyleGenerator) else _latents_between
    row_B = torch.arange(rows, device=sampler.device).repeat_interleave(steps)
    share_B = torch.linspace(0, 1, steps, device=sampler.device).repeat(rows)
    with evaluating(sampler.generator):
        between = draw(sampler, sampler.inputs(first, 2 * rows))
        return _batched(lambda i_B: between(row_B[i_B], share_B[i_B]), len(row_B), sampler)


@torch.no_grad()
def style_table(sampler: Sampler, first: int, rows: int, columns: int, layers: range) -> Tensor:
    """A style-mixing table (Karras 2019, figure 3): uint8 images, (rows + 1) * (columns + 1) - 1.

    First the ``columns`` sources of the head line, then each row's source and its cells.  Cell
    (r, c) has the styles of ``layers`` from the source above it and the others from the source
    at its left.  Samples ``first`` .. are the sources at the left, those after them the head
    line.  Raises :class:`UnsupportedError` for a generator without styles.
    """
    generator = sampler.generator
    if not isinstance(generator, StyleGenerator):
        raise UnsupportedError("the generator has no styles to mix")
    with evaluating(generator):
        w_BLW = generator.styles(*sampler.inputs(first, rows + columns), sampler.truncation)
        lines, places = (None, *range(rows)), (None, *range(columns))
        pairs = [(row, column) for row in lines for column in places][1:]
        table = torch.stack([_mixed(w_BLW, r, c, rows, layers) for r, c in pairs])
        return _batched(lambda i_B: generator.synthesis(table[i_B]), len(table), sampler)


def parse_layers(text: str, layers: int) -> range:
    """``coarse``, ``middle``, ``fine`` or ``A-B`` (or ``A``) as numbers of ``layers`` layers.

    Numbers count from 0 and include both ends.  Coarse are the sizes of 4 and 8 pixels, middle
    16 and 32, fine the rest (Karras 2019).  Raises :class:`UserError` where there are no such
    layers.
    """
    named = {
        "coarse": range(min(COARSE, layers - 1)),
        "middle": range(COARSE, min(2 * COARSE, layers)),
        "fine": range(2 * COARSE, layers),
    }
    chosen = named.get(text) if text in named else _numbered(text)
    if not chosen or chosen.stop > layers:
        raise UserError(
            f"--layers {text}: the generator has the layers 0-{layers - 1}; allowed: A-B of "
            f"them, {', '.join(name for name, numbers in named.items() if numbers)}"
        )
    return chosen


def _numbered(text: str) -> range | None:
    match = re.fullmatch(r"([0-9]{1,4})(?:-([0-9]{1,4}))?", text)
    return range(int(match[1]), int(match[2] or match[1]) + 1) if match else None


def _styles_between(sampler: Sampler, inputs: Inputs) -> Between:
    generator = sampler.generator
    assert isinstance(generator, StyleGenerator)
    w_BLW = generator.styles(*inputs, sampler.truncation)
    return lambda row_B, share_B: generator.synthesis(
        torch.lerp(w_BLW[2 * row_B], w_BLW[2 * row_B + 1], share_B[:, None, None])
    )


def _latents_between(sampler: Sampler, inputs: Inputs) -> Between:
    z_BZ, y_B = inputs
    return lambda row_B, share_B: sampler.generator.draw(
        slerp(z_BZ[2 * row_B], z_BZ[2 * row_B + 1], share_B),
        None if y_B is None else y_B[2 * row_B],
        sampler.truncation,
    )


def _mixed(w_BLW: Tensor, row: int | None, column: int | None, rows: int, layers: range) -> Tensor:
    """Styles (L, W) of one cell; None stands for the head line or the first column."""
    if row is None or column is None:
        return w_BLW[row if row is not None else rows + (column or 0)]
    w_LW = w_BLW[row].clone()
    taken = slice(layers.start, layers.stop)
    w_LW[taken] = w_BLW[rows + column, taken]
    return w_LW


def _batched(draw: Callable[[Tensor], Tensor], count: int, sampler: Sampler) -> Tensor:
    """uint8 images of ``draw(indices)``, ``sampler.batch`` at a time."""
    indices = torch.arange(count, device=sampler.device)
    return torch.cat([sampler.pixels(draw(i_B)) for i_B in indices.split(sampler.batch)])
