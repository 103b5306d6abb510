"""What tokens cost, by a dated file. A model that is not in it has no cost: tokens only."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from agent.errors import ConfigurationError
from agent.replies import Usage

SHIPPED = Path(__file__).with_name("prices.yaml")


@dataclass(frozen=True)
class Price:
    """US dollars per million tokens."""

    per_million_in: float
    per_million_out: float

    def cost(self, usage: Usage) -> float:
        """US dollars for some tokens."""
        return (usage.tokens_in * self.per_million_in + usage.tokens_out * self.per_million_out) / 1e6


class Spending:
    """Counts what calls cost, and knows when it is enough."""

    def __init__(self, price: Price, most: float) -> None:
        self._price, self._most = price, most
        self.spent = 0.0

    def enough(self, usage: Usage) -> bool:
        """Count a call; whether the most that may be spent is reached."""
        self.spent += self._price.cost(usage)
        return self.spent >= self._most


def price_of(model: str, path: Path = SHIPPED) -> Price | None:
    """The price of a model: of the longest name in the file that its own begins with; None for an unknown one."""
    try:
        listed = yaml.safe_load(path.read_text())["models"]
        names = sorted((name for name in listed if model == name or model.startswith(f"{name}-")), key=len)
        return Price(float(listed[names[-1]]["in"]), float(listed[names[-1]]["out"])) if names else None
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(f"{path}: each model needs `NAME: {{in: DOLLARS, out: DOLLARS}}` per million tokens ({error})") from None
