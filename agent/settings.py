"""Settings, from the environment and `.env`. Built once in main and passed down."""

from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from agent.encoder import EMBEDDED as EMBEDDED_ENCODER
from agent.errors import ConfigurationError

EMBEDDED = "embedded"  # the brain that needs no model
ELSEWHERE = 4000  # words of other sections: an interview of 45 minutes as a whole, about 5,500 tokens


class Settings(BaseSettings):
    """Where things are and which models are used. Every name can be set as AGENT_NAME; see .env.example."""

    model_config = SettingsConfigDict(env_prefix="AGENT_", env_file=".env", env_file_encoding="utf-8", extra="ignore", populate_by_name=True)

    base_url: str | None = Field(default=None, validation_alias=AliasChoices("AGENT_BASE_URL", "OPENAI_BASE_URL"))
    api_key: SecretStr | None = Field(default=None, validation_alias=AliasChoices("AGENT_API_KEY", "OPENAI_API_KEY"))
    model: str | None = None  # speaks and grades; unset: the embedded default
    interviewer_model: str | None = None  # speaks, if another one than `model`
    grader_model: str | None = None  # grades, if another one than `model`
    timeout: float = Field(default=60.0, gt=0)  # seconds a whole call may take, by the wall clock
    first_token_timeout: float = Field(default=20.0, gt=0)  # seconds until the first word of a reply
    elsewhere_words: int = Field(default=ELSEWHERE, ge=0)  # that a model reads of other sections when it grades one; less for a small context
    corpus: Path | None = None
    data: Path = Path("data")  # index and, by default, the database
    database_url: str | None = None  # SQLAlchemy URL; default: SQLite in the data folder
    encoder: str = EMBEDDED_ENCODER
    tracing: bool = False  # LangSmith's tracing, which comes with LangGraph and would send out what the candidate says

    @property
    def interviewer(self) -> str:
        """The model that speaks, or "embedded"."""
        return self.interviewer_model or self.model or EMBEDDED

    @property
    def grader(self) -> str:
        """The model that grades, or "embedded"."""
        return self.grader_model or self.model or EMBEDDED

    def speaking(self, model: str | None) -> "Settings":
        """These settings with one model for everything; None: the embedded default, whatever the environment names."""
        return self.model_copy(update={"model": model, "interviewer_model": None, "grader_model": None})

    @property
    def database(self) -> str:
        """The SQLAlchemy URL of the event log."""
        return self.database_url or f"sqlite:///{self.data / 'interviews.db'}"


def load_settings() -> Settings:
    """Read the settings; ConfigurationError says which one is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        raise ConfigurationError(f"The setting {name.removeprefix('AGENT_')} is wrong: {first['msg']}. See .env.example.") from None
