"""What is tried again, for how long, and what is said meanwhile."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from animesearch.errors import UserError
from animesearch.storage.faults import is_full, is_passing, told
from animesearch.storage.patience import PAUSE, Patience, Pauses, usual_pauses
from tests.storage.clocks import Clock, patient

LOST = OSError("AWS Error NETWORK_CONNECTION during PutObject operation")


class Failing:
    """Fails as often as it is told to."""

    def __init__(self, times: int, fault: Exception = LOST) -> None:
        self.calls, self._times, self._fault = 0, times, fault

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self._times:
            raise self._fault
        return "fine"


def test_a_short_fault_is_not_told() -> None:
    clock, said = Clock(), list[str]()
    call = Failing(2)
    assert patient(clock, said)(call, "writing x") == "fine"
    assert (call.calls, clock.slept, said) == (3, [1.0, 2.0], [])


def test_without_anybody_to_tell_it_gives_up() -> None:
    clock, call = Clock(), Failing(99)
    with pytest.raises(OSError, match="NETWORK_CONNECTION"):
        patient(clock)(call, "writing x")
    assert call.calls == 3


def test_a_long_fault_is_waited_for_and_told_at_the_doubles() -> None:
    clock, said = Clock(), list[str]()
    assert patient(clock, said)(Failing(2 + 10), "writing x") == "fine"
    assert clock.slept == [1.0, 2.0, *[30.0] * 10]
    assert len(said) == 5  # at 0, 60, 120 and 240 s, and at the end
    assert said[0].startswith("storage is lost, writing x failed: AWS Error NETWORK_CONNECTION")
    assert "trying again every 30 s" in said[0]
    assert said[1].startswith("storage is lost for 60 s")
    assert said[-1] == "writing x works again after 300 s"


def test_an_attempt_that_timed_out_is_told_at_once() -> None:
    """Each takes 40 s: there are no quick ones after the first, and without anybody to tell no
    second one."""
    said, clock = list[str](), Clock()

    def slow(failing: Failing) -> Callable[[], str]:
        def call() -> str:
            clock.now += 40.0
            return failing()

        return call

    assert patient(clock, said)(slow(Failing(3)), "writing x") == "fine"
    assert clock.slept == [30.0] * 3
    assert said[0].startswith("storage is lost for 40 s") and said[-1].endswith("after 250 s")
    alone = Failing(9)
    with pytest.raises(OSError, match="NETWORK"):
        patient(clock)(slow(alone), "writing x")
    assert (alone.calls, clock.slept) == (1, [30.0] * 3)


def test_a_full_disk_is_called_so() -> None:
    said = list[str]()
    fault = OSError(errno.ENOSPC, "No space left on device")
    patient(Clock(), said)(Failing(4, fault), "writing x")
    assert said[0].startswith("no room left, writing x failed")


def test_a_hurry_ends_the_waiting() -> None:
    said = list[str]()
    patience = patient(Clock(), said)
    patience.hurry()
    with pytest.raises(OSError, match="NETWORK"):
        patience(Failing(99), "writing x")
    assert said == []


def test_whoever_is_asked_at_each_attempt_may_end_it() -> None:
    asked = []

    def every() -> None:
        asked.append(1)
        if len(asked) == 3:
            raise StopIteration

    patience = patient(Clock(), [])
    patience.every = every
    with pytest.raises(StopIteration):
        patience(Failing(99), "writing x")


@pytest.mark.parametrize(
    "fault",
    [
        FileNotFoundError(errno.ENOENT, "x"), PermissionError(errno.EACCES, "x"),
        OSError(errno.EROFS, "x"), OSError(errno.EFBIG, "x"), OSError(errno.EIO, "x"),
        OSError("AWS Error ACCESS_DENIED during x"), OSError("AWS Error NO_SUCH_BUCKET during x"),
        OSError("AWS Error UNKNOWN (HTTP status 400) during x"), ValueError("x"),
        OSError("google::cloud::Status(INVALID_ARGUMENT: Permanent error, with x"),
    ],
)  # fmt: skip
def test_what_waiting_does_not_mend(fault: Exception) -> None:
    assert not is_passing(fault)
    clock, call = Clock(), Failing(9, fault)
    with pytest.raises(type(fault)):
        patient(clock, [])(call, "writing x")
    assert (call.calls, clock.slept) == (1, [])


@pytest.mark.parametrize(
    ("fault", "full"),
    [
        (OSError(errno.ENOSPC, "x"), True), (OSError(errno.EDQUOT, "x"), True),
        (OSError(errno.ESTALE, "x"), False), (OSError(errno.ECONNREFUSED, "x"), False),
        (OSError("AWS Error SLOW_DOWN during x"), False),
        (OSError("AWS Error UNKNOWN (HTTP status 507) during x"), True),
        (OSError("AWS Error ACCESS_DENIED: QuotaExceeded"), True),
        (OSError("AWS Error REQUEST_TIME_TOO_SKEWED (HTTP status 403)"), False),
        (OSError("AWS Error NO_SUCH_UPLOAD during CompleteMultipartUpload"), False),
        (OSError("google::cloud::Status(UNAVAILABLE: Retry policy exhausted, with x"), False),
    ],
)  # fmt: skip
def test_what_waiting_mends(fault: OSError, full: bool) -> None:
    assert is_passing(fault)
    assert is_full(fault) is full


def test_secrets_of_the_environment_stand_in_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "abc")
    text = told(OSError("denied\nfor wJalrXUtnFEMI of abc at http://me:pass@host/x"))
    assert text == "denied for *** of abc at http://***@host/x"


def test_of_google_only_its_own_words_are_told() -> None:
    """What its client and its service wrap around them is left out, and repeats all of it."""
    answer = '{\n "error": {\n  "code": 403,\n  "message": "me may not \\"x\\"",\n "errors": []}}'
    wrapped = "Permanent error, with a last message of {} error_info={{reason=, metadata={{x}}}}"
    inner = wrapped.format(answer)
    text = told(OSError(13, f"google::cloud::Status(PERMISSION_DENIED: {inner}). Detail: errno 13"))
    assert text == '[Errno 13] PERMISSION_DENIED: me may not \\"x\\"'
    token = (
        "Could not create a OAuth2 access token. The request was not sent, as x. "
        "The underlying error message was: Cannot open credentials file x"
    )
    text = told(OSError(f"google::cloud::Status(UNKNOWN: {wrapped.format(token)})"))
    assert text == (
        "UNKNOWN: Could not create a OAuth2 access token. Cannot open credentials file x"
    )


def test_the_pause_is_an_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PAUSE, "1")
    assert usual_pauses() == Pauses((0.5, 1.0, 1.0), 1.0)
    monkeypatch.setenv(PAUSE, "soon")
    with pytest.raises(UserError, match="ANIMESEARCH_STORAGE_PAUSE is 'soon'"):
        usual_pauses()
    monkeypatch.delenv(PAUSE)
    assert Patience().pauses == Pauses((0.5, 2.0, 6.0), 30.0)


def test_a_really_full_disk_is_waited_for(small_disk: Path) -> None:
    """A file system of 1 MB, filled; space is made while somebody waits."""
    ballast, said = small_disk / "ballast", list[str]()
    with ballast.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(bytes(65536))
    clock = Clock(then=lambda count: ballast.unlink() if count == 5 else None)
    target = small_disk / "x"
    patient(clock, said)(lambda: target.write_bytes(bytes(200_000)), "writing x")
    assert target.stat().st_size == 200_000
    assert said[0].startswith("no room left, writing x failed") and "works again" in said[-1]
    assert [path.name for path in small_disk.iterdir()] == ["x"]
