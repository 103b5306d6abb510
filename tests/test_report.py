"""What a report shows, what it keeps to itself, and that nothing that was said or written can get out of its place."""

import csv
import io
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from agent.errors import ConfigurationError
from agent.library import Library
from agent.replies import ReplyStore
from agent.schema import Verdict
from agent.scoring import section_result, without_verdicts
from evals.__main__ import app
from evals.dataset import Dataset, load_dataset
from evals.report import Report, make_report
from evals.report_diff import diff_lines, diff_words, prompt_diffs
from evals.report_drill import find_quote, marked
from evals.report_figures import confusion_rows, gold_scores, order_rows, sliced
from evals.report_files import MOST_LINES, as_csv, as_json, as_junit, as_markdown, defined, spreadsheet_safe, write_report
from evals.report_html import as_html, chance, figure
from evals.report_plots import calibration_dots, interval_plot, nice_ticks, score_dots
from evals.run import Run, Setup, save_run, score_run
from evals.runner import Work, jobs_of
from evals.statistics import Comparison, NoiseFloor
from evals.summary import SLICES, calibrated
from evals.variant import Thresholds, Variant, load_variant
from tests.eval_cases import edit, write_cases

HOSTILE = "<script>alert(1)</script><img src=http://evil.example/x onerror=alert(1)> {{7*7}} \"'& </q></details>"
SHIPPED = load_variant("shipped")
Changes = Mapping[tuple[str, str], Mapping[str, Any]]  # case and criterion -> fields of the verdict
FOUND = "framing-what-is-measured"  # met or partial in every case, with a quote
LOST: Changes = {
    (case, FOUND): {"status": "not_observed", "quote": None, "turn": None, "reason": "I did not see it."}
    for case in ("url-shortener-b", "team-chat-b")
}
WON_BACK: Changes = {("url-shortener-a", "framing-time-plan"): {"status": "met", "quote": "I would first measure", "turn": 2}}


def graded(
    dataset: Dataset,
    library: Library,
    folder: Path,
    changes: Changes | None = None,
    variant: Variant = SHIPPED,
    unscored: Collection[tuple[str, str]] = (),
    trials: int = 1,
) -> Run:
    """A run whose grader says what gold says, but for `changes` (in the last trial) and sections that it failed at."""
    work = Work()
    for job in jobs_of(dataset, trials):
        case, section = dataset.case(job.case), library.section(job.section)
        if (job.case, job.section) in unscored:
            work.results[job] = without_verdicts(section, "unscored", note="The model did not answer.")
            continue
        verdicts = []
        for criterion in library.rubrics[job.section].criteria:
            gold = case.by_criterion[criterion.id]
            said = {
                "criterion": criterion.id,
                "status": gold.verdict,
                "quote": gold.quote,
                "turn": gold.turn,
                "confidence": 0.75,
                "reason": "As gold.",
            }
            change = (changes or {}).get((job.case, criterion.id), {}) if job.trial == trials - 1 else {}
            verdicts.append(Verdict.model_validate({**said, **change}))
        work.results[job] = section_result(section, library.rubrics[job.section], verdicts, case.transcript.level, "test")
    store = ReplyStore()
    run = score_run(Setup(cases=str(folder), model="test-model", trials=trials), variant, dataset, library, work, store, "test")
    store.close()
    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, library: Library) -> Path:
    return write_cases(tmp_path_factory.mktemp("cases"), library, tune=6, report=3)


@pytest.fixture(scope="module")
def dataset(folder: Path, library: Library) -> Dataset:
    return load_dataset(library, str(folder))


@pytest.fixture(scope="module")
def base(dataset: Dataset, library: Library, folder: Path) -> Run:
    return graded(dataset, library, folder)


@pytest.fixture(scope="module")
def candidate(dataset: Dataset, library: Library, folder: Path) -> Run:
    return graded(dataset, library, folder, LOST, Variant("lenient", SHIPPED.prompts, Thresholds(sure=0.4, lenience=0.3)))


@pytest.fixture(scope="module")
def report(base: Run, candidate: Run, library: Library) -> Report:
    return make_report([base, candidate], library)


