"""The option that says where a source lies: a path on this machine, or a URI."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from animesearch.errors import DataError, StorageError
from animesearch.storage import places


def check_place(place: str) -> str:
    """As :func:`animesearch.storage.places.check_place`, for data.

    Raises ``ValueError`` for a URI that cannot be opened, and :class:`DataError` for one that
    holds credentials: pydantic would repeat the value of a ``ValueError``.
    """
    try:
        return places.check_place(place)
    except StorageError as fault:
        raise DataError(str(fault)) from None


Place = Annotated[str, Field(min_length=1, pattern=r"^[^\x00]*$"), AfterValidator(check_place)]
"""Type of an option that says where a source lies."""
