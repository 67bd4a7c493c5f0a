"""The smallest real search: real images, real training, real scores, in seconds."""

from __future__ import annotations

from pathlib import Path

SPACE = """
name: small
seed: 3
dataset: {source: {name: faces, count: 96}, size: 16}
trial:
  architecture:
    choice:
      - {name: penn-dcgan, width: 4, latent: 8}
      - {name: progan, width: 4, latent: 8}
  loss: {choice: [ns, lsgan]}
  generator: {lr: {loguniform: [1.0e-4, 1.0e-3]}}
  batch: 16
metric: {features: random, samples: 48}
search:
  trials: 4
  images: 512
  scheduler: {name: asha, first_rung: 128}
  resources: {concurrency: 1, cpu: 1}
  grid: [2, 3]
"""


def write_space(folder: Path, text: str = SPACE) -> Path:
    """The space file, in a folder that may not exist yet."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "small.yaml"
    path.write_text(text)
    return path
