"""A report says what the scorecard holds, and nothing that was typed into an interview becomes markup."""

import itertools
import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from agent.events import Disagreed
from agent.library import Library
from agent.rendering import (
    escaped,
    escaped_block,
    report_css,
    report_html,
    report_markdown,
    scorecard_fragment,
    transcript_markdown,
)
from agent.schema import Chances, Move, Scorecard, SectionResult, Transcript, Turn, Verdict
from agent.scoring import scorecard, section_result, without_verdicts
from agent.text import clean
from agent.wording import basis, certainty, clock, likely, scored, standing, tally

QUOTE = "Links go into DynamoDB keyed by the short code"
HOSTILE = (
    "<script>alert(1)</script> <img src=x onerror=alert(1)> ![pixel](https://evil.example/p.png) [click](javascript:alert(1))"
    ' </blockquote></details> "><svg onload=alert(1)> &lt;b&gt; &#60;i&#62; `code` **bold** | cell | $x$ https://evil.example www.evil.example'
)
REORDERED = "safe \u202etxt.exe\u202c \u2066hidden\u2069 \u200bword"


def transcript(said: str = f"{QUOTE}, because a redirect is one lookup.", title: str = "Build a URL shortener") -> Transcript:
    return Transcript(
        title=title,
        level="senior",
        minutes=45,
        turns=(
            Turn(n=1, section="6", speaker="interviewer", text="How would you store the data?", at=0, move=Move(kind="ask")),
            Turn(n=2, section="6", speaker="candidate", text=said, at=75),
            Turn(n=3, section="7", speaker="interviewer", text="What breaks?", at=610, move=Move(kind="follow_up"), passages=("7.3",)),
        ),
    )


def graded(library: Library, section: str = "6", quote: str = QUOTE, reason: str = "The reason.", grader: str = "embedded") -> SectionResult:
    """The first criterion met after a hint, the second partly, the third unscored, the others not observed."""
    first, second, third, *others = library.rubrics[section].criteria
    verdicts = [
        Verdict(criterion=first.id, status="met", quote=quote, turn=2, confidence=0.95, reason=reason, hints=1),
        Verdict(criterion=second.id, status="partial", quote=quote, turn=2, confidence=0.8, reason=reason),
        Verdict(criterion=third.id, status="unscored", confidence=0, reason="The grader left this criterion out."),
        *(Verdict(criterion=c.id, status="not_observed", confidence=0.7, reason=reason) for c in others),
    ]
    return section_result(library.section(section), library.rubrics[section], verdicts, "senior", grader)


def estimated(library: Library) -> Scorecard:
    """Section 6 from a grader that estimates: the first criterion met, the second unclear with a quote, the others probably not observed."""
    first, second, *others = library.rubrics["6"].criteria
    verdicts = [
        Verdict(
            criterion=first.id, status="met", quote=QUOTE, turn=2, confidence=0.94, reason="It says so.", chances=Chances(met=0.94, partial=0.05)
        ),
        Verdict(
            criterion=second.id,
            status="unclear",
            quote=QUOTE,
            turn=2,
            confidence=0.4,
            reason="It may.",
            hints=1,
            chances=Chances(met=0.4, partial=0.3),
        ),
        *(Verdict(criterion=c.id, status="not_observed", confidence=0.8, reason="No.", chances=Chances(met=0.1, partial=0.1)) for c in others),
    ]
    row = section_result(library.section("6"), library.rubrics["6"], verdicts, "senior", "embedded").model_copy(
        update={"score": 57.5, "band": (47.6, 66.4)}
    )
    said = transcript().model_copy(update={"prompts": {"grade_section": "0123456789abcdef"}, "corpus": "c0ffee"})
    return scorecard(said, {"6": row}, library, "embedded", sections=("6", "7"))


