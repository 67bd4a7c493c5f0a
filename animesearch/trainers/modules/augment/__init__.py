"""Differentiable changes of images for what D sees."""