class Page(HTMLParser):
    """The tags, attributes and words of a document."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.words += data


# --- hostile text, and nothing from outside ---------------------------------------------------------------------


def test_hostile_words_of_a_model_a_candidate_and_an_annotator_stay_words(tmp_path: Path, library: Library) -> None:
    folder = write_cases(tmp_path / "cases", library, tune=6)
    edit(folder / "transcripts" / "url-shortener-b.yaml", lambda found: found["turns"][1].update(text=f"{found['turns'][1]['text']} {HOSTILE}"))
    edit(folder / "gold" / "url-shortener-b.yaml", lambda found: found["verdicts"][0].update(note=f"note {HOSTILE}"))
    dataset = load_dataset(library, str(folder))
    base = graded(dataset, library, folder)
    said: Changes = {("url-shortener-b", FOUND): {"status": "partial", "quote": HOSTILE, "turn": 2, "reason": f"reason {HOSTILE}"}}
    other = graded(dataset, library, folder, said, Variant(f"name {HOSTILE}", SHIPPED.prompts, SHIPPED.thresholds))
    made = make_report([base, other], library)
    page = Page(as_html(made))
    assert {"script", "img", "iframe", "link", "object", "a"} & set(page.tags) == {"a"}
    assert [name for name, _ in page.attributes if name.startswith("on")] == []
    assert page.tags.count("details") == len(re.findall("</details>", as_html(made)))
    assert page.words.count(HOSTILE) >= 4
    markdown = as_markdown(made)
    assert "<script" not in markdown and "<img" not in markdown
    assert any(f"reason {HOSTILE}" == one["reason"] for item in json.loads(as_json(made))["items"]["verdicts"] for one in item["runs"].values())
    ElementTree.fromstring(as_junit(made))


def test_the_document_asks_for_nothing_from_outside(report: Report) -> None:
    text = as_html(report)
    page = Page(text)
    assert "http" not in text.replace('http-equiv="Content-Security-Policy"', "")
    assert "url(" not in text and "@import" not in text
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'") in page.attributes
    assert [value for name, value in page.attributes if name == "href" and not (value or "").startswith("#")] == []
    assert not {"src", "srcset", "action", "xlink:href"} & {name for name, _ in page.attributes}
    assert {value for name, value in page.attributes if name == "href"} <= {f"#{value}" for name, value in page.attributes if name == "id"}


def test_words_that_hide_or_reorder_others_are_stripped_and_spaces_between_pieces_stay(
    dataset: Dataset, library: Library, folder: Path, base: Run
) -> None:
    change: Changes = {("url-shortener-b", FOUND): {"status": "partial", "quote": "measure the old code", "turn": 2, "reason": "a\u202eb\u200bc"}}
    words = Page(as_html(make_report([base, graded(dataset, library, folder, change)], library))).words
    assert "abc" in words and "\u202e" not in words
    assert "I would first measure the old code for a fortnight." in words.replace("gold, base, candidate ", "").replace("gold, base ", "")


# --- the document -----------------------------------------------------------------------------------------------


def test_the_parts_come_in_their_order(report: Report) -> None:
    ids = [value for name, value in Page(as_html(report)).attributes if name == "aria-labelledby" and value and value.endswith("-title")]
    parts = ["prompts", "verdict", "figures", "confusion", "scores", "calibration", "ordering", "signals", "verdicts", "calls"]
    assert ids == [f"{part}-title" for part in parts]


def test_the_verdict_is_said_in_words_and_drawn(report: Report) -> None:
    text = as_html(report)
    assert report.compared[0].comparison.sentence in Page(text).words
    drawn = re.search(r'<svg class="plot wide".*?</svg>', text, re.DOTALL)
    assert drawn and 'role="img"' in drawn[0] and "<title" in drawn[0] and 'class="margin"' in drawn[0] and 'class="dot"' in drawn[0]


def test_every_plot_has_a_title_and_a_role(report: Report) -> None:
    text = as_html(report)
    plots = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(plots) == 1 + 2 + 2 + 3
    titles = [re.search(r'role="img" aria-labelledby="([\w-]+)">\s*<title id="\1">[^<]+</title>', plot) for plot in plots]
    assert all(titles) and len({found[1] for found in titles if found}) == len(plots)


def test_a_flip_opens_to_both_rationales_gold_and_the_marked_words(report: Report) -> None:
    group = report.groups[0][1][0]
    assert [(entry.row.case, entry.row.criterion) for entry in group.entries] == [("team-chat-b", FOUND), ("url-shortener-b", FOUND)]
    words = Page(as_html(report)).words
    assert "I did not see it." in words and "As gold." in words
    assert "gold, base This hour tests how I think aloud, while at work in Graz I would first measure the old code for a fortnight." in words
    assert "Lost: the base agreed with gold" in words


def test_a_verdict_that_no_run_judges_as_gold_does_comes_after_the_flips(dataset: Dataset, library: Library, folder: Path) -> None:
    both = graded(dataset, library, folder, WON_BACK)
    other = graded(dataset, library, folder, {**WON_BACK, **LOST}, Variant("other", SHIPPED.prompts, SHIPPED.thresholds))
    groups = make_report([both, other], library).groups
    assert [name for name, _ in groups] == ["candidate", ""]
    assert [(entry.row.case, entry.row.criterion) for entry in groups[1][1][0].entries] == list(WON_BACK)


def test_the_report_split_is_counted_and_never_read(dataset: Dataset, library: Library, folder: Path, base: Run) -> None:
    change: Changes = {("ticket-sales-b", FOUND): {"status": "not_observed", "quote": None, "turn": None, "reason": "A reason to tune for."}}
    made = make_report([base, graded(dataset, library, folder, {**change, **LOST})], library)
    lost = made.groups[0][1][0]
    assert (len(lost.entries), lost.withheld) == (2, 1)
    assert made.compared[0].comparison.clusters == 9
    files = [as_html(made), as_json(made), as_csv(made), as_junit(made), as_markdown(made)]
    assert [file for file in files if "A reason to tune for." in file or "Gent" in file] == []
    assert "1 of them are in the report split" in Page(files[0]).words
    found = json.loads(files[1])
    assert found["runs"][0]["verdicts"] == len(base.rows)
    assert found["items"]["withheld"] + len(found["items"]["verdicts"]) == len(base.rows)
    assert "ticket-sales" not in files[2]
    told = {
        test.get("classname"): test.findtext("failure")
        for test in ElementTree.fromstring(files[3]).iter("testcase")
        if test.find("failure") is not None
    }
    assert told["ticket-sales-b"] == "A case of the report split: figures only." and FOUND in (told["team-chat-b"] or "")


def test_looks_at_the_report_split_are_told(report: Report) -> None:
    assert "looked at" not in as_html(report)
    assert "The report split has been looked at 7 times." in Page(as_html(replace(report, looks=7))).words


def test_what_was_changed_stands_on_top(dataset: Dataset, library: Library, folder: Path, base: Run, tmp_path: Path) -> None:
    prompt = tmp_path / "mine.md"
    prompt.write_text((Path("prompts") / "grade_section.md").read_text().replace("rubric", "yardstick", 1))
    variant = load_variant("shipped", {"grade_section": prompt})
    other = graded(dataset, library, folder, variant=Variant("mine", variant.prompts, Thresholds(sure=0.4, lenience=0.3)))
    assert [diff.name for diff in prompt_diffs(base, other)] == ["grade_section"]
    text = as_html(make_report([base, other], library))
    part = text[text.index('id="prompts"') : text.index('id="verdict"')]
    assert "<del>rubric: </del>" in part and "<ins>yardstick: </ins>" in part
    assert re.search(r">lenience</th><td>0\.000</td><td>0\.300<", part)


def test_a_report_on_one_run_has_its_figures_and_what_it_missed(candidate: Run, library: Library) -> None:
    made = make_report([candidate], library)
    page = Page(as_html(made))
    assert ("id", "verdict") not in page.attributes and ("id", "prompts") not in page.attributes
    assert [entry.row.case for entry in made.groups[0][1][0].entries] == ["url-shortener-b", "team-chat-b"]
    assert "Not gold's" in page.words
    assert ElementTree.fromstring(as_junit(made)).findall(".//failure") == []


def test_yardsticks_and_annotators_stand_beside_the_runs(report: Report, dataset: Dataset) -> None:
    gold = [verdict for case in dataset for verdict in case.gold.verdicts]
    lines = {line.name: line for line in report.lines}
    assert lines["always-met"].found.accuracy == pytest.approx(sum(one.verdict == "met" for one in gold) / len(gold))
    people = lines["first annotation pass against the second"]
    assert people.found.accuracy == pytest.approx(sum(one.passes[0] == one.passes[1] for one in gold) / len(gold))
    low, high = people.intervals["kappa"] or (0.0, 0.0)
    assert low < (people.found.kappa or 0) < high
    assert lines["base"].found.accuracy == 1.0


def test_repeats_of_the_base_are_drawn_as_noise(dataset: Dataset, library: Library, folder: Path) -> None:
    first, second = graded(dataset, library, folder, LOST, trials=2), graded(dataset, library, folder, WON_BACK, trials=2)
    text = as_html(make_report([first, second], library))
    assert '<rect class="noise"' in text and "trial 2" in Page(text).words


def test_without_the_cases_the_figures_remain_and_it_says_what_is_missing(base: Run, candidate: Run, library: Library, tmp_path: Path) -> None:
    gone = [run.model_copy(update={"cases": str(tmp_path / "nowhere")}) for run in (base, candidate)]
    made = make_report(gone, library)
    assert made.dataset is None and "cannot be read" in made.notes[0]
    words = Page(as_html(made)).words
    assert made.notes[0] in words and "I did not see it." in words


def test_cases_that_changed_since_are_not_taken_for_those_of_the_run(base: Run, library: Library) -> None:
    made = make_report([base.model_copy(update={"dataset": "0" * 16})], library)
    assert made.dataset is None and made.yardsticks == () and "changed since" in made.notes[0]


def test_a_run_without_verdicts_is_refused(base: Run, library: Library) -> None:
    with pytest.raises(ConfigurationError, match="holds no verdict"):
        make_report([base, base.model_copy(update={"rows": ()})], library)


def test_a_section_that_nobody_could_grade_is_unscored_everywhere(dataset: Dataset, library: Library, folder: Path, base: Run) -> None:
    other = graded(dataset, library, folder, unscored=[("team-chat-a", "2")])
    made = make_report([base, other], library)
    assert "unscored" in Page(as_html(made)).words
    suite = ElementTree.fromstring(as_junit(made)).findall("testsuite")[1]
    skipped = [test.get("classname") for test in suite if test.find("skipped") is not None]
    assert skipped == ["team-chat-a"] and suite.get("skipped") == "1" and suite.get("failures") == "0"


# --- the other files --------------------------------------------------------------------------------------------


def test_the_markdown_begins_with_the_verdict_and_is_short(base: Run, candidate: Run, report: Report, library: Library) -> None:
    text = as_markdown(report)
    assert text.startswith(f"**{report.compared[0].comparison.sentence.replace('<', '&lt;')}**")
    assert f"| {FOUND} | 0 | 2 | 0 | 2 |" in text
    many = [candidate.model_copy(update={"id": f"run-{n}"}) for n in range(8)]
    long = as_markdown(make_report([base, *many], library))
    assert len(long.splitlines()) <= MOST_LINES and "3 more candidates" in long and "corrected" in long


def test_the_json_is_strict_and_holds_everything(report: Report, base: Run) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    found = json.loads(as_json(report), parse_constant=refuse)
    assert found["comparisons"][0]["outcome"] == report.compared[0].comparison.outcome
    assert found["comparisons"][0]["flips"] == {"lost": 2, "won": 0, "neither": 0}
    assert found["runs"][0]["prompts"] == base.prompts and len(found["runs"][0]["case_scores"]) == 9
    assert {line["kind"] for line in found["lines"]} == {"base", "candidate", "yardstick", "annotators"}


def test_the_csv_has_a_line_a_verdict(report: Report, base: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(report))))
    assert len(rows) == sum(row.case not in base.figures_only for row in base.rows)
    row = next(row for row in rows if (row["case"], row["criterion"]) == ("url-shortener-b", FOUND))
    wanted = {"section": "0", "trial": "1", "verdict base": "met", "verdict candidate": "not_observed", "gold": "met", "confidence base": "0.7500"}
    assert wanted.items() <= row.items() and row["tier"] in ("mid", "senior", "staff")


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_taken_for_a_formula(begin: str, base: Run, library: Library) -> None:
    assert spreadsheet_safe(f"{begin}1+1") == f"'{begin}1+1"
    first = base.rows[0].model_copy(update={"criterion": f"{begin}HYPERLINK(1)"})
    text = as_csv(make_report([base.model_copy(update={"rows": (first, *base.rows[1:])})], library))
    assert next(csv.DictReader(io.StringIO(text)))["criterion"] == f"'{begin}HYPERLINK(1)"


def test_an_ordinary_cell_stays_as_it_is() -> None:
    assert spreadsheet_safe("team-chat-a") == "team-chat-a" and spreadsheet_safe("") == ""


def test_junit_has_a_suite_a_run_and_fails_where_agreement_was_lost(report: Report, base: Run) -> None:
    root = ElementTree.fromstring(as_junit(report))
    first, second = root.findall("testsuite")
    assert (first.get("tests"), first.get("failures"), first.get("skipped")) == (str(len(base.section_scores)), "0", "0")
    failed = [(test.get("classname"), (test.get("name") or "")[0], test.find("failure")) for test in second if test.find("failure") is not None]
    assert {(case, section) for case, section, _ in failed} == {("url-shortener-b", "0"), ("team-chat-b", "0")}
    assert all(found is not None and f"{FOUND}: met -> not_observed (gold met)" in (found.text or "") for _, _, found in failed)
    assert second.get("failures") == "2" and second.get("name") == report.runs[1].id


def test_what_was_won_fails_nothing(dataset: Dataset, library: Library, folder: Path, base: Run) -> None:
    root = ElementTree.fromstring(as_junit(make_report([graded(dataset, library, folder, LOST), base], library)))
    assert root.findall(".//failure") == []


def test_a_figure_that_is_not_defined_is_null() -> None:
    assert defined({"a": [float("nan"), (float("inf"), 1.5)], "b": "nan", "c": None}) == {"a": [None, [None, 1.5]], "b": "nan", "c": None}


def test_control_characters_do_not_break_the_xml(base: Run, library: Library) -> None:
    scores = tuple(score.model_copy(update={"score": None, "note": "\x00\x1b[31m<&>"}) for score in base.section_scores)
    root = ElementTree.fromstring(as_junit(make_report([base.model_copy(update={"section_scores": scores})], library)))
    assert {found.get("message") for found in root.iter("skipped")} == {"unscored: [31m<&>"}


def test_all_files_are_written_and_a_folder_that_cannot_be_is_named(report: Report, tmp_path: Path) -> None:
    files = write_report(report, tmp_path / "deep" / "report")
    assert sorted(path.name for path in (tmp_path / "deep" / "report").iterdir()) == [
        "junit.xml",
        "report.html",
        "report.json",
        "report.md",
        "verdicts.csv",
    ]
    assert all(path.read_text(encoding="utf-8") for path in files.values())
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="--out"):
        write_report(report, tmp_path / "file")


def test_the_name_of_a_report_cannot_leave_its_folder(base: Run, library: Library) -> None:
    made = make_report([base.model_copy(update={"id": "../../etc/" + "x" * 300})], library)
    assert "/" not in made.id and not made.id.startswith(".") and len(made.id) < 140


def test_the_command_writes_a_report(base: Run, candidate: Run, tmp_path: Path) -> None:
    plain = [run.model_copy(update={"splits": ("tune",)}) for run in (base, candidate)]  # a look at the report split would be written down
    named = [str(save_run(run, tmp_path / "runs")) for run in plain]
    result = CliRunner().invoke(app, ["report", *named, "--out", str(tmp_path / "out"), "--json"])
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert Path(said["files"]["html"]).read_text().startswith("<!DOCTYPE html>")
    assert said["comparisons"][0]["sentence"] in Path(said["files"]["md"]).read_text().replace("&lt;", "<")


# --- figures ------------------------------------------------------------------------------------------------------


def test_confusion_tells_where_gold_s_labels_went(candidate: Run) -> None:
    rows = {row.given: row for row in confusion_rows(candidate)}
    met = sum(row.gold == ("met",) for row in candidate.rows)
    assert list(rows) == ["not_observed", "partial", "met"]
    assert (rows["not_observed"].counts[2], rows["met"].counts[2]) == (2, met - 2)
    assert rows["not_observed"].shares[2] == pytest.approx(2 / met)


def test_the_plots_have_gold_across_and_confidence_across(base: Run, candidate: Run) -> None:
    lower = [(dot.x, dot.y) for dot in score_dots(candidate) if dot.x != dot.y]
    assert len(lower) == 2 and all(graded < gold for gold, graded in lower)
    (dot,) = calibration_dots(calibrated(base))
    assert (dot.x, dot.y) == (0.75, 1.0)


def test_gold_has_an_order_of_its_own(base: Run) -> None:
    blind = base.model_copy(update={"case_scores": tuple(one.model_copy(update={"score": None}) for one in base.case_scores)})
    assert [(row.scenario, row.right) for row in order_rows(gold_scores(blind))] == [
        (name, True) for name in ("url-shortener", "team-chat", "ticket-sales")
    ]
    row = order_rows(blind.case_scores)[0]
    assert row.right is None and set(row.scores.values()) == {None}


def test_slices_come_in_the_order_of_sections_and_tiers(base: Run) -> None:
    turned = base.model_copy(update={"rows": base.rows[::-1]})
    assert [row.name for row in sliced([turned], SLICES["section"])] == ["0", "2"]
    assert [row.name for row in sliced([turned], SLICES["tier"])] == ["mid", "senior", "staff"]


def test_a_long_prompt_shows_what_is_near_a_change(base: Run) -> None:
    before, now = ("\n".join([*map(str, range(20)), end]) for end in ("the old end", "something else"))
    runs = [base.model_copy(update={"prompts": {"grade_section": text}}) for text in (before, now)]
    (diff,) = prompt_diffs(*runs)
    assert [line.kind for line in diff.lines] == ["skipped", "same", "same", "removed", "added"]
    assert diff.lines[0].skipped == 18 and (diff.removed, diff.added) == (1, 1)


# --- pieces -----------------------------------------------------------------------------------------------------


def test_a_quote_is_found_however_it_is_spaced_and_spelled() -> None:
    text = "I said:  \u201cWe can\u2019t\n lose a WRITE\u201d \u2014 twice."
    found = find_quote("we can't lose a write", text)
    assert found and text[slice(*found)] == "We can\u2019t\n lose a WRITE"
    assert find_quote("we never said so", text) is None and find_quote("", text) is None


def test_quotes_that_overlap_are_marked_for_each_who_quotes() -> None:
    pieces = list(marked("one two three four", [("gold", "one two three"), ("base", "two three four")]))
    assert [(piece.text, piece.owners) for piece in pieces] == [("one ", ("gold",)), ("two three", ("gold", "base")), (" four", ("base",))]


@pytest.mark.parametrize(("before", "now"), [("a b c", "a x c"), ("", "new"), ("gone", ""), ("  deep  in ", "  deep on "), ("same", "same")])
def test_a_word_diff_gives_both_texts_back(before: str, now: str) -> None:
    parts = list(diff_words(before, now))
    assert "".join(part.text for part in parts if part.kind != "added") == before
    assert "".join(part.text for part in parts if part.kind != "removed") == now


def test_a_line_that_stayed_much_the_same_is_changed_and_another_is_replaced() -> None:
    assert [line.kind for line in diff_lines("give the credit that is due\nend", "give the credit that is earned\nend")] == ["changed", "same"]
    assert [line.kind for line in diff_lines("one\nend", "completely other\nend")] == ["removed", "added", "same"]


def compared(**figures: Any) -> Comparison:
    given = {"metric": "accuracy", "clusters": 9, "items": 90, "base": 0.7, "candidate": 0.75, "low": 0.01, "high": 0.09}
    return Comparison(**{**given, "p": 0.01, "standard_error": 0.02, "margin": 0.02, "alpha": 0.05, **figures})


def test_the_interval_is_drawn_to_scale() -> None:
    plot = interval_plot(compared(), NoiseFloor("accuracy", {}, {("a", "b"): -0.03}, 0.1))
    assert plot is not None and plot.noise is not None
    scale = (plot.high - plot.low) / 0.08
    assert plot.middle - plot.zero == pytest.approx(0.05 * scale) and plot.zero - plot.margin == pytest.approx(0.02 * scale)
    assert plot.noise == pytest.approx((plot.zero - 0.03 * scale, plot.zero + 0.03 * scale))
    assert [tick.label for tick in plot.ticks if tick.at == pytest.approx(plot.zero)] == ["0"]
    assert interval_plot(compared(low=float("nan")), None) is None


@pytest.mark.parametrize(("low", "high"), [(-0.5, -0.4), (0.3, 0.4), (0.0, 0.0), (-0.001, 0.001), (-0.9, 0.9)])
def test_everything_is_within_the_plot_with_room_for_its_words(low: float, high: float) -> None:
    plot = interval_plot(compared(low=low, high=high, base=0.5, candidate=0.5 + (low + high) / 2), None)
    assert plot is not None
    assert all(0 <= at <= 1 for at in (plot.low, plot.high, plot.zero, plot.margin, *(tick.at for tick in plot.ticks)))
    assert plot.margin >= 0.15 and plot.zero <= 0.85 and 2 <= len(plot.ticks) <= 6


def test_ticks_are_round() -> None:
    assert nice_ticks(-0.07, 0.031) == [-0.06, -0.04, -0.02, 0.0, 0.02]


def test_figures_are_written_as_people_do() -> None:
    assert [figure(None), figure(float("nan")), figure(-0.001), figure(-0.5, 1, "+"), figure(0.5, 1, "+")] == ["–", "–", "0.00", "\u22120.5", "+0.5"]
    assert [chance(0.0004), chance(0.05)] == ["< 0.001", "0.050"]