def make_card(library: Library, said: Transcript, quote: str = QUOTE, reason: str = "The reason.", grader: str = "embedded") -> Scorecard:
    """Section 6 is graded, 7 is unscored, and 8 was not reached."""
    results = {
        "6": graded(library, quote=quote, reason=reason, grader=grader),
        "7": without_verdicts(library.section("7"), "unscored", "The model did not answer."),
    }
    return scorecard(said, results, library, grader, sections=("6", "7", "8"))


class Page(HTMLParser):
    """What a browser would make of a document: its tags, links, anchors and words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.words += data

    def all(self, name: str) -> list[str]:
        return [value for found, value in self.attributes if found == name]


def parsed(markdown: str) -> list[Token]:
    tokens = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(markdown)
    return [inner for token in tokens for inner in (token, *(token.children or []))]


def row_of(html: str, section: str) -> str:
    """The bar of a section."""
    return html.split(f'href="#section-{section}"')[1].split("</li>")[0]


# --- what a report says -----------------------------------------------------------------------------------------


def test_the_first_line_is_the_level_signal_in_words_and_what_decided_it(library: Library) -> None:
    card = make_card(library, transcript())
    seen = Page(scorecard_fragment(card, transcript(), library)).words.split("\n")
    lines = [line for line in seen if line.strip()]
    assert lines[0] == "Not enough to tell"
    assert lines[1].startswith(card.signal_reason)
    assert f"**Not enough to tell.** {card.signal_reason}" in report_markdown(card, transcript(), library)


@pytest.mark.parametrize(
    "signal, words", [("below_mid", "Below mid level"), ("mid", "Mid level"), ("senior", "Senior level"), ("staff", "Staff level")]
)
def test_every_level_signal_has_words(library: Library, signal: str, words: str) -> None:
    card = make_card(library, transcript()).model_copy(update={"level_signal": signal})
    assert f"<h2>{words}</h2>" in scorecard_fragment(card, None, library)


def test_not_reached_unscored_and_not_observed_are_shown_as_three_different_things(library: Library) -> None:
    html = scorecard_fragment(make_card(library, transcript()), transcript(), library)
    assert "not reached" in row_of(html, "8") and 'class="fill"' not in row_of(html, "8")
    assert "unscored" in row_of(html, "7") and "The model did not answer." in row_of(html, "7") and 'class="fill"' not in row_of(html, "7")
    assert 'class="fill"' in row_of(html, "6") and 'class="band"' in row_of(html, "6")
    for word in ("Met", "Partly", "Not observed", "Unscored"):
        assert f"<span>{word}" in html


def test_the_markdown_tells_the_three_states_apart_too(library: Library) -> None:
    text = report_markdown(make_card(library, transcript()), transcript(), library)
    assert re.search(r"\| 8 .* \|  \|  \| not reached \|", text)
    assert re.search(r"\| 7 .* \|  \|  \| unscored: The model did not answer. \|", text)
    assert "**Not observed** (likely)" in text and "**Unscored**:" in text


def test_a_quote_links_to_its_turn_and_tells_the_time(library: Library) -> None:
    said = transcript()
    card = make_card(library, said)
    assert '<a class="turn-link" href="#turn-2">turn 2, 01:15</a>' in scorecard_fragment(card, said, library)
    assert f"> \u201c{QUOTE}\u201d ([turn 2](#turn-2), 01:15)" in report_markdown(card, said, library)


def test_without_the_transcript_a_quote_names_its_turn_and_links_nowhere(library: Library) -> None:
    card = make_card(library, transcript())
    html = scorecard_fragment(card, None, library)
    assert "#turn-" not in html and '<span class="turn-link">turn 2</span>' in html
    assert "](#turn-" not in report_markdown(card, None, library)


def test_every_link_of_the_document_leads_to_an_anchor_in_it(library: Library) -> None:
    said = transcript()
    page = Page(report_html(make_card(library, said), said, library))
    anchors = page.all("id")
    assert len(anchors) == len(set(anchors))
    assert {"turn-1", "turn-2", "turn-3"} <= set(anchors)
    assert all(link.startswith("#") and link[1:] in anchors for link in page.all("href"))


def test_a_criterion_that_was_missed_says_what_a_better_answer_would_have_had(library: Library) -> None:
    met, partly, unscored, missed, *_ = library.rubrics["6"].criteria
    words = Page(scorecard_fragment(make_card(library, transcript()), None, library)).words
    assert all(point in words for criterion in (partly, missed) for point in criterion.counts)
    assert not any(point in words for criterion in (met, unscored) for point in criterion.counts)


def test_next_steps_name_the_subsection_and_its_points(library: Library) -> None:
    card = make_card(library, transcript())
    words = Page(scorecard_fragment(card, None, library)).words
    for step in card.next_steps:
        assert f"{step.subsection} {step.title}" in words
        assert library.subsections[step.subsection].points[0].name in words


def test_the_embedded_grader_says_that_it_estimates_and_how_sure_it_is(library: Library) -> None:
    words = Page(scorecard_fragment(make_card(library, transcript()), None, library)).words
    assert "Embedded grader. A small classifier on this machine, trained on written interviews" in words and "of 100, estimated" in words
    assert "Where it is not sure, it says unclear." in words and "It can miss a good idea in unusual words." in words
    assert "Met very likely" in words and "Partly likely" in words and "Not observed likely" in words


def test_a_model_is_named_and_no_certainty_is_invented_for_it(library: Library) -> None:
    words = Page(scorecard_fragment(make_card(library, transcript(), grader="some-model"), None, library)).words
    assert "some-model. A language model judged" in words
    assert "estimated" not in words and "unclear" not in words and "likely" not in words


@pytest.mark.parametrize("confidence, word", [(0.97, "very likely"), (0.9, "very likely"), (0.8, "likely"), (0.62, "a close call")])
def test_certainty_is_a_word_for_a_range(confidence: float, word: str) -> None:
    for status in ("met", "partial", "not_observed"):
        assert certainty(Verdict(criterion="c", status=status, confidence=confidence, reason="r"), "embedded") == word
    assert certainty(Verdict(criterion="c", status="unclear", confidence=confidence, reason="r"), "embedded") == ""
    assert certainty(Verdict(criterion="c", status="met", confidence=confidence, reason="r"), "some-model") == ""


def test_hints_and_criteria_above_the_level_are_explained(library: Library) -> None:
    said = transcript().model_copy(update={"level": "mid"})
    words = Page(scorecard_fragment(make_card(library, said), None, library)).words
    assert "after 1 hint, which leaves 75% of the credit" in words
    assert "expected from senior level on, so it can only lift your score" in words


def test_a_card_without_any_score_says_so(library: Library) -> None:
    card = scorecard(Transcript(turns=()), {}, library, "embedded")
    words = Page(report_html(card, Transcript(turns=()), library)).words
    assert "No score" in words and "0 of 10 sections graded" in words and "Nothing was said." in words
    assert "**No score**" in report_markdown(card, None, library)


def test_a_criterion_that_the_corpus_no_longer_has_is_named_by_its_id(library: Library) -> None:
    card = make_card(library, transcript())
    old = Verdict(criterion="retired-criterion", status="not_observed", confidence=0.9, reason="r")
    rows = tuple(row.model_copy(update={"verdicts": (old,)}) if row.id == "6" else row for row in card.sections)
    assert "retired criterion" in scorecard_fragment(card.model_copy(update={"sections": rows}), None, library)


def test_the_transcript_shows_speakers_times_sections_and_kinds_of_turns(library: Library) -> None:
    said = transcript()
    text = transcript_markdown(said, library)
    assert "## 6 Data storage and retrieval\n\n### Turn 1\n\n*Interviewer, 00:00*" in text
    assert "### Turn 2\n\n*Candidate, 01:15*" in text
    assert "*Interviewer, 10:10, follow-up on 7.3*" in text


def test_times_and_standings_read_well() -> None:
    assert [clock(seconds) for seconds in (0, 59.9, 60, 5999, 6000)] == ["00:00", "00:59", "01:00", "99:59", "100:00"]
    rows = [SectionResult(id="1", title="t", status="graded", score=score, expected=(50, 80)) for score in (49.9, 50, 80, 81)]
    assert [standing(row) for row in rows] == ["below expectation", "as expected", "as expected", "above expectation"]


# --- what a grader is not sure of -------------------------------------------------------------------------------


def test_unclear_is_a_verdict_of_its_own_with_its_quote_and_what_would_have_been_better(library: Library) -> None:
    card, said = estimated(library), transcript()
    _, second, third, *_ = library.rubrics["6"].criteria
    html = scorecard_fragment(card, said, library)
    row = html.split('<li class="verdict unclear">')[1].split('</li>\n<li class="verdict')[0]
    words = Page(row).words
    assert "Unclear" in words and QUOTE in words and "It may." in words and "after 1 hint, which leaves 75% of the credit" in words
    assert "A better answer would have had" in words and all(point in words for point in second.counts)
    assert "likely" not in words and third.statement not in words
    assert "**Unclear**: " in report_markdown(card, said, library)
    assert tally(card.sections[0]).endswith(", 1 unclear") and tally(card.sections[0]).startswith("1 met, ")


def test_a_band_stands_beside_its_score_and_on_its_bar(library: Library) -> None:
    card = estimated(library)
    html = scorecard_fragment(card, None, library)
    assert '<i class="whisker" style="left:47.6%;right:33.6%">' in row_of(html, "6")
    assert "most likely 48 to 66" in row_of(html, "6")
    assert "Thin line: where the score most likely lies, four times in five." in html
    assert re.search(r"\| 6 .* \| 58 \(48 to 66\) \| 45 to 75 \|", report_markdown(card, None, library))
    assert "58 (48 to 66) of 100" in report_markdown(card, None, library)


def test_without_a_band_nothing_is_drawn_or_said_of_one(library: Library) -> None:
    card = make_card(library, transcript())
    html = scorecard_fragment(card, None, library)
    assert "whisker" not in html and "most likely" not in row_of(html, "6") and "Thin line" not in html
    assert scored(card.sections[0]).isdigit() and likely(card.sections[0]) == ""
    assert scored(card.sections[2]) == ""


# --- what the candidate thinks of it ----------------------------------------------------------------------------


def test_every_verdict_can_be_disagreed_with_on_the_page_and_none_in_a_document(library: Library) -> None:
    card, said = estimated(library), transcript()
    html = scorecard_fragment(card, said, library, interactive=True)
    criteria = library.rubrics["6"].criteria
    assert re.findall(r'data-keep="([^"]+)" data-section="6"', html) == [c.id for c in criteria]
    assert re.findall(rf'name="right-{criteria[0].id}" value="(\w+)"', html) == ["partial", "not_observed"]
    assert re.findall(rf'name="right-{criteria[1].id}" value="(\w+)"', html) == ["met", "partial", "not_observed"]
    page = Page(html)
    anchors = page.all("id")
    assert len(anchors) == len(set(anchors)) and set(page.all("for") + page.all("aria-describedby")) <= set(anchors)
    for document in (report_html(card, said, library), scorecard_fragment(card, said, library)):
        assert not {"button", "input", "textarea", "fieldset"} & set(Page(document).tags) and "I disagree" not in document


def test_a_disagreement_is_told_with_its_reason_and_can_be_taken_back_on_the_page_only(library: Library) -> None:
    card, said, criterion = estimated(library), transcript(), library.rubrics["6"].criteria[2].id
    kept = {criterion: Disagreed(section="6", criterion=criterion, verdict="partial", why=f"I named <b>it</b>.\n\n# twice\n{HOSTILE}")}
    html = scorecard_fragment(card, said, library, kept, interactive=True)
    assert "You disagreed: partly. Kept with the interview." in html
    assert f'data-take-back="{criterion}" data-section="6"' in html and f'data-keep="{criterion}"' not in html
    document = report_html(card, said, library, kept)
    assert "You disagreed: partly." in document and "Kept with" not in document and "button" not in Page(document).tags
    calm = {criterion: kept[criterion].model_copy(update={"why": "I named it."})}
    assert Page(html).tags == Page(scorecard_fragment(card, said, library, calm, interactive=True)).tags
    assert Page(document).tags == Page(report_html(card, said, library, calm)).tags
    assert all("I named &lt;b&gt;it&lt;/b&gt;." in shown and HOSTILE in Page(shown).words for shown in (html, document))
    tokens = parsed(report_markdown(card, said, library, kept))
    assert not {token.type for token in tokens} & {"image", "html_block", "html_inline", "code_inline"}
    headings = [after.content for token, after in itertools.pairwise(tokens) if token.type == "heading_open"]
    assert "twice" not in headings
    assert "**You disagreed: partly.**\n\n> I named" in report_markdown(card, said, library, kept)


# --- what it rests on -------------------------------------------------------------------------------------------


def test_a_scorecard_and_both_reports_end_with_what_they_rest_on(library: Library) -> None:
    card, said = estimated(library), transcript()
    version = library.rubrics["6"].version
    assert basis(card) == [
        ("Graded by", "Embedded grader"),
        ("Interviewed by", "Embedded interviewer"),
        ("Rubrics", f"version {version} (section 6)"),
        ("Corpus", "c0ffee"),
        ("Prompts", "grade_section 0123456789ab (no model was asked)"),
    ]
    html = scorecard_fragment(card, said, library)
    assert html.count("How this was graded") == 1 and "grade_section 0123456789ab" in html.split("How this was graded")[1]
    document = report_html(card, said, library)
    assert document.count("How this was graded") == 1 and document.index("How this was graded") > document.index('id="turn-3"')
    assert report_markdown(card, said, library).split("## ")[-1].startswith("How this was graded\n\n- Graded by: Embedded grader\n")


def test_who_graded_some_sections_only_is_named_with_them(library: Library) -> None:
    said = transcript().model_copy(update={"model": "imported"})
    results = {"6": graded(library, "6", grader="embedded"), "7": graded(library, "7", grader="some-model")}
    told = dict(basis(scorecard(said, results, library, "some-model", sections=("6", "7"))))
    assert told["Graded by"] == "some-model, Embedded grader (section 6)"
    assert told["Interviewed by"].startswith("Somebody else")
    old = make_card(library, transcript()).model_copy(update={"model": None})
    assert dict(basis(old))["Interviewed by"] == "Not recorded"


# --- hostile text -----------------------------------------------------------------------------------------------


def hostile_report(library: Library) -> tuple[Scorecard, Transcript]:
    said = transcript(said=f"{HOSTILE}\n# heading\n- item\n1. one\n===\n    code\n> quote\n\n```\nfence\n{REORDERED}", title=f"Build {HOSTILE}")
    return make_card(library, said, quote=HOSTILE, reason=f"{HOSTILE} {REORDERED}", grader=f"model {HOSTILE}"), said


def test_hostile_text_adds_no_tag_and_no_attribute_to_the_document(library: Library) -> None:
    card, said = hostile_report(library)
    page = Page(report_html(card, said, library))
    calm = make_card(library, transcript(), grader="model")
    assert page.tags == Page(report_html(calm, transcript(), library)).tags
    assert not {"src", "onerror", "onload", "srcset"} & {name for name, _ in page.attributes}
    assert HOSTILE in page.words


def test_the_document_asks_for_nothing_from_outside(library: Library) -> None:
    card, said = hostile_report(library)
    html = report_html(card, said, library)
    page = Page(html)
    assert not {"script", "link", "img", "iframe", "object", "form", "base"} & set(page.tags)
    assert "default-src 'none'" in html
    assert not re.search(r"url\(|@import|//", report_css())


def test_hostile_text_adds_nothing_to_the_structure_of_the_markdown(library: Library) -> None:
    card, said = hostile_report(library)
    tokens = parsed(report_markdown(card, said, library))
    kinds = {token.type for token in tokens}
    assert not kinds & {"image", "html_block", "html_inline", "code_inline", "code_block", "fence", "s_open", "hr"}
    assert all(str(token.attrs["href"]).startswith("#turn-") for token in tokens if token.type == "link_open")
    headings = [after.content for token, after in itertools.pairwise(tokens) if token.type == "heading_open"]
    assert headings[-2:] == ["Turn 3", "How this was graded"] and "heading" not in headings


def test_characters_that_reorder_or_hide_text_are_left_out(library: Library) -> None:
    card, said = hostile_report(library)
    for text in (report_html(card, said, library), report_markdown(card, said, library), transcript_markdown(said, library)):
        assert "txt.exe" in text
        assert not re.search(r"[\u200b-\u200f\u202a-\u202e\u2060-\u2069]", text)


def test_text_that_is_written_from_right_to_left_keeps_its_direction_to_itself(library: Library) -> None:
    said = transcript(said="\u05e9\u05dc\u05d5\u05dd, DynamoDB")
    assert '<p class="said" dir="auto">\u05e9\u05dc\u05d5\u05dd, DynamoDB</p>' in report_html(make_card(library, said), said, library)


@given(st.text(alphabet=st.sampled_from("ab1 .)(#*_-+=>`~<&;!|[]\\:/@w$\"'\t\n"), max_size=40) | st.text(max_size=40))
@example("1) a")
@example("&amp; &copy; &#x3c;")
@example("a\\")
def test_whatever_is_typed_markdown_shows_the_same_words(text: str) -> None:
    wanted = " ".join(clean(text).split())
    tokens = parsed(escaped(text))
    assert [token.type for token in tokens if token.level == 0 and token.block and token.type.endswith("_open")] in ([], ["paragraph_open"])
    shown = "".join(token.content for token in tokens if token.type in ("text", "text_special"))
    assert "".join(shown.split()) == "".join(wanted.split())


@given(st.text(alphabet=st.sampled_from("ab1 .)#*_-+=>`~<&;![]\\|:\t\n"), max_size=60))
def test_lines_and_paragraphs_are_all_the_structure_that_a_typed_text_has(text: str) -> None:
    kinds = {token.type for token in parsed(escaped_block(text))}
    assert kinds <= {"paragraph_open", "paragraph_close", "inline", "text", "text_special", "hardbreak"}


@pytest.mark.parametrize("address", ["https://evil.example", "http://evil.example", "www.evil.example", "mailto:a@b.example", "a@b.example"])
def test_an_address_is_broken_up_so_that_no_viewer_makes_a_link_of_it(address: str) -> None:
    assert address not in escaped(address)
    assert MarkdownIt().renderInline(escaped(address)) == address


# --- the look ---------------------------------------------------------------------------------------------------


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_every_text_colour_has_contrast_on_paper_in_light_and_dark() -> None:
    found = re.findall(r"--r-(\w+): var\(--\w+, (#[0-9a-f]{6})\)", report_css())
    themes = [dict(found[i : i + 8]) for i in range(0, len(found), 8)]
    assert len(themes) == 3 and themes[1] == themes[2]
    for theme in themes:
        paper = _luminance(theme["paper"])
        for name in ("ink", "muted", "accent", "good", "warn", "bad"):
            low, high = sorted((paper, _luminance(theme[name])))
            assert (high + 0.05) / (low + 0.05) >= 4.5, name
