"""fetch-data: a public data set, laid out as the recipes want it, after its licence was agreed to."""

import sys
from pathlib import Path

from core.cli import outputs
from core.errors import InputError


def add_commands(commands) -> None:
    """Adds the command to the parser."""
    description = "Fetches a public data set for training; what was stopped goes on. See docs/training.md."
    command = commands.add_parser("fetch-data", help=description, description=description)
    command.set_defaults(run=_fetch)
    names = "ljspeech, vctk, maestro, speech-commands, sc09, slakh (drums and bass), mnist, audiomnist"
    command.add_argument("name", metavar="NAME", help=names)
    command.add_argument("folder", type=Path, metavar="FOLDER", help="a new folder")
    command.add_argument("--agree", action="store_true", help="to the data set's licence, without being asked")


def _fetch(arguments) -> int:
    from core.training.datasets.fetching import check_new, fetch_data, find_data_set, is_fetched

    data, folder = find_data_set(arguments.name), arguments.folder
    outputs.check_folder(folder, "data")
    if not is_fetched(data, folder):
        check_new(folder)
        print(_licence(data), file=sys.stderr)
        if not arguments.agree:
            _ask()
        with _Bar() as bar:
            fetch_data(data, folder, bar.show)
    print(f"{folder} holds {data.short_title}. A next step: {data.next_step.format(folder=folder)}")
    return 0


def _licence(data) -> str:
    from core.training.datasets.download import size_text

    return (
        f"{data.title}\n{data.page}\n{size_text(data.bytes)} to download, {size_text(data.kept_bytes)} laid out.\n"
        f"Licence: {data.licence}. {data.terms}\nTo be named: {data.attribution}."
    )


def _ask() -> None:
    """Goes on only where somebody at a terminal agrees."""
    if not sys.stdin.isatty():
        raise InputError("Nobody is here to agree to the licence; add --agree if you do.")
    print("Do you agree? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise InputError("Nothing was fetched, as the licence was not agreed to.")


class _Bar:
    """A progress bar for each thing that is being done."""

    def __enter__(self) -> "_Bar":
        self._bar, self._doing = None, ""
        return self

    def __exit__(self, *error) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, doing: str, done: int, total: int) -> None:
        """Moves the bar of what is being done, a new one where that is new."""
        from tqdm import tqdm

        if doing != self._doing:
            self.__exit__()
            hidden = outputs.hidden()
            self._bar = tqdm(desc=doing, unit="B", unit_scale=True, leave=False, disable=hidden)
            self._doing = doing
        self._bar.total = total or None
        self._bar.update(done - self._bar.n)
