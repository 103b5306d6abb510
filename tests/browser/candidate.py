"""A candidate at the page, as the tests need one."""

import re

from playwright.sync_api import Locator, Page, expect


class Candidate:
    """Does what a person does, and reads what a person reads."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.answer = page.get_by_label("Your answer")
        self.notes = page.get_by_label("Notes")
        self.turns = page.locator("#log .turn")
        self.questions = page.locator("#log .turn.interviewer")
        self.handovers = page.locator("#log .handover")

    def opens(self) -> "Candidate":
        """The start screen."""
        self.page.goto(self.url)
        expect(self.button("Start the interview")).to_be_visible()
        return self

    def starts(self, title: str = "Build a URL shortener") -> "Candidate":
        """An interview, up to its first question."""
        self.opens()
        self.page.get_by_role("radio", name=title).check()
        self.button("Start the interview").click()
        expect(self.questions).to_have_count(1)
        return self

    def says(self, text: str) -> None:
        """An answer, until the interviewer has replied."""
        before = self.turns.count()
        self.answer.fill(text)
        self.answer.press("Enter")
        expect(self.turns).to_have_count(before + 2)
        expect(self.answer).to_have_value("")

    def listens(self) -> None:
        """Until the interviewer has said all."""
        expect(self.page.locator("body.thinking")).to_have_count(0)
        expect(self.page.locator("#live")).to_have_text("")

    def is_done(self) -> None:
        """With this section."""
        self.listens()
        before = self.handovers.count()
        self.button("Done with this section").click()
        expect(self.handovers).to_have_count(before + 1)
        self.listens()

    def ends(self) -> None:
        """The interview, until the scorecard is complete."""
        self.button("End").click()
        self.button("End and grade").click()
        expect(self.page.get_by_role("link", name="Report (Markdown)")).to_be_visible()

    def button(self, name: str) -> Locator:
        """The button with exactly this name."""
        return self.page.get_by_role("button", name=name, exact=True)

    def tabs_to(self, target: Locator) -> None:
        """Press Tab until something has the focus."""
        for _ in range(60):
            if target.evaluate("node => node === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{target} cannot be reached by keyboard")

    def seconds_left(self) -> int:
        """The time left as the page shows it."""
        shown = re.search(r"(\d+):(\d\d)", self.page.get_by_role("timer").inner_text())
        assert shown is not None
        return 60 * int(shown[1]) + int(shown[2])

    def interview(self) -> str:
        """The id in the address."""
        found = re.search(r"interview=(\w+)", self.page.url)
        assert found is not None, self.page.url
        return found[1]
