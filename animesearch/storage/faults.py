"""Faults of disks and stores: which of them waiting mends, and how they are told."""

from __future__ import annotations

import errno
import os
import re
from typing import Final

PASSING: Final = frozenset({
    errno.ENOSPC, errno.EDQUOT, errno.ESTALE, errno.EREMOTEIO, errno.ETIMEDOUT, errno.EAGAIN,
    errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE, errno.ENETDOWN,
    errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENOLINK,
})  # fmt: skip
"""A full disk, a quota, a file server or a network that is away."""
NEVER: Final = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
FULL: Final = re.compile(
    r"quota|storage.?full|insufficient.?storage|HTTP status 507|no space", re.IGNORECASE
)
SKEWED: Final = re.compile(r"time.?too.?skewed", re.IGNORECASE)
"""A clock that is wrong may be set right."""
LASTING: Final = re.compile(
    r"ACCESS_DENIED|NO_SUCH_(BUCKET|KEY)|INVALID_ACCESS_KEY|SIGNATURE|PERMISSION|UNAUTHENTICATED"
    r"|NOT_FOUND|Unable to load lib|: Permanent error,"
    r"|HTTP (response code|status) (400|401|403|404)",
    re.IGNORECASE,
)
"""What no repetition mends."""
SECRETS: Final = re.compile(
    r"SECRET|TOKEN(?!IZERS)|PASSWORD|PASSWD|_PWD|(API|ACCESS|ACCOUNT|STORAGE)_KEY|CREDENTIAL"
)
"""Names of environment variables whose values never stand in a message."""
_USER: Final = re.compile(r"//[^/@\s'\"]+@")
_GOOGLE: Final = re.compile(
    r"google::cloud::Status\((\w+): .*?last message of (.*?)(?: The request was not sent.*?message"
    r" was: (.*?))? error_info=.*"
)
_ANSWER: Final = re.compile(r'\{ ?"error": \{.*?"message": "((?:[^"\\]|\\.)*)".*\}')
"""What Google's client wraps around the words of its service, and the service around its own."""


def told(fault: BaseException) -> str:
    """A fault on one line, without any secret that the environment holds."""
    text = _GOOGLE.sub(r"\1: \2 \3", " ".join(str(fault).split()))
    text = _ANSWER.sub(r"\1", text)
    return without_secrets(text).strip()[:300]


def without_secrets(text: str) -> str:
    """``text`` with ``***`` for the secrets of the environment, and for users in URLs."""
    for name, value in os.environ.items():
        if len(value) >= 4 and SECRETS.search(name.upper()):
            text = text.replace(value, "***")
    return _USER.sub("//***@", text)


def is_passing(fault: BaseException) -> bool:
    """Whether the same request may succeed later."""
    if not isinstance(fault, OSError) or isinstance(fault, NEVER):
        return False
    if fault.errno is not None:
        return fault.errno in PASSING
    text = str(fault)
    if FULL.search(text) or SKEWED.search(text):
        return True
    return LASTING.search(text) is None


def is_full(fault: BaseException) -> bool:
    """Whether there is no room left, on a disk or in a store."""
    code = fault.errno if isinstance(fault, OSError) else None
    return code in {errno.ENOSPC, errno.EDQUOT} or (code is None and bool(FULL.search(str(fault))))
