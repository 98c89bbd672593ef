"""The example chips of the separation tab."""

from dataclasses import dataclass
from typing import Any

from core.choices import LATENT, WAVEFORM
from core.signal.files import duration
from core.tasks import latent_separation
from demos.page.examples import SOUNDS
from demos.page.menus import Choice

MIXTURE, SOURCES = "mixture", "sources"  # what is brought: one sound, or two that are mixed here


@dataclass(frozen=True)
class MixtureExample:
    """A chip: sounds to mix, or one mixture, the level of the second one, and the method that suits them."""

    label: str
    sounds: tuple[str, ...]
    level_db: float = 0.0
    method: str = WAVEFORM

    @property
    def paths(self) -> list[str]:
        return [str(SOUNDS / f"{sound}.flac") for sound in self.sounds]

    @property
    def settings(self) -> dict[str, Any]:
        """What the chip sets, by name."""
        kind = SOURCES if len(self.sounds) > 1 else MIXTURE
        length = round(min(map(duration, self.paths)), 3)
        return {"kind": kind, "level": self.level_db, "start": 0.0, "length": length, "method": self.method}


EXAMPLES = (
    MixtureExample("Piano and voice", ("piano", "speech")),
    MixtureExample("Voice, quiet piano", ("piano", "speech"), 8.0),
    MixtureExample("A mixture", ("piano-and-speech",)),
    MixtureExample("Drums and bass", ("drums", "bass"), method=LATENT),
)


def offered(code_priors: list[Choice]) -> list[MixtureExample]:
    """Those that the models which are here can take apart."""
    known = {choice.value for choice in code_priors}
    among_codes = known.issuperset(latent_separation.DEFAULT_PRIORS)
    return [example for example in EXAMPLES if among_codes or example.method != LATENT]
