"""The command ``animesearch dashboard``: the results in a browser."""

from __future__ import annotations

from typing import Annotated

import typer


def dashboard(
    path: Annotated[
        str,
        typer.Argument(
            metavar="PATH", help="A run folder, a folder of them, or the URI of either (s3://…)."
        ),
    ],
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8300,
    host: Annotated[
        str,
        typer.Option(help="Address to listen on; any but the loopback's asks for a token."),
    ] = "127.0.0.1",
    open_browser: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    token: Annotated[
        str,
        typer.Option(
            metavar="T",
            envvar="ANIMESEARCH_DASHBOARD_TOKEN",
            help="Ask for this token, 16 characters or more; needed elsewhere than on the "
            "loopback, where a new one is made if none is given.",
        ),
    ] = "",
) -> None:
    """Show rankings, grids and trials in a browser, during a search and after it.

    Reads only; needs neither torch nor Ray, and a copied run folder is enough.  Of a run
    at a URI everything but the checkpoints is kept up to date in the cache.
    """
    from animesearch.results.web.server import Binding, serve

    def ready(address: str) -> None:
        typer.echo(f"dashboard: {address}  (Ctrl-C ends it)")
        if open_browser:
            typer.launch(address)

    serve(path, Binding(host, port, token), ready)
