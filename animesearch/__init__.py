"""Distributed hyperparameter search for GANs that draw anime and comic faces."""

__version__ = "0.1.0"
