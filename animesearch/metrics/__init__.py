"""Metrics of generators, usable without training: features, Fréchet distance, verdicts."""
