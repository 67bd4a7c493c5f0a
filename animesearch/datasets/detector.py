"""Anime faces in an image, by the library that the package ``animeface`` ships.

The detector and its network are libnvxs 1.0.2 (nagadomi's AnimeFace, 2009), compiled into
``animeface`` 2.0 (Apache-2.0, nothing is downloaded).  The package's own Python function reads
Pillow's internal structures as they were in Pillow 4: under Pillow 12 and later it reads wrong
memory and finds no face anywhere.  So its C functions are called here directly, with arrays of
our own; their structures are checked before the first use.
"""

from __future__ import annotations

import ctypes
import functools
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from animesearch.errors import UnsupportedError

EXTRA: Final = "faces"
PADDING: Final = 0.3
"""What is added on each side, in longer edges: the detector looks for faces of at most three
quarters of the image, and crops are often filled by theirs."""
STEP, GROWTH, LEAST_WINDOW = 4.0, 1.095, 42.592
"""The detector's stride, its scale factor and its smallest face, in pixels: its own defaults."""
EDGE_LEVEL: Final = 4.0
SECOND_LOOK: Final = 0.7
"""Soft drawings have too few edges at a large size; small, they show a face."""
MOST: Final = 1024
"""Faces that are asked for at most."""


@dataclass(frozen=True)
class Face:
    """A face: how sure the detector is (0.5..1), and its square (left, top, right, bottom).

    The square goes from the brows to the chin, in pixels of the image; it may reach beyond it.
    """

    likelihood: float
    box: tuple[int, int, int, int]


class _Matrix(ctypes.Structure):
    """``nv_matrix_t``: rows and columns of ``n`` floats each."""

    _fields_ = (
        ("list", ctypes.c_int),
        ("list_step", ctypes.c_uint),
        ("n", ctypes.c_int),
        ("m", ctypes.c_int),
        ("rows", ctypes.c_int),
        ("cols", ctypes.c_int),
        ("step", ctypes.c_int),
        ("alias", ctypes.c_int),
        ("values", ctypes.POINTER(ctypes.c_float)),
    )


class _Rectangle(ctypes.Structure):
    """``nv_rect_t``."""

    _fields_ = tuple((name, ctypes.c_int) for name in ("x", "y", "width", "height"))


class _Position(ctypes.Structure):
    """``nv_face_position_t``."""

    _fields_ = (
        ("likelihood", ctypes.c_float),
        ("face", _Rectangle),
        ("parts", _Rectangle * 5),
    )


@functools.cache
def library() -> ctypes.CDLL:
    """The compiled functions; :class:`UnsupportedError` where they are missing or others."""
    try:
        from animeface import _nvxs
    except ImportError as error:
        raise UnsupportedError(
            f"step 'faces' needs the package animeface: pip install 'animesearch[{EXTRA}]'"
        ) from error
    try:
        nvxs = ctypes.CDLL(_nvxs.__file__)
        nvxs.nv_matrix3d_alloc.restype = ctypes.POINTER(_Matrix)
        found = nvxs.nv_matrix3d_alloc(3, 5, 7)
        fields = [getattr(found.contents, name) for name, *_ in _Matrix._fields_[:8]]
        nvxs.nv_matrix_free(ctypes.byref(found))
    except (OSError, AttributeError) as error:
        raise UnsupportedError(f"this build of animeface cannot be used: {error}") from error
    if fields != [1, 105, 3, 35, 5, 7, 3, 0]:
        raise UnsupportedError(
            f"this build of animeface cannot be used: its matrices are {fields}; 2.0.3 can"
        )
    return nvxs


def faces_in(image: Image.Image, edge: int) -> list[Face]:
    """All faces in an image (RGB), the surest first.

    They are looked for at a longer edge of ``edge`` pixels: the least face is 43 pixels there;
    if there is none, once more at :data:`SECOND_LOOK` of it.
    """
    stretched = ImageOps.autocontrast(image, cutoff=1, preserve_tone=True)
    return _looked_for(stretched, edge) or _looked_for(stretched, round(SECOND_LOOK * edge))


def _looked_for(image: Image.Image, edge: int) -> list[Face]:
    scale = edge / max(image.size)
    border = round(edge * PADDING)
    faces = []
    for position in _detect(_prepared(image, scale, border)):
        square = position.face
        corners = (square.x, square.y, square.x + square.width, square.y + square.height)
        left, top, right, bottom = (round((corner - border) / scale) for corner in corners)
        faces.append(Face(float(position.likelihood), (left, top, right, bottom)))
    return sorted(faces, key=lambda face: (-face.likelihood, face.box))


def _prepared(image: Image.Image, scale: float, border: int) -> NDArray[np.uint8]:
    """Resized, with the outermost pixels repeated around it."""
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    small = np.asarray(image.resize(size, Image.Resampling.BICUBIC))
    return np.pad(small, ((border, border), (border, border), (0, 0)), "edge")


def _detect(pixels_HWC: NDArray[np.uint8]) -> list[_Position]:
    nvxs = library()
    height, width = pixels_HWC.shape[:2]
    bgr = np.ascontiguousarray(pixels_HWC[..., ::-1], dtype=np.float32)
    grey, smooth, edges = (np.zeros((height, width, 1), np.float32) for _ in range(3))
    grey_sums, edge_sums = (np.zeros((height + 1, width + 1, 1), np.float32) for _ in range(2))
    nvxs.nv_gray(_matrix(grey), _matrix(bgr))
    nvxs.nv_gaussian5x5(_matrix(smooth), 0, _matrix(grey), 0)
    nvxs.nv_laplacian1(_matrix(edges), _matrix(smooth), ctypes.c_float(EDGE_LEVEL))
    nvxs.nv_integral(_matrix(grey_sums), _matrix(grey), 0)
    nvxs.nv_integral(_matrix(edge_sums), _matrix(edges), 0)
    positions = (_Position * MOST)()
    networks = (ctypes.c_void_p * 2)(
        *(ctypes.addressof(_network(nvxs, f"face_0{number}")) for number in (1, 2))
    )
    count = nvxs.nv_face_detect(
        positions, MOST, _matrix(grey_sums), _matrix(edge_sums),
        ctypes.byref(_Rectangle(0, 0, width, height)),
        ctypes.byref(_network(nvxs, "dir")), ctypes.byref(_network(nvxs, "face_00")),
        networks, len(networks), ctypes.byref(_network(nvxs, "parts")),
        ctypes.c_float(STEP), ctypes.c_float(GROWTH), ctypes.c_float(LEAST_WINDOW),
    )  # fmt: skip
    return list(positions[:count])


def _network(nvxs: ctypes.CDLL, name: str) -> ctypes.c_char:
    """A network that the library holds as a constant."""
    return ctypes.c_char.in_dll(nvxs, f"nv_face_mlp_{name}")


def _matrix(values_HWC: NDArray[np.float32]) -> object:
    """A pointer to the structure of an array, which must outlive the call."""
    rows, cols, n = values_HWC.shape
    first = values_HWC.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    m = rows * cols
    return ctypes.byref(_Matrix(1, n * m, n, m, rows, cols, n, 0, first))
