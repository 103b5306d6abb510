"""What stands beside the conversation: the brief and the facts learnt so far."""

from agent.state import Interview
from page.words import escaped


def aside(interview: Interview) -> str:
    """Brief, facts told, and the change of the problem once it was made."""
    scenario = interview.started.scenario
    short = {fact.id: fact.short for fact in scenario.facts}
    told = [short[name] for name in interview.facts_told if name in short]
    facts = "<ul>" + "".join(f"<li>{escaped(text)}</li>" for text in told) + "</ul>" if told else _NONE
    changes = [change.say for change in scenario.changes if change.id in interview.changes_made]
    changed = "".join(f"<p>{escaped(say)}</p>" for say in changes)
    changed = f'<section class="changed"><h2>What changed</h2>{changed}</section>' if changed else ""
    return (
        f'<section class="brief"><h2>Brief</h2><p>{escaped(scenario.brief.strip())}</p></section>{changed}'
        f'<section class="facts"><h2>Facts so far</h2>{facts}</section>'
    )


_NONE = '<p class="empty">Nothing yet. Ask about users, load, latency, money or rules; what you are told is kept here.</p>'
