"""URLs of databases, without their passwords."""

from __future__ import annotations

import os
import re

PASSWORD = "ANIMESEARCH_STORAGE_PASSWORD"
"""Environment variable with the password of the study's database: a space file is copied into the
run folder, which is made to be shared."""
_IN_ADDRESS = re.compile(r"(://[^\s:/@]*):[^\s@]*@")
_IN_QUERY = re.compile(r"([?&](?:password|passwd|pwd)=)[^\s&]+", re.IGNORECASE)


def has_password(url: str) -> bool:
    """Whether a database's URL holds a password."""
    return hidden(url) != url


def hidden(text: str) -> str:
    """``text`` with ``***`` for the passwords of URLs in it, and for that of the environment."""
    text = _IN_QUERY.sub(r"\1***", _IN_ADDRESS.sub(r"\1:***@", text))
    password = os.environ.get(PASSWORD)
    return text.replace(password, "***") if password else text
