"""Progress of the work before a race."""

from __future__ import annotations

import io

from rich.console import Console

from animesearch.results.stages import stages


def test_a_log_file_gets_the_start_and_the_end_once() -> None:
    target = Console(width=100, file=io.StringIO(), force_terminal=False)
    with stages(target) as stage:
        for done in range(0, 4001, 100):
            stage("packing [bold]images[/bold]", done, 4000)
        stage("packing [bold]images[/bold]", 4000, 4000)
    text: str = target.file.getvalue()  # type: ignore[attr-defined]
    assert [line.split(maxsplit=1)[1] for line in text.splitlines()] == [
        "packing [bold]images[/bold]: 0 of 4,000",
        "packing [bold]images[/bold]: 4,000 of 4,000 in 0 s",
    ]


def test_a_stage_of_unknown_length_is_told() -> None:
    target = Console(width=100, file=io.StringIO(), force_terminal=False)
    with stages(target) as stage:
        stage("reading", 5000, 0)
    assert "reading: 5,000" in target.file.getvalue()  # type: ignore[attr-defined]
