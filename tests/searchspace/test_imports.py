"""What importing the package may load."""

from __future__ import annotations

import subprocess
import sys

BLOCK = """
import sys
for name in ("torch", "torchvision", "ray", "optuna", "numpy"):
    sys.modules[name] = None
import animesearch.searchspace as s
import tests.searchspace.models as m
space = s.parse_space(m.FULL, "full.yaml", m.File)
space.sample(m.RandomSuggest(0)); s.json_schema(m.File); s.list_spaces()
mine = {n.split(".")[1] for n in sys.modules if n.startswith("animesearch.")}
assert mine == {"searchspace", "registry", "errors"}, mine
"""


def test_neither_torch_nor_ray_nor_optuna() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BLOCK], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
