"""The page with a model behind it: a real server that speaks the OpenAI protocol, and dies half way."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from agent.library import Library
from tests.browser.candidate import Candidate
from tests.browser.conftest import served
from tests.openai_server import Behaviour, Kept, OpenAIServer, fills, says

pytestmark = pytest.mark.browser
SAID = "We shard the links by their code, because every redirect reads one row by that key, so one machine answers it."
QUESTION = "Where does the code come from?"


def judged(library: Library) -> Callable[[Kept], Behaviour]:
    """Speaks when it is asked to speak; meets the first criterion of whatever section it is to grade, with a quote."""

    def behaviour(request: Kept) -> Behaviour:
        if request.streamed:
            return says(QUESTION, between=0.01)
        rubric = next(rubric for rubric in library.rubrics.values() if f"### {rubric.criteria[0].id}" in request.text)
        verdicts = [{"criterion": c.id, "quotes": [], "reason": "Not said.", "verdict": "not_observed"} for c in rubric.criteria]
        quote = SAID.split(",")[0]
        if quote in request.text:
            verdicts[0] = {"criterion": rubric.criteria[0].id, "quotes": [quote], "reason": "It says so.", "verdict": "met"}
        return fills({"verdicts": verdicts})

    return behaviour


def test_a_model_conducts_and_grades_and_when_it_dies_the_embedded_interviewer_goes_on_and_it_can_grade_later(
    tmp_path: Path, visitor: Callable[..., Page], library: Library
) -> None:
    with OpenAIServer() as endpoint:
        endpoint.always = judged(library)
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
            endpoint.start()
            candidate.button("Grade section 1 again").click()
            expect(candidate.page.get_by_role("heading", name="Not graded")).to_have_count(0)
        finally:
            page.kill()
