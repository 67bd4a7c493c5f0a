"""The networks of a trial: an architecture, with what the trial's options do to any of them."""

from __future__ import annotations

from animesearch.trainers.config import TrialConfig
from animesearch.trainers.modules.networks import Networks
from animesearch.trainers.modules.spectral import normalise_spectrally


def build_networks(config: TrialConfig, size: int, channels: int, classes: int = 0) -> Networks:
    """Freshly initialised networks, from torch's current random state.

    Raises :class:`UnsupportedError` where the architecture has no such images.
    """
    networks = config.architecture.build(size, channels, classes)
    if config.spectral_norm == "both":
        normalise_spectrally(networks.generator)
    if config.spectral_norm != "none":
        normalise_spectrally(networks.discriminator)
    return networks
