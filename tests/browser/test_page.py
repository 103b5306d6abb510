import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from agent.library import Library
from evals.training import statements
from tests.browser.candidate import Candidate
from tests.browser.conftest import Server

pytestmark = pytest.mark.browser
Visitor = Callable[..., Page]


def test_a_whole_interview_is_conducted_by_keyboard_alone(server: Server, visitor: Visitor) -> None:
    page = visitor()
    candidate = Candidate(page, server.url).opens()
    candidate.tabs_to(page.locator("input[name=scenario]:checked"))
    for _ in range(20):  # down the list of problems
        if page.locator("input[name=scenario]:checked").input_value() == "team-chat":
            break
        page.keyboard.press("ArrowDown")
    candidate.tabs_to(page.locator("input[name=level]:checked"))
    page.keyboard.press("ArrowRight")
    candidate.tabs_to(page.get_by_role("slider"))
    page.keyboard.press("Home")
    expect(page.locator(".plan li").nth(5)).to_contain_text("3.3")
    candidate.tabs_to(candidate.button("Start the interview"))
    page.keyboard.press("Enter")
    expect(candidate.questions).to_have_count(1)
    expect(page.get_by_role("heading", level=1, name="Build a team chat")).to_be_visible()
    expect(page.locator(".topbar .level")).to_have_text("staff")
    expect(candidate.answer).to_be_focused()

    page.keyboard.type("I would ask who it is for,")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("then agree on the numbers. <b>${1}</b>")
    page.keyboard.press("Enter")
    expect(page.locator("#log .own")).to_have_text("I would ask who it is for,\nthen agree on the numbers. <b>${1}</b>", use_inner_text=True)
    expect(candidate.questions).to_have_count(2)
    expect(candidate.answer).to_have_value("")
    page.keyboard.press("Alt+1")
    expect(candidate.questions).to_have_count(3)
    for section in range(1, 10):
        candidate.listens()
        page.keyboard.press("Alt+3")
        expect(candidate.handovers).to_have_count(section + 1)
    candidate.listens()
    page.keyboard.press("Alt+3")

    expect(page.get_by_role("link", name="Report (Markdown)")).to_be_visible()
    for name, words in (("Report (Markdown)", "Build a team chat"), ("Report (HTML)", "<html"), ("Transcript (JSON)", "who it is for")):
        candidate.tabs_to(page.get_by_role("link", name=name))
        with page.expect_download() as download:
            page.keyboard.press("Enter")
        assert words in Path(download.value.path()).read_text(encoding="utf-8")
    assert json.loads(Path(download.value.path()).read_text(encoding="utf-8"))["level"] == "staff"


def test_a_refresh_in_mid_answer_keeps_the_draft_the_notes_and_the_place(server: Server, visitor: Visitor) -> None:
    candidate = Candidate(visitor(), server.url).starts()
    candidate.says("Who are the users, and how many links are made a month?")
    candidate.is_done()
    candidate.notes.fill("ask about abuse")
    candidate.answer.fill("The redirect is read far more often than")
    said, left = candidate.turns.all_inner_texts(), candidate.seconds_left()
    candidate.page.reload()
    expect(candidate.answer).to_have_value("The redirect is read far more often than")
    expect(candidate.notes).to_have_value("ask about abuse")
    assert candidate.turns.all_inner_texts() == said
    assert left - 6 <= candidate.seconds_left() <= left


def test_the_start_screen_offers_to_go_on(server: Server, visitor: Visitor) -> None:
    candidate = Candidate(visitor(), server.url).starts()
    candidate.is_done()
    candidate.page.get_by_role("link", name="All interviews").click()
    candidate.page.get_by_role("link", name="Continue at section 1, 44 minutes left").click()
    expect(candidate.handovers).to_have_count(2)


def test_a_problem_of_ones_own_can_be_typed(server: Server, visitor: Visitor) -> None:
    candidate = Candidate(visitor(), server.url).opens()
    candidate.page.get_by_label("Build", exact=True).fill("a parking app")
    candidate.page.keyboard.press("Enter")
    expect(candidate.page.get_by_role("heading", level=1, name="Build a parking app")).to_be_visible()
    expect(candidate.questions).to_contain_text("a parking app")


def test_an_empty_title_is_refused_in_words(server: Server, visitor: Visitor) -> None:
    candidate = Candidate(visitor(), server.url).opens()
    candidate.page.get_by_role("radio", name="Something else").check()
    candidate.button("Start the interview").click()
    expect(candidate.page.get_by_role("alert")).to_contain_text("Say what you want to build")


def test_a_pause_covers_the_conversation_and_stops_the_clock(server: Server, visitor: Visitor) -> None:
    candidate = Candidate(visitor(), server.url).starts()
    candidate.button("Pause").click()
    expect(candidate.button("Resume")).to_be_focused()
    expect(candidate.turns.first).not_to_be_visible()
    left = candidate.seconds_left()
    candidate.page.wait_for_timeout(2100)  # the time that must not pass
    assert candidate.seconds_left() == left
    candidate.page.keyboard.press("Enter")
    expect(candidate.turns.first).to_be_visible()


def test_two_browsers_do_not_see_each_others_interview(server: Server, visitor: Visitor) -> None:
    first = Candidate(visitor(), server.url).starts()
    second = Candidate(visitor(), server.url).opens()
    assert second.page.locator(".kept").count() == 0
    second.page.goto(first.page.url)
    expect(second.page.get_by_role("alert")).to_contain_text("not among yours")
    expect(second.turns).to_have_count(0)
    for path in (f"beat/{first.interview()}", f"leave/{first.interview()}"):
        assert second.page.request.post(server.url + path).status == 404
    assert second.page.request.get(f"{server.url}download/{first.interview()}.json").status == 404


