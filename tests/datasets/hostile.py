"""What stands beside malformed images: good ones, harmless damage, odd names, entries that are no
files, and archives that lie.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
import struct
import zlib
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from animesearch.datasets.reasons import Reason
from animesearch.datasets.walk import MAX_DEPTH
from tests.datasets.malformed import (
    SUFFIXES,
    frame_of,
    originals,
    patched,
    picture,
    riff,
    without_segment,
)
from tests.datasets.malformed_png import END, HEAD, LINK, Reasons, chunk, png_of
from tests.datasets.pictures import encoded, noise, png

EDGE: Final = 16
"""Edge of the good images, which are packed as they are."""
WAYS: Final[dict[str, tuple[str, dict[str, object]]]] = {
    "png": ("PNG", {}), "jpg": ("JPEG", {"quality": 90}), "webp": ("WEBP", {"lossless": True}),
    "gif": ("GIF", {}), "bmp": ("BMP", {}),
}  # fmt: skip


def good() -> dict[str, bytes]:
    """Whole images of every format; the names of some lie about it."""
    found = {}
    for seed in range(25):
        kind, options = WAYS[SUFFIXES[seed % 5]]
        suffix = SUFFIXES[(seed + seed // 20) % 5]
        found[f"good-{seed:02d}.{suffix}"] = encoded(picture(seed, EDGE), kind, **options)
    return found


def plainly(data: bytes) -> NDArray[np.uint8]:
    """The pixels (H, W, 3) as Pillow alone gives them."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


ODD_NAMES: Final = (
    "new\nline.png", "tab\there.png", "-rf", " spaces .png ", "...", "名前.png", "a" * 240 + ".png",
    "%2e%2e%2fup.png", "<script>alert(1)</script>.png".replace("/", "_"), "'; drop table x.png",
    '"quoted".png', "back\\slash.png", "no suffix", "*?[x].png", "\u202egnp.png", "~.png", "$HOME",
    "\x1b[31mred.png", "\x7f\x01.png",
)  # fmt: skip


def oddly_named() -> dict[str, bytes]:
    """Good images under names that are hard on whoever prints, sorts or encodes them."""
    return {name: png(100 + place, EDGE, EDGE) for place, name in enumerate(ODD_NAMES)}


def _in_exif(*entries: bytes, following: int = 8) -> bytes:
    """EXIF with these entries of its first directory; ``following`` is where the next one lies."""
    count = struct.pack("<H", len(entries))
    return b"II*\0\x08\0\0\0" + count + b"".join(entries) + struct.pack("<I", following)


def _pointer(tag: int, place: int) -> bytes:
    return struct.pack("<HHII", tag, 4, 1, place)


def _segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def _loops() -> dict[str, bytes]:
    """Directories of EXIF that lead back to themselves."""
    return {
        "next": _in_exif(following=8), "inner": _in_exif(_pointer(0x8769, 8)),
        "all": _in_exif(*(_pointer(tag, 8) for tag in (0x8769, 0x8825, 0xA005, 0x014A))),
        "outside": _in_exif(_pointer(0x8769, 2**32 - 1), following=2**32 - 1),
        "many": _in_exif()[:8] + b"\xff\xff",
    }  # fmt: skip


def harmless() -> dict[str, tuple[bytes, bytes]]:
    """Damage that costs no pixel: the file, and a whole one with the same pixels."""
    first = {
        suffix: encoded(picture(60, EDGE), kind, **how) for suffix, (kind, how) in WAYS.items()
    }
    jpeg, plain = first["jpg"], first["png"]
    found = {f"tail.{suffix}": (data + b"\0junk" * 9, data) for suffix, data in first.items()}
    for name, exif in _loops().items():
        segment = _segment(0xE1, b"Exif\0\0" + exif)
        found[f"exif-{name}.jpg"] = (jpeg[:2] + segment + jpeg[2:], jpeg)
        found[f"exif-{name}.png"] = (plain[:33] + chunk(b"eXIf", exif) + plain[33:], plain)
    views = _segment(0xE2, b"MPF\0" + _in_exif(_pointer(0xB001, 9), following=8))
    found["views.jpg"] = (jpeg[:2] + views + jpeg[2:], jpeg)
    found["no-tables.jpg"] = (without_segment(jpeg, 0xC4), jpeg)  # those of the standard then hold
    found["profile.png"] = (plain[:33] + chunk(b"iCCP", b"x\0\0junk") + plain[33:], plain)
    found["no-end.png"] = (plain[: -len(END)], plain)
    found["second.gif"] = (first["gif"][:-1] + frame_of((0, 0, 16, 16), b"\xff" * 9), first["gif"])
    found["second-cut.gif"] = (first["gif"][:-1] + b"!\xf9\x04\0\0\0", first["gif"])
    return {**found, **_second_frames()}


