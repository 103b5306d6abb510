"""The page with a model behind it: a real server that speaks the OpenAI protocol, and dies half way."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from agent.library import Library
from tests.browser.candidate import Candidate
from tests.browser.conftest import served
from tests.model_parts import judging
from tests.openai_server import OpenAIServer

pytestmark = pytest.mark.browser
SAID = "We shard the links by their code, because every redirect reads one row by that key, so one machine answers it."
QUESTION = "Where does the code come from?"


def test_a_model_conducts_and_grades_and_when_it_dies_the_embedded_interviewer_goes_on_and_it_can_grade_later(
    tmp_path: Path, visitor: Callable[..., Page], library: Library
) -> None:
    with OpenAIServer() as endpoint:
        endpoint.always = judging(library, SAID.split(",")[0], QUESTION)
        page = served(tmp_path / "data", OPENAI_BASE_URL=endpoint.url, OPENAI_API_KEY="test-key", AGENT_MODEL="test-model")
        page.start()
        try:
            candidate = Candidate(visitor(), page.url).starts()
            expect(candidate.page.locator("summary:visible", has_text="Model: test-model")).to_be_visible()
            expect(candidate.questions.last).to_contain_text(QUESTION)
            candidate.says(SAID)
            expect(candidate.questions.last).to_contain_text(QUESTION)
            candidate.is_done()
            expect(candidate.page.locator("#rail > .rail-list li").first).to_contain_text(re.compile(r"\d+$"))
            endpoint.stop()
            candidate.says(SAID)
            expect(candidate.page.get_by_text("comes from the embedded interviewer; nothing you wrote is lost").first).to_be_visible()
            expect(candidate.page.get_by_text(SAID)).to_have_count(2)
            candidate.button("End").click()
            candidate.button("End and grade").click()
            scorecard = candidate.page.locator("#scorecard")
            expect(scorecard).to_contain_text(SAID.split(",")[0])
            expect(scorecard).to_contain_text("cannot be reached")
            candidate.button("Grade section 1 again").press("Enter")
            expect(candidate.page.locator(".progress")).to_have_count(1)
            expect(candidate.button("Grade section 1 again")).to_be_focused()  # it failed again, and can be tried again
            endpoint.start()
            candidate.button("Grade section 1 again").press("Enter")
            expect(candidate.page.get_by_role("heading", name="Not graded")).to_have_count(0)
            expect(candidate.page.get_by_role("heading", level=1)).to_be_focused()
            expect(scorecard.locator("#section-1 > summary .value")).to_have_text(re.compile(r"\d+"))
        finally:
            page.kill()