def test_the_cookie_is_out_of_reach_of_scripts_and_nothing_may_come_from_outside(server: Server, visitor: Visitor) -> None:
    page = visitor()
    reply = page.goto(server.url)
    assert reply is not None
    assert "default-src 'self'" in reply.headers["content-security-policy"]
    assert "connect-src 'self'" in reply.headers["content-security-policy"]
    (cookie,) = page.context.cookies()
    assert (cookie.get("name"), cookie.get("httpOnly"), cookie.get("sameSite")) == ("candidate", True, "Lax")
    assert "http://" not in reply.text().replace(server.url.rstrip("/"), "").replace("http://127.0.0.1:11434", "").replace("http://www.w3.org", "")


def test_a_report_is_refused_in_words_while_the_interview_goes_on(server: Server, visitor: Visitor) -> None:
    candidate = Candidate(visitor(), server.url).starts()
    reply = candidate.page.request.get(f"{server.url}download/{candidate.interview()}.md")
    assert reply.status == 409
    assert "when the interview is over" in reply.json()["detail"]
    assert candidate.page.request.get(f"{server.url}download/{candidate.interview()}.json").status == 409


def test_the_two_weakest_sections_can_be_practised(server: Server, visitor: Visitor) -> None:
    candidate = Candidate(visitor(), server.url).starts()
    candidate.is_done()
    candidate.is_done()
    candidate.ends()
    first = candidate.interview()
    candidate.button("Practise the two weakest sections").click()
    expect(candidate.page.locator("#rail > .rail-list li")).to_have_count(2)
    expect(candidate.questions).to_have_count(1)
    assert candidate.interview() != first


def test_a_quote_in_the_scorecard_leads_to_the_turn(server: Server, visitor: Visitor, library: Library) -> None:
    candidate = Candidate(visitor(), server.url).starts()
    ids = {criterion.id for criterion in library.rubrics["0"].criteria}
    candidate.says(" ".join(one.text for criterion, one in statements(library) if criterion in ids and one.kind == "met")[:6000])
    candidate.ends()
    link = candidate.page.locator("#card a[href^='#turn-']:visible").first
    target = link.get_attribute("href")
    link.click()
    expect(candidate.page.locator(f"#said {target}")).to_be_focused()


def test_a_passage_opens_when_its_section_is_over(server: Server, visitor: Visitor) -> None:
    candidate = Candidate(visitor(), server.url).starts()
    candidate.says("I would treat it as a project of a real company: first the problem, then the people, then the numbers.")
    expect(candidate.page.locator("#log span.tag").first).to_be_visible()
    candidate.is_done()
    candidate.page.locator("#log button.tag").first.click()
    expect(candidate.page.get_by_role("dialog")).to_be_visible()
    candidate.page.keyboard.press("Escape")
    expect(candidate.page.get_by_role("dialog")).not_to_be_visible()


def test_a_grade_appears_in_the_rail_while_the_interview_goes_on(server: Server, visitor: Visitor) -> None:
    candidate = Candidate(visitor(), server.url).starts()
    candidate.says("Before any boxes I want to know what the business needs and who decides.")
    candidate.is_done()
    expect(candidate.page.locator("#rail > .rail-list li").first).to_have_class("done")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_serious_fault_on_any_screen(server: Server, visitor: Visitor, theme: str) -> None:
    candidate = Candidate(visitor(color_scheme=theme), server.url).opens()
    assert faults(candidate.page) == []
    candidate.starts()
    candidate.says("How many redirects a second do we expect?")
    candidate.is_done()
    assert faults(candidate.page) == []
    candidate.page.set_viewport_size({"width": 360, "height": 740})
    assert faults(candidate.page) == []
    candidate.page.set_viewport_size({"width": 1440, "height": 900})
    candidate.ends()
    assert faults(candidate.page) == []


def test_nothing_is_wider_than_a_small_phone(server: Server, visitor: Visitor) -> None:
    candidate = Candidate(visitor(360, 740), server.url).opens()
    assert width(candidate.page) == 360
    candidate.starts()
    assert width(candidate.page) == 360
    candidate.page.locator(".strip summary").click()
    expect(candidate.page.locator(".strip li").nth(9)).to_be_visible()
    candidate.page.locator(".strip summary").click()
    candidate.page.get_by_text("Brief, facts and notes").click()
    expect(candidate.notes).to_be_visible()
    candidate.page.get_by_text("Brief, facts and notes").click()
    candidate.ends()
    assert width(candidate.page) == 360


def test_a_killed_server_resumes_at_the_same_question_with_the_same_time_left(server: Server, visitor: Visitor) -> None:
    candidate = Candidate(visitor(), server.url).starts()
    candidate.is_done()
    said = candidate.turns.all_inner_texts()
    with candidate.page.expect_response(lambda response: "/beat/" in response.url):
        candidate.answer.fill("half an answer")
    left = candidate.seconds_left()
    server.kill()
    expect(candidate.page.get_by_role("alert")).to_contain_text("The server does not answer")
    with candidate.page.expect_navigation():  # the page comes back by itself
        server.start()
    expect(candidate.answer).to_have_value("half an answer")
    assert candidate.turns.all_inner_texts() == said
    assert abs(candidate.seconds_left() - left) <= 6


def faults(page: Page) -> list[Any]:
    """What axe finds serious or critical, in short."""
    found = Axe().run(page).response["violations"]
    grave = [one for one in found if one["impact"] in ("serious", "critical")]
    return [(one["id"], [(node["target"], node["failureSummary"]) for node in one["nodes"]][:4]) for one in grave]


def width(page: Page) -> int:
    """How wide the page is, with what has to be scrolled to."""
    return int(page.evaluate("Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)"))
