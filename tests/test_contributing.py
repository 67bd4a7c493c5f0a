"""The example of CONTRIBUTING.md is a loss that works as it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

CHECK = """
import torch
from animesearch.trainers.losses import LOSSES
from animesearch.trainers.config import TrialConfig

loss = TrialConfig.model_validate({"architecture": "penn-dcgan", "loss": "pearson"}).loss.build()
real, fake = torch.tensor([2.0, 0.5]), torch.tensor([-2.0, 1.0])
assert loss.d_loss(real, fake).item() == ((1.0 - 2.0) + (0.25 + 1.0)) / 2 - 2.5 / 2
assert loss.g_loss(fake).item() == 0.5
assert "pearson" in LOSSES.names()
"""


def test_the_loss_of_the_page_works() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text()
    code = page.split("```python\n")[1].split("```")[0]
    done = subprocess.run(
        [sys.executable, "-c", code + CHECK],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
