"""How the parts come together."""

import os
from pathlib import Path

import pytest

from agent.assembly import assemble
from agent.errors import ConfigurationError
from agent.settings import Settings


@pytest.mark.parametrize("name", ["LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2", "LANGSMITH_TRACING_V2"])
def test_no_tracing_that_is_set_for_other_programs_sends_a_word_out(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    from langsmith import utils

    for other in ("LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING"):
        monkeypatch.setenv(other, "")
    monkeypatch.setenv(name, "true")
    utils.get_env_var.cache_clear()  # type: ignore[attr-defined]
    assert utils.tracing_is_enabled()
    assemble(Settings(_env_file=None))
    assert not utils.tracing_is_enabled()
    assert os.environ[name] == "false"


def test_without_a_model_the_embedded_brain_speaks_and_grades() -> None:
    parts = assemble(Settings(_env_file=None))
    assert (parts.interviewer.name, parts.grader.name, parts.drafter) == ("embedded", "embedded", None)


def test_a_model_may_speak_while_another_grades() -> None:
    settings = Settings(_env_file=None, base_url="http://127.0.0.1:9/v1", interviewer_model="speaker", grader_model="judge")
    parts = assemble(settings)
    assert (parts.interviewer.name, parts.grader.name) == ("speaker", "judge")


def test_a_model_without_an_endpoint_is_refused_in_words() -> None:
    with pytest.raises(ConfigurationError, match="OPENAI_BASE_URL"):
        assemble(Settings(_env_file=None, model="some-model"))


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("AGENT_MODEL", "m")
    monkeypatch.setenv("AGENT_DATA", str(tmp_path))
    settings = Settings(_env_file=None)
    assert (settings.interviewer, settings.grader) == ("m", "m")
    assert settings.database == f"sqlite:///{tmp_path / 'interviews.db'}"
