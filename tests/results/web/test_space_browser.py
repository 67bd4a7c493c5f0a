"""The pages of the space and of comparisons, and the report, in a real browser."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from animesearch.results.folder import RunFolder
from animesearch.results.journal import Journal
from animesearch.results.report.write import write_report
from tests.results.scripted_run import created, race, reported
from tests.results.web.browser import Browser, serving
from tests.results.web.runs import NASTY, unfinished, write_run

pytestmark = pytest.mark.browser

UP, DOWN, HOME, ESCAPE = "\ue013", "\ue015", "\ue011", "\ue00c"
PAGES = {
    "space": ("/runs/run/space", "#rungs svg"),
    "compare": ("/runs/run/compare?trials=t0000,t0003,t0005", "#charts .main-svg"),
}
ON = "return document.querySelectorAll('#parallel .way:not(.off)').length"


def shot(browser: Browser, tmp_path: Path, name: str) -> None:
    """Where the environment wants pictures, they are kept."""
    folder = Path(os.environ.get("ANIMESEARCH_SCREENSHOTS") or tmp_path)
    assert browser.driver.save_screenshot(str(folder / f"{name}.png"))


def check(browser: Browser, width: int) -> None:
    """Nothing wider than the screen, no broken picture, none without a text."""
    assert browser.run("return document.documentElement.scrollWidth") <= width
    broken = "return [...document.images].filter(i => i.complete && !i.naturalWidth).length"
    assert browser.run(broken) == 0
    unnamed = "return [...document.images].filter(i => !i.hasAttribute('alt')).length"
    assert browser.run(unnamed) == 0


@pytest.mark.parametrize("dark", [True, False], ids=["dark", "light"])
@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("name", list(PAGES))
def test_pages_at_every_width_in_dark_and_light(
    browser: Browser, site: str, name: str, width: int, dark: bool, tmp_path: Path
) -> None:
    browser.emulate(width, dark)
    path, ready = PAGES[name]
    browser.open(site + path, ready)
    check(browser, width)
    shot(browser, tmp_path, f"{name}-{width}-{'dark' if dark else 'light'}")


def test_an_end_of_an_axis_is_moved_by_keys_and_chooses_trials(browser: Browser, site: str) -> None:
    browser.open(f"{site}/runs/run/space", "#rungs svg")
    assert browser.run(ON) == 6
    end = browser.find("[data-end='loss/0']")
    assert end.get_attribute("aria-label") == "loss at least"
    before = end.get_attribute("aria-valuetext")
    browser.run("arguments[0].focus()", end)
    browser.press(UP)
    assert browser.find("[data-end='loss/0']").get_attribute("aria-valuetext") != before
    left = browser.run(ON)
    assert 0 < left < 6
    assert len(browser.texts("#trials tbody tr")) == left
    assert f"{left} of 6 trials with loss" in browser.find("#chosen").text
    address = browser.driver.current_url
    assert "choice=" in address
    browser.open(address, "#rungs svg")
    assert browser.run(ON) == left
    browser.run("arguments[0].focus()", browser.find("[data-end='loss/0']"))
    browser.press(ESCAPE)
    assert browser.run(ON) == 6
    assert "choice=" not in browser.driver.current_url


def test_a_drag_along_an_axis_chooses_a_part_of_it(browser: Browser, site: str) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    browser.open(f"{site}/runs/run/space", "#rungs svg")
    zone = browser.find("[data-axis='generator.lr'] .zone")
    height = zone.rect["height"]
    drag = ActionChains(browser.driver).move_to_element_with_offset(zone, 0, int(height * 0.3))
    drag.click_and_hold().move_by_offset(0, -int(height * 0.35)).release().perform()
    left = browser.run(ON)
    assert 0 < left < 6
    assert browser.find(".part.is-set").rect["height"] == pytest.approx(height * 0.35, abs=8)
    browser.find("#clear").click()
    assert browser.run(ON) == 6


def test_lines_and_rows_light_up_together_and_lead_to_the_trial(
    browser: Browser, site: str
) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    browser.open(f"{site}/runs/run/space", "#rungs svg")
    row = browser.find("#trials [data-row='t0005']")
    ActionChains(browser.driver).move_to_element(row).perform()
    hot = "return [...document.querySelectorAll('.hot')].map(e => e.tagName.toLowerCase())"
    assert {"tr", "path", "circle"} <= set(browser.run(hot))
    browser.run("document.querySelector('#slices .dot[data-trial=t0005]').dispatchEvent("
                "new MouseEvent('click', {bubbles: true}))")  # fmt: skip
    browser.until(lambda: browser.driver.current_url.endswith("/trials/t0005"), "not opened")
    browser.find("#charts .main-svg")


def test_every_figure_says_what_it_shows_and_has_a_table(browser: Browser, site: str) -> None:
    browser.open(f"{site}/runs/run/space", "#rungs svg")
    labels = browser.run(
        "return [...document.querySelectorAll('.drawing')].map(e => e.getAttribute('aria-label'))"
    )
    assert len(labels) >= 6
    assert all(len(label) > 30 and "undefined" not in label for label in labels)
    for figure in ("[data-figure='rungs']", "[data-figure='slice-generator.lr']"):
        browser.run("arguments[0].click()", browser.find(f"{figure} summary"))
        assert browser.until(lambda one=figure: browser.texts(f"{one} td"), "no table")


def test_the_space_lives_and_keeps_the_choice_and_the_focus(
    browser: Browser, tmp_path: Path
) -> None:
    folder = write_run(tmp_path / "run", unfinished())
    with serving(folder.path) as site:
        browser.open(f"{site}/runs/run/space?rung=0&where=state!=failed", "#rungs svg")
        browser.run("arguments[0].focus()", browser.find("[data-end='generator.lr/1']"))
        browser.press(DOWN)
        Journal(folder.journal).append(created(9), reported(9, 0, 1.0))
        browser.until(lambda: browser.find("#count").text == "6 of 7 trials", "not live")
        focused = "return document.activeElement.getAttribute('data-end')"
        assert browser.run(focused) == "generator.lr/1"
        assert browser.find("#rung").get_property("value") == "0"
        assert browser.find("#clear").is_displayed()


def test_the_ranking_leads_to_a_comparison(browser: Browser, site: str) -> None:
    browser.open(f"{site}/runs/run/", "#ranking tbody tr")
    boxes = browser.all("#ranking td.compare input")
    boxes[0].click()
    assert browser.all("#compare") == []
    boxes[4].click()
    browser.find("#compare").click()
    browser.find("#charts .main-svg")
    assert browser.texts("#chosen a") == ["t0000", "t0003"]
    assert "mode-collapse" in browser.find("#scores").text
    select = browser.find("#add")
    browser.run("arguments[0].value = 't0005'; arguments[0].dispatchEvent(new Event('change'))",
                select)  # fmt: skip
    browser.until(lambda: len(browser.texts("#chosen a")) == 3, "not added")
    differing = len(browser.texts("#options tbody tr"))
    browser.find("#all").click()
    assert len(browser.texts("#options tbody tr")) > differing
    pictures = "return [...document.querySelectorAll('#grids img')].map(i => i.src)"
    assert "000032000.png" in browser.run(pictures)[1]
    browser.find("#time").send_keys(HOME)
    assert all("000004000" in source for source in browser.run(pictures)[1:])
    browser.run("arguments[0].click()", browser.find("#chosen button"))
    browser.until(lambda: browser.texts("#chosen a") == ["t0003", "t0005"], "not taken away")


def test_runs_of_another_protocol_are_refused_by_name(browser: Browser, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_run(tmp_path / name)
    write_run(tmp_path / "c", protocol={"features": "lite0", "samples": 9})
    with serving(tmp_path) as site:
        browser.open(f"{site}/", ".run-card")
        browser.find("a.compare").click()
        browser.find("#charts .main-svg")
        assert len(browser.texts("#rows tbody tr")) == 12
        browser.find("#choose input[value='c']").click()
        browser.find("#choose button").click()
        browser.until(lambda: "c is not shown" in browser.find("#refused").text, "not refused")
        assert "samples: 9, there 1000" in browser.find("#refused").text
        check(browser, 1280)


def test_texts_of_a_run_are_no_markup(browser: Browser, tmp_path: Path) -> None:
    events = [*race()[:-1], created(8, **{NASTY: NASTY, "loss": "<img src=x onerror=alert(1)>"}),
              reported(8, 0, 9.0)]  # fmt: skip
    folder = write_run(tmp_path / "<b>run", events, name=NASTY, notes=(NASTY,))
    with serving(folder.path) as site:
        for path, ready in PAGES.values():
            browser.open(site + path.replace("/run/", "/%3Cb%3Erun/"), ready)
            assert browser.all("main script, main b, header b") == []
            assert "animesearch" in browser.driver.title


@pytest.mark.parametrize("dark", [True, False], ids=["dark", "light"])
@pytest.mark.parametrize("width", [1280, 360])
def test_the_report_opens_from_a_file_without_a_complaint(
    browser: Browser, folder: RunFolder, width: int, dark: bool, tmp_path: Path
) -> None:
    write_report(folder, tmp_path / "report.html")
    browser.emulate(width, dark)
    browser.open((tmp_path / "report.html").as_uri(), ".drawing")
    check(browser, width)
    shot(browser, tmp_path, f"report-{width}-{'dark' if dark else 'light'}")
    paper = "return getComputedStyle(document.body).backgroundColor"
    seen = browser.run(paper)
    browser.find("#theme-light" if dark else "#theme-dark").click()
    assert browser.run(paper) != seen
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert browser.run(paper) == "rgb(247, 247, 244)"
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
