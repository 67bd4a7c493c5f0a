"""Steps on single images: drawn pictures that show the case, and near misses."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from animesearch.datasets.drawing.face import draw_face
from animesearch.datasets.steps import STEPS, ImageStep, Refusal
from animesearch.errors import UnsupportedError
from tests.datasets.pictures import encoded, noise


def face(edge: int = 96, index: int = 3) -> Image.Image:
    return Image.fromarray(draw_face(0, index, edge)[0])


def jpeg(image: Image.Image, quality: int = 60) -> Image.Image:
    """As it comes back from a JPEG."""
    return Image.open(io.BytesIO(encoded(image, "JPEG", quality=quality))).convert("RGB")


def framed(inner: Image.Image, beside: int, above: int, colour: int = 0) -> Image.Image:
    size = (inner.width + 2 * beside, inner.height + 2 * above)
    ground = Image.new("RGB", size, (colour, colour, colour))
    ground.paste(inner, (beside, above))
    return ground


def run(image: Image.Image, name: str, **options: object) -> Image.Image | Refusal:
    step = STEPS.parse({"name": name, **options})
    assert isinstance(step, ImageStep)
    return step.apply(image)


def reason(image: Image.Image, name: str, **options: object) -> str:
    """Why the image is dropped; empty if it is kept as it is."""
    result = run(image, name, **options)
    if isinstance(result, Refusal):
        return result.reason
    assert result.tobytes() == image.tobytes()
    return ""


def kept(image: Image.Image, name: str, **options: object) -> Image.Image:
    result = run(image, name, **options)
    assert not isinstance(result, Refusal), result
    return result


BARS = {"horizontal": (0, 14), "vertical": (11, 0), "frame": (9, 12)}


@pytest.mark.parametrize("quality", [30, 60, 95])
@pytest.mark.parametrize("kind", sorted(BARS))
def test_bars_are_found_under_the_noise_of_jpeg(kind: str, quality: int) -> None:
    image = jpeg(framed(face(), *BARS[kind]), quality)
    result = run(image, "bars")
    assert isinstance(result, Refusal)
    assert result.reason == f"bars-{kind}"
    others = [other for other in BARS if other != kind]
    assert reason(image, "bars", kinds=others) == ""
    assert reason(image, "bars", kinds=[kind]) == f"bars-{kind}"


@pytest.mark.parametrize("kind", sorted(BARS))
def test_bars_are_cropped_off(kind: str) -> None:
    inner = face()
    assert kept(framed(inner, *BARS[kind]), "bars", action="crop").tobytes() == inner.tobytes()
    noisy = kept(jpeg(framed(inner, *BARS[kind])), "bars", action="crop")
    assert np.abs(np.subtract(noisy.size, inner.size)).max() <= 4
    assert np.asarray(noisy.convert("L"))[[0, -1]].mean() > 40
    other = next(other for other in BARS if other != kind)
    image = framed(inner, *BARS[kind])
    assert kept(image, "bars", action="crop", kinds=[other]).size == image.size


def test_a_few_bright_pixels_do_not_hide_a_bar() -> None:
    pixels = np.array(framed(face(), 0, 14))
    pixels[2:12, 7] = 200
    assert reason(Image.fromarray(pixels), "bars") == "bars-horizontal"


def night() -> Image.Image:
    """Stars in the dark, to the very edge."""
    stars = np.zeros((90, 90, 3), np.uint8)
    stars[noise(5, 90, 90, 1) > 250] = 255
    return Image.fromarray(stars)


def head_in_the_dark() -> Image.Image:
    """Black all around, but the picture does not fill a rectangle."""
    image = Image.new("RGB", (96, 96))
    ImageDraw.Draw(image).ellipse((24, 20, 72, 80), (230, 200, 180))
    return image


def one_bar() -> Image.Image:
    ground = Image.new("RGB", (96, 116))
    ground.paste(face(), (0, 0))
    return ground


NO_BARS = {
    "a face": face(),
    "white bars": framed(face(), 0, 14, 255),
    "grey bars": framed(face(), 0, 14, 60),
    "too thin": framed(face(), 0, 1),
    "one bar only": one_bar(),
    "a head before black": head_in_the_dark(),
    "night": night(),
    "all black": Image.new("RGB", (50, 50)),
    "noise": Image.fromarray(noise(1, 40, 40)),
}


@pytest.mark.parametrize("case", sorted(NO_BARS))
def test_what_is_no_bar(case: str) -> None:
    assert reason(NO_BARS[case], "bars") == ""


def test_bars_by_darkness_and_thickness() -> None:
    assert reason(framed(face(), 0, 14, 60), "bars", darkness=70) == "bars-horizontal"
    assert reason(framed(face(), 0, 14), "bars", least=0.2) == ""


@pytest.mark.parametrize(
    ("size", "options", "expected"),
    [
        ((64, 64), {}, ""),
        ((63, 200), {}, "too-small"),
        ((200, 63), {}, "too-small"),
        ((200, 63), {"least": 63}, ""),
        ((1, 1), {"least": 1}, ""),
    ],
)
def test_small(size: tuple[int, int], options: dict[str, object], expected: str) -> None:
    assert reason(Image.new("RGB", size), "small", **options) == expected


@pytest.mark.parametrize(
    ("size", "most", "expected"),
    [
        ((100, 50), 2.0, ""),
        ((50, 100), 2.0, ""),
        ((101, 50), 2.0, "odd-aspect"),
        ((50, 101), 2.0, "odd-aspect"),
        ((50, 51), 1.0, "odd-aspect"),
        ((50, 50), 1.0, ""),
    ],
)
def test_aspect(size: tuple[int, int], most: float, expected: str) -> None:
    assert reason(Image.new("RGB", size), "aspect", most=most) == expected


def gently(values: np.ndarray) -> Image.Image:
    return Image.fromarray(np.repeat(values[..., None], 3, axis=2).astype(np.uint8))


def with_a_dot() -> Image.Image:
    """A drawing that covers a hundredth of a white page."""
    image = Image.new("RGB", (100, 100), "white")
    ImageDraw.Draw(image).rectangle((40, 40, 49, 49), "black")
    return image


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.new("RGB", (64, 64), (200, 30, 90)), "flat"),
        (Image.new("RGB", (333, 1), (201, 77, 13)), "flat"),
        (jpeg(gently(120 + noise(1, 64, 64, 1) % 4)), "flat"),
        (gently(np.linspace(100, 112, 4096).reshape(64, 64)), "flat"),
        (gently(np.linspace(80, 140, 4096).reshape(64, 64)), ""),
        (with_a_dot(), ""),
        (face(), ""),
    ],
)
def test_flat(image: Image.Image, expected: str) -> None:
    assert reason(image, "flat") == expected


def test_flat_sees_colour_where_the_brightness_is_even() -> None:
    """Red and green of equal luma."""
    pixels = np.zeros((20, 20, 3), np.uint8)
    pixels[:, :10], pixels[:, 10:] = (196, 0, 0), (0, 100, 0)
    assert reason(Image.fromarray(pixels), "flat") == ""


@pytest.mark.parametrize("edge", [48, 96, 300])
@pytest.mark.parametrize("index", range(4))
def test_blur_at_any_size(edge: int, index: int) -> None:
    sharp = face(edge, index)
    assert reason(sharp, "blur") == ""
    assert reason(jpeg(sharp, 75), "blur") == ""
    assert reason(sharp.filter(ImageFilter.GaussianBlur(edge * 0.04)), "blur") == "blurred"


def test_blur_counts_what_is_seen_not_pixels() -> None:
    """Enlarged further than anyone will look at it, a sharp drawing stays one."""
    assert reason(face(128).resize((640, 640), Image.Resampling.BICUBIC), "blur") == ""


def test_blur_finds_what_was_enlarged() -> None:
    small = face(200).resize((20, 20), Image.Resampling.BOX)
    assert reason(small.resize((200, 200), Image.Resampling.BICUBIC), "blur") == "blurred"


def test_blur_leaves_what_it_cannot_judge() -> None:
    for image in (Image.new("RGB", (64, 64), "grey"), face(16).resize((9, 9))):
        assert reason(image, "blur") == ""
    assert reason(face(), "blur", most=0.0) == "blurred"


def with_red_eyes() -> Image.Image:
    image = face().convert("L").convert("RGB")
    ImageDraw.Draw(image).rectangle((40, 40, 54, 50), (200, 20, 20))
    return image


def tinted_noise() -> Image.Image:
    """Grey but for single pixels, as cameras and JPEG leave it."""
    grey = np.asarray(face(192).convert("L").convert("RGB")).astype(int)
    tinted = grey + noise(7, 192, 192) % 25 - 12
    return Image.fromarray(np.clip(tinted, 0, 255).astype(np.uint8))


GREYS = {
    "grey with tinted noise": (tinted_noise(), True),
    "grey": (face().convert("L").convert("RGB"), True),
    "grey in JPEG": (jpeg(face().convert("L").convert("RGB"), 30), True),
    "a shade of blue": (Image.new("RGB", (40, 40), (120, 120, 126)), True),
    "colours": (face(), False),
    "sepia": (Image.new("RGB", (40, 40), (150, 130, 110)), False),
    "red eyes": (with_red_eyes(), False),
}


@pytest.mark.parametrize("case", sorted(GREYS))
def test_grey(case: str) -> None:
    image, is_grey = GREYS[case]
    assert reason(image, "grey") == ("grey" if is_grey else "")
    assert reason(image, "grey", action="drop-colour") == ("" if is_grey else "colour")
    converted = np.asarray(kept(image, "grey", action="convert"))
    assert np.array_equal(converted[..., 0], np.asarray(image.convert("L")))
    assert np.ptp(converted, axis=2).max() == 0


def test_grey_by_tolerance() -> None:
    shade = Image.new("RGB", (8, 8), (120, 120, 130))
    assert reason(shade, "grey") == "grey"
    assert reason(shade, "grey", tolerance=10) == ""


@pytest.fixture(scope="module")
def detector() -> None:
    try:
        STEPS.parse("faces").available()
    except UnsupportedError as missing:
        pytest.skip(str(missing))


@pytest.mark.usefixtures("detector")
def test_faces_are_told_from_what_is_none() -> None:
    found = [reason(face(128, index), "faces") for index in range(12)]
    assert found.count("") >= 9
    wall = Image.new("RGB", (128, 128), (200, 190, 180))
    upside_down = [face(128, i).transpose(Image.Transpose.ROTATE_180) for i in range(12)]
    hair = [face(128, index).crop((0, 0, 128, 40)) for index in range(12)]
    others = [wall, Image.fromarray(noise(3, 128, 128)), *upside_down, *hair]
    assert [reason(image, "faces") for image in others].count("no-face") >= len(others) - 4


def scene(*indices: int) -> Image.Image:
    """Faces of 128 pixels side by side, 20 from the edges."""
    image = Image.new("RGB", (148 * len(indices) + 20, 168), (214, 220, 205))
    for place, index in enumerate(indices):
        image.paste(face(128, index), (20 + 148 * place, 20))
    return image


@pytest.mark.usefixtures("detector")
def test_more_faces_than_asked_for() -> None:
    pair = scene(0, 1)
    assert reason(pair, "faces", edge=pair.width) == "many-faces"
    assert reason(pair, "faces", edge=pair.width, most=2) == ""


@pytest.mark.usefixtures("detector")
def test_images_are_cropped_to_their_face() -> None:
    from animesearch.datasets.detector import faces_in

    image = scene(1)
    left, top, right, bottom = faces_in(image, 200)[0].box
    assert 20 <= left < right <= 148
    assert 20 <= top < bottom <= 148
    tight = kept(image, "faces", action="crop", edge=200, margin=0.0)
    assert tight.tobytes() == image.crop((left, top, right, bottom)).tobytes()
    wide = kept(image, "faces", action="crop", edge=200, margin=0.1)
    assert wide.width == tight.width + 2 * round(0.1 * tight.width)


@pytest.mark.usefixtures("detector")
def test_faces_that_the_detector_is_less_sure_of_do_not_count() -> None:
    from animesearch.datasets.detector import faces_in

    found = [faces_in(face(128, index), 128) for index in range(8)]
    sure = {index: faces[0].likelihood for index, faces in enumerate(found) if faces}
    most, least = max(sure, key=sure.__getitem__), min(sure, key=sure.__getitem__)
    limit = (sure[most] + sure[least]) / 2
    assert reason(face(128, most), "faces", likelihood=limit) == ""
    assert reason(face(128, least), "faces", likelihood=limit) == "no-face"


def test_faces_without_the_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from animesearch.datasets import detector

    monkeypatch.setitem(sys.modules, "animeface", None)
    detector.library.cache_clear()
    with pytest.raises(UnsupportedError, match=r"animesearch\[faces\]"):
        STEPS.parse("faces").available()
    detector.library.cache_clear()


@pytest.mark.usefixtures("detector")
def test_crops_stay_inside_the_image() -> None:
    from animesearch.datasets.steps.faces import around

    assert around((10, 10, 30, 30), 0.5, (100, 100)) == (0, 0, 40, 40)
    assert around((-5, -9, 15, 11), 0.0, (100, 100)) == (0, 0, 15, 11)
    assert around((90, 95, 130, 135), 1.0, (100, 100)) == (50, 55, 100, 100)
    assert around((100, 100, 140, 140), 0.0, (100, 100)) == (99, 99, 100, 100)
