"""What a candidate can check and contradict on the scorecard: unclear verdicts, bands, disagreement."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from agent.events import SectionGraded
from agent.library import Library
from agent.schema import Chances, SectionResult, Verdict, VerdictStatus
from agent.scoring import section_result
from agent.store import EventStore
from tests.browser.candidate import Candidate
from tests.browser.conftest import Server
from tests.browser.test_page import faults, width

pytestmark = pytest.mark.browser
Visitor = Callable[..., Page]
SAID = "I would ask who it is for, then agree on the numbers."
CHANCES = {"met": (0.93, 0.05), "unclear": (0.4, 0.3), "not_observed": (0.05, 0.1)}


def estimated(library: Library) -> SectionResult:
    """Section 0 from a grader that estimates: the first criterion met, the second unclear, the others not observed."""
    statuses: list[VerdictStatus] = ["met", "unclear", *["not_observed"] * (len(library.rubrics["0"].criteria) - 2)]  # type: ignore[list-item]
    verdicts = [
        Verdict(
            criterion=criterion.id,
            status=status,
            quote=None if status == "not_observed" else SAID,
            turn=None if status == "not_observed" else 2,
            confidence=max(CHANCES[status]),
            reason="So it was heard.",
            chances=Chances(met=CHANCES[status][0], partial=CHANCES[status][1]),
        )
        for criterion, status in zip(library.rubrics["0"].criteria, statuses, strict=True)
    ]
    return section_result(library.section("0"), library.rubrics["0"], verdicts, "senior", "embedded")


def judged(server: Server, visitor: Visitor, library: Library, **look: object) -> Candidate:
    """A candidate before the scorecard of an interview whose section 0 was graded so; its criteria are unfolded."""
    candidate = Candidate(visitor(**look), server.url).starts()
    candidate.says(SAID)
    candidate.ends()
    store = EventStore(f"sqlite:///{server.data / 'interviews.db'}")
    known = len(store.events(candidate.interview()))
    store.append(candidate.interview(), known, [SectionGraded(result=estimated(library), at=time.time())])
    store.close()
    candidate.page.reload()
    candidate.page.locator("#section-0 > summary").click()
    return candidate


def verdict(candidate: Candidate, number: int) -> Locator:
    """The criterion in this place of section 0, from 0 on."""
    return candidate.page.locator("#section-0 .verdict").nth(number)


def test_unclear_and_the_band_are_shown(server: Server, visitor: Visitor, library: Library) -> None:
    candidate = judged(server, visitor, library)
    result = estimated(library)
    assert result.band is not None
    bar = candidate.page.locator(".bars li").first
    track, line = bar.locator(".track").bounding_box(), bar.locator(".whisker").bounding_box()
    assert track is not None and line is not None
    ends = [100 * (x - track["x"]) / track["width"] for x in (line["x"], line["x"] + line["width"])]
    assert ends == pytest.approx(result.band, abs=0.5)
    expect(bar).to_contain_text(f"most likely {int(result.band[0] + 0.5)} to {int(result.band[1] + 0.5)}")
    unclear = verdict(candidate, 1)
    expect(unclear.locator(".word")).to_have_text("Unclear")
    expect(unclear.locator(".mark")).to_have_css("border-top-style", "dashed")
    expect(unclear).to_contain_text(SAID)
    expect(unclear).to_contain_text("A better answer would have had")


def test_a_verdict_is_disagreed_with_and_that_is_taken_back_by_keyboard_alone(server: Server, visitor: Visitor, library: Library) -> None:
    candidate = judged(server, visitor, library)
    page, row = candidate.page, verdict(candidate, 1)
    unfold = row.locator("summary")
    unfold.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(row.get_by_role("radio", name="Met", exact=True)).to_be_focused()
    candidate.tabs_to(button(row, "Keep"))
    page.keyboard.press("Enter")
    expect(row.get_by_role("alert")).to_have_text("Choose what you think is right.")
    expect(row.get_by_role("radio").first).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    expect(row.get_by_role("radio", name="Partly")).to_be_checked()
    page.keyboard.press("Tab")
    page.keyboard.type("I asked <b>who</b> it is for.")
    before = row.bounding_box()
    candidate.tabs_to(button(row, "Keep"))
    page.keyboard.press("Enter")

    kept = row.get_by_text("You disagreed with \u201cunclear\u201d: partly. Kept with the interview.")
    expect(kept).to_be_visible()
    expect(button(row, "Take back")).to_be_focused()
    after = row.bounding_box()
    assert before is not None and after is not None and abs(after["y"] - before["y"]) < 2  # the page stays where it was
    expect(row.locator(".because")).to_have_text("I asked <b>who</b> it is for.")
    expect(row.locator(".word")).to_have_text("Unclear")
    page.reload()
    page.locator("#section-0 > summary").click()
    expect(kept).to_be_visible()
    for name in ("Report (Markdown)", "Report (HTML)"):
        with page.expect_download() as download:
            page.get_by_role("link", name=name).click()
        told = Path(download.value.path()).read_text(encoding="utf-8")
        assert "You disagreed with \u201cunclear\u201d: partly." in told and "&lt;b>who" in told.replace("&gt;", ">")

    button(row, "Take back").press("Enter")
    expect(kept).to_have_count(0)
    expect(unfold).to_be_focused()
    page.reload()
    page.locator("#section-0 > summary").click()
    expect(unfold).to_be_visible()
    expect(kept).to_have_count(0)


def test_what_is_half_written_survives_another_disagreement_and_a_refresh(server: Server, visitor: Visitor, library: Library) -> None:
    candidate = judged(server, visitor, library)
    half, other = verdict(candidate, 0), verdict(candidate, 2)
    for row in (half, other):
        row.locator("summary").click()
        row.get_by_role("radio", name="Partly").check()
    half.get_by_label("What did I miss?").fill("I was about to say")
    button(other, "Keep").click()
    expect(button(other, "Take back")).to_be_visible()
    for _ in range(2):
        expect(half.get_by_label("What did I miss?")).to_have_value("I was about to say")
        expect(half.get_by_role("radio", name="Partly")).to_be_checked()
        candidate.page.reload()
        candidate.page.locator("#section-0 > summary").click()


def test_nobody_disagrees_in_another_ones_name(server: Server, visitor: Visitor, library: Library) -> None:
    first, second = judged(server, visitor, library), judged(server, visitor, library)
    second.page.evaluate("name => { document.getElementById('screen').dataset.interview = name; }", first.interview())
    row = verdict(second, 1)
    row.locator("summary").click()
    row.get_by_role("radio", name="Met", exact=True).check()
    button(row, "Keep").click()
    expect(second.page.get_by_role("alert").filter(has_text="There is no interview")).to_be_visible()
    expect(row.get_by_role("radio", name="Met", exact=True)).to_be_checked()
    first.page.reload()
    expect(first.page.get_by_text("How this was graded")).to_be_visible()
    expect(first.page.get_by_text("You disagreed")).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_serious_fault_in_what_can_be_unfolded(server: Server, visitor: Visitor, library: Library, theme: str) -> None:
    candidate = judged(server, visitor, library, color_scheme=theme)
    for number in (0, 1):
        verdict(candidate, number).locator("summary").click()
        verdict(candidate, number).get_by_role("radio", name="Partly").check()
    button(verdict(candidate, 1), "Keep").click()
    expect(button(verdict(candidate, 1), "Take back")).to_be_visible()
    candidate.page.get_by_text("How this was graded").click()
    expect(candidate.page.locator(".basis dd").first).to_have_text("Embedded grader")
    assert faults(candidate.page) == []
    candidate.page.set_viewport_size({"width": 360, "height": 740})
    assert faults(candidate.page) == []
    assert width(candidate.page) == 360


def button(row: Locator, name: str) -> Locator:
    """A button of this verdict."""
    return row.get_by_role("button", name=name, exact=True)
