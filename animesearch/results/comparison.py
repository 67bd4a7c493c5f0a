"""Several runs in one ranking where their scores mean the same, apart where they do not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from animesearch import __version__
from animesearch.results.configurations import RankedConfiguration, rank_together
from animesearch.results.differences import Difference, difference
from animesearch.results.ranking import (
    Run,
    cautions,
    finite_only,
    protocol_id,
    ranking_json,
)
from animesearch.results.records import Phase
from animesearch.results.state import RunState

FRESH: Mapping[Phase, str] = {
    "race": "fresh samples after the race",
    "final": "fresh samples of the runs from new seeds",
}


@dataclass
class Group:
    """Runs whose scores may be sorted together, by their names.

    ``counts`` are the numbers of samples of their fresh scores, which the protocol of the race
    does not tell.
    """

    runs: dict[str, Run] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def protocol(self) -> dict[str, Any]:
        """What the scores of the group mean."""
        info = next(iter(self.runs.values()))[0]
        return {"metric": info.metric, **info.protocol, **self.counts}

    @property
    def protocol_id(self) -> str:
        """Identity of the race's scores of all runs in it."""
        return protocol_id(next(iter(self.runs.values()))[0])

    def takes(self, run: Run) -> bool:
        """Whether the run's scores may be sorted with these."""
        counts = _fresh_counts(run[1])
        shared = counts.keys() & self.counts.keys()
        return protocol_id(run[0]) == self.protocol_id and all(
            counts[name] == self.counts[name] for name in shared
        )

    def add(self, name: str, run: Run) -> None:
        """Take the run in."""
        self.runs[name] = run
        self.counts.update(_fresh_counts(run[1]))

    def ranking(self) -> list[RankedConfiguration]:
        """The configurations of all runs."""
        return rank_together({name: state for name, (_, state) in self.runs.items()})


def group_runs(runs: Mapping[str, Run]) -> list[Group]:
    """The runs by what their scores mean, in the order of their first appearance."""
    groups: list[Group] = []
    for name, run in runs.items():
        group = next((one for one in groups if one.takes(run)), None)
        if group is None:
            group = Group()
            groups.append(group)
        group.add(name, run)
    return groups


def _fresh_counts(state: RunState) -> dict[str, int]:
    """Samples of the fresh scores, the largest of each phase."""
    found: dict[str, int] = {}
    for trial in state.trials.values():
        if trial.rescored is not None:
            name = FRESH[trial.phase]
            found[name] = max(found.get(name, 0), trial.rescored.samples)
    return found


def what_differs(group: Group, from_group: Group) -> list[Difference]:
    """Why two groups stand apart; a count that one of them does not have is no reason."""
    here, there = group.protocol, from_group.protocol
    return [
        one
        for one in difference(here, there)
        if one.path not in FRESH.values() or {one.path} <= here.keys() & there.keys()
    ]


def run_names(folders: Sequence[Path]) -> dict[str, Path]:
    """A short name for each folder: its last part, or as much of its path as tells it apart."""
    resolved = list(dict.fromkeys(folder.resolve() for folder in folders))
    return {
        _tail(folder, [one for one in resolved if one != folder]): folder for folder in resolved
    }


def _tail(folder: Path, others: Iterable[Path]) -> str:
    others = list(others)
    for count in range(1, len(folder.parts)):
        ending = folder.parts[-count:]
        if not any(other.parts[-count:] == ending for other in others):
            return "/".join(ending)
    return str(folder)


def comparison_json(groups: Sequence[Group]) -> dict[str, Any]:
    """All groups as plain JSON with finite numbers only: each with its runs, told one by one."""
    told: dict[str, Any] = finite_only(
        {
            "written_by": f"animesearch {__version__}",
            "groups": [_group_json(group, groups[0]) for group in groups],
        }
    )
    return told


def _group_json(group: Group, first: Group) -> dict[str, Any]:
    ranking = group.ranking()
    infos = {name: info for name, (info, _) in group.runs.items()}
    states = [state for _, state in group.runs.values()]
    return {
        "metric": next(iter(infos.values())).metric,
        "lower_is_better": True,
        "protocol_id": group.protocol_id,
        "protocol": group.protocol,
        "differs": {
            one.path: {"here": one.here, "first": one.there} for one in what_differs(group, first)
        },
        "floors": {name: info.floor for name, info in infos.items()},
        "notes": cautions(states, ranking),
        "configurations": [vars(ranked) for ranked in ranking],
        "runs": {name: ranking_json(*run) for name, run in group.runs.items()},
    }