def _second_frames() -> dict[str, tuple[bytes, bytes]]:
    """Animations of which the first frame is whole."""
    frames = [picture(61, EDGE), picture(62, EDGE)]
    moving = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:])
    second = moving.index(b"fdAT") - 4
    broken = moving[:second] + chunk(b"fdAT", b"\0\0\0\2junk", 7) + END
    other = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    place = other.rindex(b"VP8L") + 8
    still = encoded(frames[0])
    return {
        "second.png": (broken, still), "second-cut.png": (moving[: second + 20], still),
        "second.webp": (patched(other, place + 5, b"\xff" * 40), still),
    }  # fmt: skip


def doubtful() -> dict[str, bytes]:
    """Damage that the format cannot show, or of which nothing need follow: any answer will do."""
    cmyk = originals()["cmyk.jpg"]
    marker = cmyk.index(b"Adobe")
    gif = originals()["plain.gif"]
    jpeg = originals()["base.jpg"]
    frame = jpeg.index(b"\xff\xc0")
    return {
        "adobe-transform.jpg": patched(cmyk, marker + 11, b"\x09"),
        "adobe-name.jpg": patched(cmyk, marker, b"adobe"),
        "adobe-length.jpg": patched(cmyk, marker - 2, b"\0\x05"),
        "adobe-missing.jpg": without_segment(cmyk, 0xEE),
        "code-size-0.gif": patched(gif, gif.index(b",", 13 + 768) + 10, b"\0"),
        "ends-early.jpg": jpeg[: len(jpeg) // 2] + b"\xff\xd9",
        "taller.jpg": patched(jpeg, frame + 5, struct.pack(">H", 144)),
        "noise-inside.jpg": patched(jpeg, len(jpeg) // 2, noise(5).tobytes()[:300]),
        "long-alpha.png": png_of(HEAD, chunk(b"tRNS", bytes(900)), *_black(), END),
        "flat.webp": riff((b"VP8L", b"\x2f" + bytes(30))),
    }  # fmt: skip


def _black() -> tuple[bytes]:
    return (chunk(b"IDAT", zlib.compress(bytes(4 * 13))),)


def add_entries(root: Path) -> dict[str, Reasons]:
    """Links, loops, pipes, devices and depths below a folder: the starts of names, and reasons."""
    outside = root.parent / f"{root.name}-outside"
    outside.mkdir()
    (outside / "secret.png").write_bytes(png(99))
    links = {
        "link-out.png": outside / "secret.png", "link-up": root.parent, "link-self": "link-self",
        "link-nowhere.png": "nothing", "link-a": "link-b", "link-b": "link-a", "link-root": root,
        "link-zeros.png": "/dev/zero", "link-here.png": "good-00.png", "link-folder": outside,
    }  # fmt: skip
    for name, target in links.items():
        (root / name).symlink_to(target)
    found = dict.fromkeys(links, LINK)
    found |= _no_files(root)
    found |= _depths(root)
    return found | _not_to_be_read(root)


def _no_files(root: Path) -> dict[str, Reasons]:
    os.mkfifo(root / "pipe.png")
    os.mknod(root / "socket.png", stat.S_IFSOCK | 0o600)
    names = ["pipe.png", "socket.png"]
    with contextlib.suppress(PermissionError):  # only root makes devices
        os.mknod(root / "zeros.png", stat.S_IFCHR | 0o600, os.makedev(1, 5))
        names.append("zeros.png")
    return dict.fromkeys(names, frozenset({Reason.NOT_A_FILE}))


def _depths(root: Path) -> dict[str, Reasons]:
    """300 folders in each other, and 20 whose path is longer than the system takes."""
    deep = "/".join(["deep"] * 300)
    (root / deep).mkdir(parents=True)
    (root / deep / "x.png").write_bytes(png(98))
    here = os.open(root, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("long" * 60, dir_fd=here)
        below = os.open("long" * 60, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    return {
        "/".join(["deep"] * (MAX_DEPTH + 1)): frozenset({Reason.TOO_DEEP}),
        "long" * 60: frozenset({Reason.UNREADABLE}),
    }


def _not_to_be_read(root: Path) -> dict[str, Reasons]:
    """A file that declares more than it may (nothing of it is on the disk), and locked ones."""
    with (root / "sparse.png").open("wb") as file:
        file.truncate(300 << 30)
    found = {"sparse.png": frozenset({Reason.TOO_MANY_BYTES})}
    if os.geteuid() == 0:  # whom nothing is locked to
        return found
    (root / "locked.png").write_bytes(png(97))
    (root / "locked.png").chmod(0)
    (root / "locked").mkdir(mode=0)
    return found | dict.fromkeys(("locked.png", "locked"), frozenset({Reason.UNREADABLE}))
