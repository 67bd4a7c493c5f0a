"""What a face looks like, drawn by lot from (seed, index): the attributes and their tags."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from animesearch.datasets.drawing import palette
from animesearch.datasets.drawing.palette import Colour

DRAWER_VERSION = 1
"""Part of every digest of drawn faces: raise it whenever one pixel of one face changes."""

HAIR_WEIGHTS = {
    "black": 12,
    "brown": 15,
    "blonde": 15,
    "red": 8,
    "orange": 6,
    "pink": 11,
    "purple": 9,
    "blue": 11,
    "aqua": 5,
    "green": 5,
    "silver": 7,
}
LENGTHS = {"short": 30, "bob": 25, "long": 45}
BANGS = {"blunt": 24, "spiky": 30, "swept": 26, "parted": 20}
ADDITIONS = {"none": 58, "twintails": 17, "ponytail": 13, "buns": 12}
EYE_SHAPES = {"round": 56, "tsurime": 20, "tareme": 18, "closed": 6}
MOUTHS = {"smile": 38, "open": 22, "small": 22, "cat": 8, "frown": 10}
SKINS = {"pale": 34, "fair": 44, "tan": 15, "dark": 7}
BACKDROPS = {"plain": 42, "gradient": 34, "split": 12, "dots": 12}
ORNAMENTS = {"none": 62, "hairband": 13, "bow": 14, "hairclip": 11}


@dataclass(frozen=True)
class Traits:
    """One face.  Lengths are in half image widths, angles in radians, colours RGB 0..255."""

    hair: str
    hair_colour: Colour
    length: str
    bangs: str
    addition: str
    ahoge: bool
    ornament: str
    ornament_colour: Colour
    eyes: tuple[str, str]
    eye_shape: str
    eye_size: float
    eye_gap: float
    gaze: tuple[float, float]
    brow: float
    mouth: str
    mouth_width: float
    skin: str
    blush: bool
    glasses: bool
    glasses_colour: Colour
    jaw: float
    cloth: Colour
    backdrop: str
    background: tuple[str, str]
    tilt: float
    scale: float
    shift: tuple[float, float]
    side: int
    detail: int

    def tags(self) -> tuple[str, ...]:
        """The attributes as booru-like tags, sorted."""
        left, right = self.eyes
        tags = {f"{self.hair}_hair", f"{self.bangs}_bangs", f"{self.skin}_skin"}
        tags |= {"bob_cut", "short_hair"} if self.length == "bob" else {f"{self.length}_hair"}
        tags |= {"closed_eyes"} if self.eye_shape == "closed" else {f"{left}_eyes"}
        tags |= self._optional_tags()
        if left != right and self.eye_shape != "closed":
            tags = (tags - {f"{left}_eyes"}) | {"heterochromia", f"{left}_eyes", f"{right}_eyes"}
        return tuple(sorted(tags))

    def _optional_tags(self) -> set[str]:
        words = {
            self.addition: self.addition != "none",
            self.ornament: self.ornament != "none",
            self.eye_shape: self.eye_shape in {"tsurime", "tareme"},
            "ahoge": self.ahoge,
            "blush": self.blush,
            "glasses": self.glasses,
            "head_tilt": abs(self.tilt) > 0.12,
            "open_mouth": self.mouth == "open",
            "smile": self.mouth in {"smile", "cat"},
            f"{self.background[0]}_background": self.backdrop == "plain",
            "gradient_background": self.backdrop == "gradient",
        }
        return {word for word, present in words.items() if present}


class Lot:
    """Draws by lot; only ``random.Random.random`` is used, whose sequence Python guarantees."""

    def __init__(self, seed: int, index: int) -> None:
        self._random = random.Random(f"animesearch-face/{seed}/{index}")

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self._random.random() < probability

    def between(self, low: float, high: float) -> float:
        """Uniform in [low, high)."""
        return low + (high - low) * self._random.random()

    def bell(self, spread: float) -> float:
        """Bell-shaped around 0 (a sum of three uniforms), within 1.5 ``spread``."""
        return spread * (sum(self._random.random() for _ in range(3)) - 1.5)

    def one_of(self, weights: Mapping[str, float]) -> str:
        """A key, as often as its weight says."""
        point = self._random.random() * sum(weights.values())
        for word, weight in weights.items():
            point -= weight
            if point < 0:
                return word
        return next(reversed(list(weights)))

    def any_of(self, words: Mapping[str, object]) -> str:
        """A key, all equally often."""
        return self.one_of(dict.fromkeys(words, 1.0))


def traits(seed: int, index: int) -> Traits:
    """The attributes of face ``index``: they depend on ``(seed, index)`` and on nothing else."""
    lot = Lot(seed, index)
    hair = lot.one_of(HAIR_WEIGHTS)
    eye = lot.any_of(palette.EYES)
    other = lot.any_of(palette.EYES) if lot.chance(0.03) else eye
    shade = lot.bell(16)
    tint = (shade + lot.bell(10), shade + lot.bell(10), shade + lot.bell(10))
    bow = palette.CLOTH[int(lot.between(0, len(palette.CLOTH)))]
    return Traits(
        hair=hair,
        hair_colour=palette.shifted(palette.HAIR[hair], tint),
        length=lot.one_of(LENGTHS),
        bangs=lot.one_of(BANGS),
        addition=lot.one_of(ADDITIONS),
        ahoge=lot.chance(0.2),
        ornament=lot.one_of(ORNAMENTS),
        ornament_colour=bow,
        eyes=(eye, other),
        eye_shape=lot.one_of(EYE_SHAPES),
        eye_size=1.04 + lot.bell(0.14),
        eye_gap=0.275 + lot.bell(0.02),
        gaze=(lot.bell(0.03), lot.bell(0.02)),
        brow=lot.bell(0.28),
        mouth=lot.one_of(MOUTHS),
        mouth_width=lot.between(0.08, 0.15),
        skin=lot.one_of(SKINS),
        blush=lot.chance(0.42),
        glasses=lot.chance(0.12),
        glasses_colour=palette.LINE if lot.chance(0.6) else (176, 44, 60),
        jaw=1.0 + lot.bell(0.09),
        cloth=palette.CLOTH[int(lot.between(0, len(palette.CLOTH)))],
        backdrop=lot.one_of(BACKDROPS),
        background=(lot.any_of(palette.BACKGROUND), lot.any_of(palette.BACKGROUND)),
        tilt=lot.bell(0.22),
        scale=1.0 + lot.bell(0.09),
        shift=(lot.bell(0.07), 0.04 + lot.bell(0.06)),
        side=1 if lot.chance(0.5) else -1,
        detail=int(lot.between(0, 1 << 30)),
    )
