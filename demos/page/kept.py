"""Results that a session keeps, so that those of its next runs stand beside them: at most two of a tab."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.choices import ONE_PASS, QUALITIES, SAMPLERS
from core.errors import InputError
from core.signal.clip import Clip
from core.signal.files import read_clip
from core.tasks.progress import Figures
from demos.page import menus

MOST_KEPT = 2
USUAL = (SAMPLERS[0], QUALITIES[1])  # go without saying


@dataclass(frozen=True)
class KeptResult:
    """A result as a file, which the page's cache holds.

    Args:
        name: what made it.
        figures: how near to the truth it is.
        part: start and length, in seconds, of the part of the sound that it was made of.
    """

    name: str
    path: str
    figures: Figures
    part: tuple[float, float]

    def clip(self) -> Clip | None:
        """None where its file is gone."""
        try:
            return read_clip(self.path).clip
        except InputError:
            return None


@dataclass
class Shelf:
    """What one session keeps of one tab.

    Attributes:
        kept: in the order in which they were made.
        latest: the last run's result, which can be kept, too; None until there is one.
        rows: the figures that stand in the table, by the names of what they are of.
        compared: the payload of the player that compares them.
    """

    kept: tuple[KeptResult, ...] = ()
    latest: KeptResult | None = None
    rows: Mapping[str, Figures] = field(default_factory=dict)
    compared: dict | None = None

    @property
    def nbytes(self) -> int:
        return sum(len(track["image"]) for track in self.compared["tracks"]) if self.compared else 0

    @property
    def takes_latest(self) -> bool:
        return self.latest is not None and self.latest not in self.kept and len(self.kept) < MOST_KEPT

    def keep(self) -> None:
        if self.takes_latest:
            self.kept = (*self.kept, self.latest)

    def drop(self, number: int) -> None:
        """Takes the kept result of this number away, and out of what is compared."""
        if number >= len(self.kept):
            return
        name = self.kept[number].name
        self.kept = (*self.kept[:number], *self.kept[number + 1 :])
        self.rows = {method: figures for method, figures in self.rows.items() if method != name}
        self.compared = self.compared and without(self.compared, name)

    def recall(self, part: tuple[float, float]) -> dict[str, Clip]:
        """The results of a part, by their names; the others, and those whose files are gone, are dropped."""
        clips = {kept.name: kept.clip() for kept in self.kept if kept.part == part}
        self.kept = tuple(kept for kept in self.kept if clips.get(kept.name) is not None)
        return {kept.name: clips[kept.name] for kept in self.kept}

    def free_name(self, report: Mapping) -> str:
        """What a result is called by what made it, such as `Piano, seed 0`, and that no kept one is called.

        What a vocoder makes is called by its name alone: it chooses among no sounds.
        """
        said = [menus.model_name(report["prior"])]
        if report.get("sampler") != ONE_PASS:
            said += [report[key] for key in ("sampler", "quality") if report.get(key) not in (None, *USUAL)]
            said += [f"seed {report['seed']}"]
        name, taken = ", ".join(said), {kept.name for kept in self.kept}
        further = (f"{name} ({number})" for number in range(2, MOST_KEPT + 2))
        return next(free for free in (name, *further) if free not in taken)


def without(compared: dict, name: str) -> dict:
    """The payload of a player (`demos.page.scope.payload`) without one of its tracks."""
    left = [number for number, track in enumerate(compared["tracks"]) if track["name"] != name]
    return compared | {key: [compared[key][number] for number in left] for key in ("tracks", "matches_db")}
