"""Noise and dropout in any discriminator, by hooks: the network itself stays as it is."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from animesearch.trainers.config import NoiseOptions
from animesearch.trainers.modules.constraints import weighted_layers
from animesearch.trainers.modules.networks import Discriminator


class DiscriminatorNoise:
    """Gaussian noise on D's images, noise and dropout on its layers' outputs (M4 of the seeds).

    Images: instance noise (Sønderby 2017, arXiv:1610.04490; Arjovsky 2017), the same mechanism
    for reals and fakes, as it sits at D's entrance.  Layers: noise, then dropout, on what each of
    :func:`noisy_layers` gives, before its normalisation and activation; whole channels of feature
    maps (Tompson 2015, arXiv:1411.4280) and single units of dense layers become 0, and what stays
    is divided by the share that stays.  All of it happens within D's ``forward`` in training mode
    only.  Random numbers come from torch's global state of the device.

    With all three options at 0 nothing is attached.  Neither parameters nor buffers are added,
    and the strength follows from the number of images shown: a checkpoint needs nothing of this.
    """

    def __init__(self, discriminator: Discriminator, options: NoiseOptions) -> None:
        self.options, self.strength = options, 1.0
        self._inside = False
        self._handles: list[RemovableHandle] = []
        if options.images:
            self._handles.append(discriminator.register_forward_pre_hook(self._on_images))
        if options.layers or options.dropout:
            self._attach(discriminator)

    def set_progress(self, images: int, budget: int) -> None:
        """Strength 1 at the start, linearly to 0 at ``until`` of ``budget``; ``until`` 1: always 1.

        Standard deviations and share of dropout are all multiplied by it.
        """
        until = self.options.until
        self.strength = 1.0 if until == 1 else max(0.0, 1 - images / (until * budget))

    def remove(self) -> None:
        """Take all hooks off."""
        while self._handles:
            self._handles.pop().remove()

    def _attach(self, discriminator: Discriminator) -> None:
        self._handles.append(discriminator.register_forward_pre_hook(self._enter))
        leave = discriminator.register_forward_hook(self._leave, always_call=True)
        self._handles.append(leave)
        for layer in noisy_layers(discriminator):
            self._handles.append(layer.register_forward_hook(self._on_layer))

    def _enter(self, _module: nn.Module, _args: tuple[Any, ...]) -> None:
        self._inside = True

    def _leave(self, _module: nn.Module, _args: tuple[Any, ...], _output: object) -> None:
        self._inside = False

    def _on_images(self, module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments of D's ``forward``, images first; labels stay as they are."""
        x_BCHW, *others = args
        spread = self.options.images * self.strength if module.training else 0.0
        return noisy(x_BCHW, spread), *others

    def _on_layer(self, module: nn.Module, _args: tuple[Any, ...], output: Tensor) -> Tensor:
        # Layers may be used outside ``forward`` too, for a term of the design's own.
        if not (self._inside and module.training):
            return output
        x = noisy(output, self.options.layers * self.strength)
        return dropped(x, self.options.dropout * self.strength)


def noisy_layers(discriminator: nn.Module) -> list[nn.Module]:
    """Convolutions and dense layers of D whose output is not its verdict.

    Left out are the layer that was registered last and every layer with a single output unit.
    The first is what gives the logits (or the reconstruction, where D is an autoencoder) wherever
    layers are made in the order of their use; the second finds it in any order, and further heads
    beside it, and one channel is nothing that a part could be dropped of.  Embeddings of labels
    are no layers in this sense.
    """
    layers = weighted_layers(discriminator)
    return [layer for layer in layers[:-1] if _units(layer) > 1]


def noisy(x: Tensor, spread: float) -> Tensor:
    """``x`` plus Gaussian noise of standard deviation ``spread``; ``x`` itself for 0."""
    return x + spread * torch.randn_like(x) if spread else x


def dropped(x: Tensor, share: float) -> Tensor:
    """``share`` (below 1) set to 0, the rest divided by ``1 - share``; ``x`` itself for 0.

    Of (B, C, H, W) whole channels of an image are set to 0, otherwise single numbers.
    """
    if not share:
        return x
    shape = (*x.shape[:2], 1, 1) if x.ndim == 4 else x.shape
    return x * x.new_empty(shape).bernoulli_(1 - share).div_(1 - share)


def _units(layer: nn.Module) -> int:
    return int(layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels)  # type: ignore[arg-type]
