"""The report of an evaluation in a real Chromium: it asks for nothing, fits a phone, and has no serious fault of accessibility."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from agent.library import Library
from evals.dataset import load_dataset
from evals.report import make_report
from evals.report_files import write_report
from evals.variant import Thresholds, Variant
from tests.browser.test_page import faults, width
from tests.eval_cases import edit, write_cases
from tests.test_report import FOUND, HOSTILE, LOST, SHIPPED, graded

pytestmark = pytest.mark.browser
Reader = Callable[..., Page]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, library: Library) -> Path:
    """A report with hostile text in the transcript, the reason and the quote."""
    home = tmp_path_factory.mktemp("report")

    def write() -> Path:
        folder = write_cases(home / "cases", library, tune=6, report=3)
        edit(folder / "transcripts" / "url-shortener-b.yaml", lambda found: found["turns"][1].update(text=f"{found['turns'][1]['text']} {HOSTILE}"))
        dataset = load_dataset(library, str(folder))
        changes = {**LOST, ("url-shortener-b", FOUND): {"status": "partial", "quote": HOSTILE, "turn": 2, "reason": HOSTILE}}
        prompts = Variant("other", SHIPPED.prompts, Thresholds(sure=0.4, lenience=0.3))
        runs = [graded(dataset, library, folder, trials=2), graded(dataset, library, folder, changes, prompts, trials=2)]
        return write_report(make_report(runs, library), home / "out")["html"]

    with ThreadPoolExecutor(1) as aside:  # the browser's driver keeps an event loop running in this thread
        return aside.submit(write).result()


@pytest.fixture
def reader(browser: Browser, written: Path) -> Iterator[Reader]:
    """Opens the report; whatever it asks for beside itself, logs or opens is a fault."""
    asked: list[str] = []
    said: list[str] = []
    contexts = []

    def make(wide: int = 1440, high: int = 900, theme: str = "light") -> Page:
        context = browser.new_context(viewport={"width": wide, "height": high}, color_scheme=theme)  # type: ignore[arg-type]
        contexts.append(context)
        context.on("request", lambda request: asked.append(request.url))
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.goto(written.as_uri())
        return page

    yield make
    for context in contexts:
        context.close()
    assert set(asked) == {written.as_uri()}
    assert said == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("wide", [360, 1440])
def test_axe_finds_no_serious_fault_with_everything_open(reader: Reader, wide: int, theme: str) -> None:
    page = reader(wide, theme=theme)
    assert faults(page) == []
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert faults(page) == []


def test_nothing_is_wider_than_a_small_phone_and_tables_scroll_by_themselves(reader: Reader) -> None:
    page = reader(360, 740)
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert width(page) == 360
    assert page.evaluate("[...document.querySelectorAll('.scroll')].some(one => one.scrollWidth > one.clientWidth)")


def test_a_flip_is_opened_by_keyboard(reader: Reader) -> None:
    page = reader()
    flip = page.locator("details.group.lost details.entry").first
    flip.locator("summary").focus()
    page.keyboard.press("Enter")
    assert flip.locator(".side").count() == 3 and flip.locator("mark").first.is_visible()


def test_the_colours_follow_the_system(reader: Reader) -> None:
    paper = [reader(theme=theme).evaluate("getComputedStyle(document.body).backgroundColor") for theme in ("light", "dark")]
    assert paper[0] != paper[1]


def test_on_paper_only_the_flips_that_were_opened_are_printed(reader: Reader) -> None:
    page = reader()
    page.locator("details.group.lost details.entry").first.locator("summary").click()
    page.emulate_media(media="print")
    shown = page.locator("details.entry .inside").evaluate_all("all => all.map(one => one.checkVisibility({contentVisibilityAuto: true}))")
    assert shown[0] is True and len(shown) > 1 and not any(shown[1:])
