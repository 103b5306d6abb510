"""The components of the page and where they stand. All three screens are always in the document; `screen` says which one shows."""

from dataclasses import dataclass

import gradio as gr
from gradio.themes import Base, Size

from agent.library import Library
from page import start
from page.words import badge

FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]
USUAL_MINUTES = 45


@dataclass(frozen=True)
class Layout:
    """The components that handlers read and write."""

    screen: gr.HTML
    # start
    kept: gr.HTML
    notice: gr.HTML
    minutes: gr.Slider
    plan: gr.HTML
    begin: gr.Button
    # interview
    header: gr.HTML
    rail: gr.HTML
    history: gr.HTML
    live: gr.HTML
    passages: gr.HTML
    aside: gr.HTML
    problem: gr.HTML
    answer: gr.Textbox
    send: gr.Button
    controls: dict[str, gr.Button]
    resume: gr.Button
    refresh: gr.Button
    # scorecard
    headline: gr.HTML
    card: gr.HTML
    ungraded: gr.HTML
    said: gr.HTML
    downloads: gr.HTML
    practise: gr.Button
    regrade: gr.Button
    disagree: gr.Button
    complaint: gr.HTML
    # carriers: filled by the script at each event
    interview: gr.Textbox
    message: gr.Textbox
    choice: gr.Textbox
    own: gr.Textbox
    level: gr.Textbox
    persona: gr.Textbox
    language: gr.Textbox
    criterion: gr.Textbox
    verdict: gr.Textbox
    why: gr.Textbox


def theme() -> Base:
    """Gradio's plain theme in system fonts; style.css does the rest."""
    return Base(font=FONT, font_mono=MONO, text_size=Size("12px", "13px", "14px", "16px", "18px", "22px", "28px", name="page"))


def lay_out(library: Library, interviewer: str) -> Layout:
    """Make the components; call inside `gr.Blocks`. `interviewer`: "embedded" or a model's name."""
    found: dict[str, object] = {"screen": _html("screen-holder", '<div id="screen" data-screen=""></div>')}
    _html("opening-note", '<p id="opening">Opening. If nothing comes, reload the page.</p>')
    with gr.Column(elem_id="start", elem_classes="screen"):
        found |= _start(library, interviewer)
    with gr.Column(elem_id="interview", elem_classes="screen"):
        found |= _interview()
    with gr.Column(elem_id="scorecard", elem_classes="screen"):
        found |= _scorecard()
    found |= {
        name: gr.Textbox(visible=False)
        for name in ("interview", "message", "choice", "own", "level", "persona", "language", "criterion", "verdict", "why")
    }
    return Layout(**found)  # type: ignore[arg-type]


def _html(name: str, value: str = "") -> gr.HTML:
    return gr.HTML(value, elem_id=name, js_on_load=None, apply_default_css=False)


def _start(library: Library, interviewer: str) -> dict[str, object]:
    _html("welcome", start.welcome(badge(interviewer)))
    found: dict[str, object] = {"notice": _html("notice"), "kept": _html("kept")}
    _html("cards", start.cards(library))
    with gr.Column(elem_id="terms"):
        _html("level", start.levels())
        _html("persona", start.personas())
        _html("language-holder", start.languages(interviewer))
        found["minutes"] = gr.Slider(15, 90, value=USUAL_MINUTES, step=5, label="Length in minutes", elem_id="minutes", container=False, buttons=[])
        found["plan"] = _html("plan", start.plan(library, USUAL_MINUTES))
        found["begin"] = gr.Button("Start the interview", variant="primary", elem_id="begin")
    return found


def _interview() -> dict[str, object]:
    found: dict[str, object] = {"header": _html("header"), "rail": _html("rail-holder")}
    with gr.Column(elem_id="talk"):
        with gr.Column(elem_id="scroller"):
            found["history"], found["live"] = _html("history"), _html("live")
            _html("thinking-holder", _THINKING)
            found["problem"] = _html("problem")
        with gr.Column(elem_id="composer"):
            _html("clock-note-holder", '<p id="clock-note" role="status"></p>')
            with gr.Row(elem_id="write"):
                found["answer"] = gr.Textbox(
                    label="Your answer", placeholder="Type your answer", lines=2, max_lines=10, elem_id="answer", container=False, max_length=20_000
                )
                found["send"] = gr.Button("Send", variant="primary", elem_id="send", size="sm", min_width=80)
            with gr.Row(elem_id="controls"):
                names = {"hint": "Hint", "repeat": "Repeat", "done": "Done with this section", "pause": "Pause", "end": "End"}
                found["controls"] = {name: gr.Button(label, size="sm", elem_id=f"do-{name}", min_width=0) for name, label in names.items()}
        with gr.Column(elem_id="cover"):
            _html("cover-words", "<h2>Paused</h2><p>The clock stands still. Nothing is lost if you close the page.</p>")
            found["resume"] = gr.Button("Resume", variant="primary", elem_id="resume")
    _html("drawer-holder", '<details id="drawer"><summary>Brief<span class="sr">, facts and notes</span></summary></details>')
    with gr.Column(elem_id="beside"):
        found["aside"] = _html("aside")
        gr.Textbox(label="Notes", placeholder="Yours alone; kept in this browser", lines=6, max_lines=14, elem_id="notes", container=False)
    found["passages"] = _html("passages")
    found["refresh"] = gr.Button("Refresh", elem_id="refresh", elem_classes="by-script")
    _html("ending", _ENDING)
    return found


def _scorecard() -> dict[str, object]:
    found: dict[str, object] = {name: _html(name) for name in ("headline", "ungraded", "card", "complaint", "said")}
    with gr.Column(elem_id="afterwards"):
        found["downloads"] = _html("downloads")
        with gr.Row(elem_id="onwards"):
            found["practise"] = gr.Button("Practise the two weakest sections", variant="primary", elem_id="practise")
            _html("another", '<a class="plain" href="./">New interview</a>')
    found["regrade"] = gr.Button("Grade again", elem_id="regrade", elem_classes="by-script")
    found["disagree"] = gr.Button("Disagree", elem_id="disagree", elem_classes="by-script")
    return found


_THINKING = (
    '<p id="thinking"><span>The interviewer is thinking</span><i></i><i></i><i></i></p>'
    '<p id="offline" class="problem" role="alert" hidden>The server does not answer. What you said is kept, your text stays in the box and the clock '
    "waits; this page goes on by itself when the server is back.</p>"
)
_ENDING = (
    '<dialog id="end-dialog" aria-labelledby="end-title"><h2 id="end-title">End the interview now?</h2>'
    "<p>What you said so far is graded. Sections that were not reached are marked so and do not count.</p>"
    '<p class="dialog-buttons"><button type="button" class="plain" data-close="end-dialog" autofocus>Keep going</button>'
    '<button type="button" class="strong" data-end="yes">End and grade</button></p></dialog>'
)
