"""Every page in a real browser: no complaint in the console, and what people do works."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from animesearch.results.journal import Journal, segments
from animesearch.results.records import RunClosed
from tests.results.scripted_run import created, race, reported
from tests.results.web.browser import Browser, serving
from tests.results.web.runs import NASTY, unfinished, write_grid, write_run

pytestmark = pytest.mark.browser

ROW = "#ranking tbody tr"
PAGES = {
    "ranking": ("/runs/run/", ROW),
    "wall": ("/runs/run/wall", "#wall img"),
    "trial": ("/runs/run/trials/t0000", "#charts .main-svg"),
    "collapsed": ("/runs/run/trials/t0003", "#verdict h2"),
}


def trials(browser: Browser) -> list[str]:
    return browser.texts("#ranking td.trial")


@pytest.mark.parametrize("dark", [True, False], ids=["dark", "light"])
@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("name", list(PAGES))
def test_every_page_at_every_width_in_dark_and_light(
    browser: Browser, site: str, name: str, width: int, dark: bool, tmp_path: Path
) -> None:
    browser.emulate(width, dark)
    path, ready = PAGES[name]
    browser.open(site + path, ready)
    assert browser.run("return document.documentElement.scrollWidth") <= width
    images = "return [...document.images].filter(i => i.complete && !i.naturalWidth).length"
    assert browser.run(images) == 0
    unnamed = "return [...document.images].filter(i => !i.hasAttribute('alt')).length"
    assert browser.run(unnamed) == 0
    picture = Path(os.environ.get("ANIMESEARCH_SCREENSHOTS") or tmp_path)
    picture = picture / f"{name}-{width}-{'dark' if dark else 'light'}.png"
    browser.driver.save_screenshot(str(picture))
    assert picture.stat().st_size > 5_000


def test_the_ranking_is_sorted_filtered_and_gets_columns(browser: Browser, site: str) -> None:
    browser.open(f"{site}/runs/run/", ROW)
    assert trials(browser)[:2] == ["t0000", "t0005"]
    head = "#ranking th:nth-child({}) button"
    place = browser.texts("#ranking th").index("kimg") + 1
    browser.find(head.format(place)).click()
    assert trials(browser)[-1] in ("t0000", "t0005")
    browser.find(head.format(place)).click()
    assert trials(browser)[0] in ("t0000", "t0005")
    assert browser.find("#ranking th[aria-sort]").get_attribute("aria-sort") == "descending"
    browser.press("/")
    browser.press("architecture=progan and score!=none")
    browser.until(lambda: sorted(trials(browser)) == ["t0001", "t0005"], "not filtered")
    assert browser.find("#count").text == "2 of 6 configurations"
    browser.find("#columns summary").click()
    browser.find("#columns input[value='rungs']").click()
    assert "rungs" in browser.texts("#ranking th")
    address = browser.driver.current_url
    browser.open(address, ROW)
    assert sorted(trials(browser)) == ["t0001", "t0005"]
    assert "rungs" in browser.texts("#ranking th")


def test_a_mistake_in_the_filter_is_shown_where_it_is(browser: Browser, site: str) -> None:
    browser.open(f"{site}/runs/run/", ROW)
    browser.find("#where").send_keys("statee=pruned")
    problem = browser.find("#filter-problem")
    browser.until(lambda: "did you mean 'state'?" in problem.text, "no hint")
    assert len(trials(browser)) == 6
    (complaint,) = browser.complaints()
    assert "400" in complaint  # the browser itself notes a refused request
    browser.find("#where").clear()
    browser.find("#where").send_keys("state=pruned")
    browser.until(lambda: sorted(trials(browser)) == ["t0001", "t0002"], "not filtered")
    assert problem.text == ""


def test_keys_lead_through_rows_and_pages(browser: Browser, site: str) -> None:
    browser.open(f"{site}/runs/run/", ROW)
    browser.press("jjk")
    focused = "return document.activeElement.querySelector('.trial')?.textContent"
    assert browser.run(focused) == "t0000"
    browser.press("j", "\ue007")
    browser.until(lambda: browser.driver.current_url.endswith("/trials/t0005"), "not opened")
    browser.find("#charts .main-svg")
    browser.press("gw")
    browser.until(lambda: browser.driver.current_url.endswith("/wall"), "no wall")
    browser.find("#wall img")
    browser.press("gr")
    browser.find(ROW)
    browser.press("?")
    assert browser.find("#help").get_attribute("open")
    browser.press("\ue00c")
    browser.until(lambda: not browser.find("#help").get_attribute("open"), "help stays")


def test_dark_and_light_follow_the_button_and_are_kept(browser: Browser, site: str) -> None:
    browser.open(f"{site}/runs/run/", ROW)
    paper = "return getComputedStyle(document.body).backgroundColor"
    light = browser.run(paper)
    browser.find("#theme").click()
    dark = browser.run(paper)
    assert dark != light
    browser.open(f"{site}/runs/run/trials/t0000", "#charts .main-svg")
    assert browser.run(paper) == dark
    text = "return getComputedStyle(document.querySelector('#charts .xtick text')).fill"
    before = browser.run(text)
    browser.press("t")
    browser.until(lambda: browser.run(text) != before, "the chart kept its colours")
    assert browser.run(paper) == light


def test_every_chart_says_what_it_shows_and_has_a_table(browser: Browser, site: str) -> None:
    browser.open(f"{site}/runs/run/trials/t0000", "[data-chart='layers'] .main-svg")
    labels = browser.run(
        "return [...document.querySelectorAll('.plot')].map(e => e.getAttribute('aria-label'))"
    )
    assert len(labels) >= 6
    said = "fd-lite0 over images: fd-lite0 from 5644.0 at 4.0 kimg to 4534.1"
    assert any(said in label for label in labels), labels
    assert all(len(label) > 20 and "undefined" not in label for label in labels)
    browser.find("[data-chart='score'] summary").click()
    cells = browser.until(lambda: browser.texts("[data-chart='score'] td"), "no table")
    assert cells[:2] == ["4000", "5644.0"]


def test_the_trial_page_shows_samples_confusion_and_files(browser: Browser, site: str) -> None:
    browser.open(f"{site}/runs/run/trials/t0000", "#pictures input")
    picture = "return document.querySelector('#pictures img').getAttribute('src')"
    assert "000032000.png" in browser.run(picture)
    browser.find("#pictures input").send_keys("\ue011")
    assert "000004000.png" in browser.run(picture)
    assert browser.texts("#confusion td strong") == ["60.0 %", "40.0 %", "20.0 %", "80.0 %"]
    assert "trial:" in browser.find("#configuration pre").text
    assert "losses.csv" in browser.texts("#files a")
    browser.open(f"{site}/runs/run/trials/t0003", "#verdict h2")
    assert "mode-collapse" in browser.find("#verdict").text


def test_the_wall_goes_through_time_and_enlarges(browser: Browser, site: str) -> None:
    browser.open(f"{site}/runs/run/wall", "#wall img")
    latest = browser.run(SHOWN)
    assert "reals.png" in latest[0]
    assert "000032000.png" in latest[1]
    assert latest[-1] is None  # failed before its first grid
    browser.find("#time").send_keys("\ue011")
    early = browser.run(SHOWN)
    assert [("000004000" in address) for address in early[1:] if address] == [True] * 5
    assert browser.find("#time-text").text == "4.0 kimg"
    browser.find("#wall figure:nth-child(2) button").click()
    assert browser.find("#large-title").text == "1. t0000 at 4.0 kimg"
    browser.press("\ue014")
    assert browser.find("#large-title").text.startswith("2. t0005")
    browser.find("#large-body img").click()
    assert browser.find("#large-title").text.startswith("latent ")
    browser.until(lambda: browser.run(CELL) == [16, 16], "the cell is not cut out")
    assert len(browser.all("#large-body canvas")) == 5
    assert "No nearest training image is known here" in browser.find("#large-body").text
    browser.press("\ue00c")
    browser.until(lambda: not browser.find("#large").get_attribute("open"), "stays open")


@pytest.mark.parametrize("page", ["wall", "trials/t0000"])
def test_a_sample_stands_beside_its_nearest_training_image(
    browser: Browser, site: str, page: str
) -> None:
    button = {"wall": "#wall figure:nth-child(2) button"}.get(page, "#pictures button")
    browser.open(f"{site}/runs/run/{page}", button)
    browser.find(button).click()
    assert "3000 of the 6000 training images" in browser.find("#large-text").text
    addresses = browser.run(NEAR)
    assert [address.rsplit("/", 1)[1] for address in addresses] == [
        f"00000{n}.png" for n in range(6)
    ]
    browser.all("#large-body .nearest-grid img")[4].click()
    assert "latent 4 in" in browser.find("#large-title").text
    assert "training image 4, distance 5.500" in browser.find("#large-body .large-pair").text
    browser.press("\ue014")
    browser.until(lambda: "latent 5 in" in browser.find("#large-title").text, "not the next")
    assert "distance 6.500" in browser.find("#large-body .large-pair").text
    loaded = "return document.querySelector('#large-body .large-pair img').naturalWidth"
    browser.until(lambda: browser.run(loaded) == 16, "the training image is not shown")
    browser.find("#large-text button").click()
    browser.find("#large-text button").click()  # sample by sample, from the first
    assert "latent 0 in" in browser.find("#large-title").text


NEAR = (
    "return [...document.querySelectorAll('#large-body .nearest-grid img')]"
    ".map(image => image.getAttribute('src'))"
)
SHOWN = (
    "return [...document.querySelectorAll('#wall figure')]"
    ".map(figure => figure.querySelector('img')?.getAttribute('src'))"
)
CELL = "const c = document.querySelector('#large-body canvas'); return [c.width, c.height]"


def test_a_page_lives_while_the_search_goes_on(browser: Browser, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", unfinished())
    journal = Journal(folder.journal)
    with serving(folder.path) as site:
        browser.open(f"{site}/runs/run/", ROW)
        browser.until(lambda: browser.find("#live").text == "live", "not live")
        browser.press("j")
        write_grid(folder, "t0009", 4000)
        journal.append(created(9), reported(9, 0, 1.0))
        browser.until(lambda: len(trials(browser)) == 7, "the new trial is not shown")
        assert browser.run("return document.activeElement.dataset.row")
        last = segments(folder.journal)[-1]
        last.with_name(f"{int(last.stem) + 1:08d}.json").write_text("[{")
        browser.until(lambda: "cannot be read" in browser.find("#damage").text, "no damage")
        Journal(folder.journal).append(RunClosed(at=1.0, outcome="complete"))
        browser.until(lambda: browser.find("#live").text == "complete", "still live")
        assert len(trials(browser)) == 7


def test_several_runs_stand_by_their_protocol(browser: Browser, tmp_path: Path) -> None:
    write_run(tmp_path / "first")
    write_run(tmp_path / "second", metric="fid")
    write_run(tmp_path / "broken").info_file.write_text("{")
    with serving(tmp_path) as site:
        browser.open(f"{site}/", ".run-card")
        assert browser.texts("#runs h3") == ["broken", "first", "second"]
        assert len(browser.texts("#runs h2")) == 3
        browser.press("jj", "\ue007")
        browser.find(ROW)
        assert "/runs/first/" in browser.driver.current_url


def test_texts_of_a_run_are_no_markup(browser: Browser, tmp_path: Path) -> None:
    events = [
        *race()[:-1],
        created(8, **{NASTY: NASTY, "loss": "<img src=x onerror=document.title=1>"}),
    ]
    folder = write_run(tmp_path / "<b>run", events, name=NASTY, notes=(NASTY,))
    with serving(folder.path) as site:
        for path, ready in PAGES.values():
            browser.open(site + path.replace("/run/", "/%3Cb%3Erun/"), ready)
            assert browser.all("main script, main b, header b") == []
            assert "animesearch" in browser.driver.title
        browser.open(f"{site}/runs/%3Cb%3Erun/trials/t0008", "#configuration pre")
        assert NASTY in browser.find("#configuration pre").text
