"""What a trial is and how it trains: configuration, losses, architectures, the loop.

Importing this package, :mod:`~animesearch.trainers.config` or a registry does not import torch;
:mod:`~animesearch.trainers.loop` does.
"""
