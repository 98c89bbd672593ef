"""batch: any task over a list of files, resumed where it stopped; one bad file never stops the rest."""

import contextlib
import csv
import hashlib
import io
import itertools
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePosixPath

from core.choices import SHOWN
from core.cli import engines, options
from core.errors import InputError
from core.jobs import JOBS
from core.signal.output import replacing

REQUIRED = ("task", "input", "output")
TASKS = (*JOBS, "spectrogram")
SEVERAL = ("gap", "prior", "level", "reference", "sources")  # values stand with ";" between them
FLAGS = ("mono", "moving", "keep-intonation", "raw")  # take no value: yes or no in their column
FILES = ("input", "sources", "reference", "array", "voice")  # relative to the list
OF_THE_COMMAND = ("device",)  # not a column
STATUS = "status.csv"
DONE, FAILED = "done", "failed"


@dataclass(frozen=True)
class Job:
    """One row: where it stands, what it is known by, the command that it stands for, and what that writes."""

    row: int
    task: str
    input: str
    output: str
    key: str
    command: tuple[str, ...]
    places: tuple[Path, ...]


@dataclass(frozen=True)
class Status:
    """What became of a job: one line of `status.csv`."""

    row: int
    task: str
    input: str
    output: str
    status: str
    seconds: float
    message: str
    key: str


@dataclass(frozen=True)
class _Priors:
    """What changes when a prior does, by its name, and the priors of tasks that name none."""

    fingerprints: Mapping[str, str]
    defaults: Mapping[str, Sequence[str]]

    def of(self, values: Mapping[str, str]) -> list[str | None]:
        """The fingerprints of a row's priors; None for one that there is not."""
        named = [name.strip() for name in values.get("prior", "").split(";") if name.strip()]
        return [self.fingerprints.get(name) for name in named or self.defaults.get(values["task"], ())]


def add_commands(commands) -> None:
    """Adds the command to the parser."""
    description = "Runs a list of jobs; what is done already is not done again."
    command = commands.add_parser("batch", help=description, description=description)
    command.set_defaults(run=_batch)
    command.add_argument("jobs", type=Path, metavar="JOBS.csv", help="columns task, input, output and options by name")
    command.add_argument("folder", type=Path, metavar="OUTDIR", help="where outputs and status.csv go")
    engines.add_options(command, "jobs")
    command.add_argument("--device", type=options.device, default="auto", help="auto, cpu, cuda, cuda:K or all")


def _batch(arguments) -> int:
    devices = _devices(arguments.device)
    jobs = read_jobs(arguments.jobs, arguments.folder, devices)
    _check_folder(arguments.folder)
    kept = {status.key: status for status in _read_status(arguments.folder / STATUS)}
    finished = {job.key: kept[job.key] for job in jobs if _is_done(job, kept)}
    todo = [job for job in jobs if job.key not in finished]
    engine = engines.engine(arguments.engine, max(arguments.workers, len(devices)), arguments.address)
    for status in _run(todo, engine, len(jobs) - len(todo)):
        finished[status.key] = status
        _write_status(arguments.folder / STATUS, [finished[job.key] for job in jobs if job.key in finished])
    failed = [finished[job.key] for job in jobs if finished[job.key].status == FAILED]
    for status in failed:
        print(f"Row {status.row}, {status.input}: {status.message}", file=sys.stderr)
    done = len(jobs) - len(failed)
    again = f", {len(jobs) - len(todo)} of them before" if len(todo) < len(jobs) else ""
    print(f"{done} of {len(jobs)} jobs are done{again}; see {arguments.folder / STATUS}")
    return 2 if failed else 0


def read_jobs(path: Path, folder: Path, devices: Sequence[str] = ("auto",)) -> list[Job]:
    """The jobs of a file, on the devices in turn; inputs are relative to it, outputs to the folder.

    Raises:
        InputError: not a CSV file with the columns wanted, an unknown task or column, an output or report outside the
            folder or in the way of another.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True, skipinitialspace=True)
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text with commas between values"
        raise InputError(f"{path} cannot be read as a list of jobs ({reason}).") from None
    if not rows:
        raise InputError(f"{path} holds no jobs; its first line names the columns task, input, output and options.")
    missing = [name for name in REQUIRED if name not in rows[0][1]]
    if missing:
        raise InputError(f"{path} has no column {missing[0]}; it needs task, input and output.")
    turns, known = itertools.cycle(devices), _known_priors()
    jobs = [_job(number, row, path.parent, folder.absolute(), next(turns), known) for number, row in rows]
    _check_places(jobs, folder.absolute())
    for job in jobs:
        _check_inside(job, folder.absolute())
    return jobs


def _check_places(jobs: Sequence[Job], folder: Path) -> None:
    """Refuses jobs that would write over each other; a report may lie in its own job's folder of outputs."""
    owners: dict[Path, Job] = {}
    for job in jobs:
        if len(set(job.places)) < len(job.places):
            raise InputError(f"Row {job.row} has the same name for its output and its report.")
        for place in job.places:
            other = owners.setdefault(place, job)
            if other is not job:
                raise InputError(f"Rows {other.row} and {job.row} have the same output {_named(place, folder)}.")
    for place, job in owners.items():
        for parent in owners.keys() & set(place.parents):
            if owners[parent] is not job or not _makes_several(job.task):
                raise InputError(
                    f"{_named(place, folder)} of row {job.row} lies inside {_named(parent, folder)}, an output of row "
                    f"{owners[parent].row}; give one of them another name."
                )


def _check_inside(job: Job, folder: Path) -> None:
    """Refuses a job whose outputs a link would lead out of the folder."""
    for place in job.places:
        if not place.resolve().is_relative_to(folder.resolve()):
            raise InputError(
                f"Row {job.row} has the output {_named(place, folder)}, which a link leads out of {folder}; give it "
                "another name, or take the link away."
            )


def _makes_several(task: str) -> bool:
    return task in JOBS and JOBS[task].several


def _named(place: Path, folder: Path) -> str:
    return place.relative_to(folder).as_posix()


def _devices(device: str) -> list[str]:
    """Every GPU there is where all are asked for."""
    if device != "all":
        return [device]
    import torch

    return [f"cuda:{k}" for k in range(torch.cuda.device_count())] or ["cpu"]


def _job(number: int, row: dict, beside: Path, folder: Path, device: str, known: _Priors) -> Job:
    """The job of a row.

    Args:
        beside: the list's folder, which inputs are relative to.
        folder: of the outputs, absolute: workers elsewhere have a working directory of their own.
    """
    values = _values(number, row)
    task, shown = values["task"], values.get("input") or values.get("sources", "")
    places = [folder / _inside(number, name, values[name]) for name in ("output", "report") if name in values]
    files = {name: _files(name, values, beside) for name in FILES}
    if bool(files["input"]) == bool(files["sources"]):
        raise InputError(f"Row {number} needs an input, or else sources to be mixed and separated.")
    if files["sources"] and task != "separate":
        raise InputError(f"Row {number} has sources, which are for separate alone; give an input.")
    command = [task, *files["input"], str(places[0])]
    command += ["--sources", *files["sources"]] if files["sources"] else []
    command += [*_options(values, files), *(f"--report={report}" for report in places[1:])]
    if task != "spectrogram":
        command.append(f"--device={device}")
    key = _key(values, list(itertools.chain.from_iterable(files.values())), known.of(values))
    return Job(number, task, shown, _named(places[0], folder), key, tuple(command), tuple(places))


def _options(values: Mapping[str, str], files: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """What a row says about everything but its inputs and outputs."""
    for name, value in values.items():
        if name in (*REQUIRED, "sources", "report"):
            continue
        if name in FLAGS:
            yield from [f"--{name}"] if value.lower() in ("yes", "true", "1") else []
            continue
        parts = files.get(name) or (value.split(";") if name in SEVERAL else [value])
        yield from (f"--{name}={part.strip()}" for part in parts)


def _values(number: int, row: dict) -> dict[str, str]:
    """What stands in a row, by column, in the order of the columns; empty cells are left out."""
    if None in row or None in row.values() or row.get(""):
        raise InputError(f"Row {number} has another number of values than the first line; put quotes around commas.")
    values = {name.strip(): value.strip() for name, value in row.items() if value.strip()}
    if values.get("task") not in TASKS:
        raise InputError(
            f"Row {number} has the task {values.get('task', '')[:SHOWN]!r}; choose one of {', '.join(TASKS)}."
        )
    for name in values:
        if name in OF_THE_COMMAND:
            raise InputError(f"The column {name} is not for jobs; leave it out.")
    return {"output": ""} | values  # which is no name


def _inside(number: int, name: str, value: str) -> PurePosixPath:
    """A place in the folder of outputs that nothing else has."""
    inside = PurePosixPath(value.replace("\\", "/"))
    if inside.is_absolute() or not inside.parts or ".." in inside.parts or ":" in value or inside.parts[0] == STATUS:
        raise InputError(
            f"Row {number} has the {name} {value[:SHOWN]!r}, which is no name inside the folder of outputs."
        )
    if name == "report" and inside.suffix.lower() != ".json":
        raise InputError(f"Row {number} has the report {value[:SHOWN]!r}; give it a name that ends in .json.")
    return inside


def _files(name: str, values: Mapping[str, str], beside: Path) -> list[str]:
    """The files that a column names, relative to the list; none where it names no file."""
    value = values.get(name, "")
    if not value or (name == "array" and not value.lower().endswith(".json")):
        return []
    parts = value.split(";") if name in SEVERAL else [value]
    return [str((beside / part.strip()).absolute()) for part in parts]


def _key(values: Mapping[str, str], files: Sequence[str], priors: Sequence[str | None]) -> str:
    """What makes a job the same as one done before: its row, its files' size and time, its priors' hashes."""
    stamps = [(path.stat().st_size, path.stat().st_mtime_ns) if path.is_file() else None for path in map(Path, files)]
    return hashlib.sha256(repr((sorted(values.items()), stamps, priors)).encode()).hexdigest()[:16]


def _known_priors() -> _Priors:
    from core.zoo.manifest import catalogue, fingerprint

    defaults: dict[str, Sequence[str]] = {task: job.priors for task, job in JOBS.items()}
    defaults["localize"] = [entry.name for entry in catalogue("localize")]  # it takes the first that fits the array
    return _Priors({entry.name: fingerprint(entry) for entry in catalogue()}, defaults)


def _is_done(job: Job, kept: Mapping[str, Status]) -> bool:
    return job.key in kept and kept[job.key].status == DONE and all(place.exists() for place in job.places)


def _run(jobs: Sequence[Job], engine, before: int) -> Iterator[Status]:
    from tqdm import tqdm

    bar = tqdm(total=before + len(jobs), initial=before, unit="job", leave=False, disable=not sys.stderr.isatty())
    with bar, contextlib.closing(engine(run_job, jobs)) as statuses:
        for status in statuses:
            bar.update()
            lost = isinstance(status, engines.Lost)
            yield _status(status.job, FAILED, engines.LOST) if lost else status


def run_job(job: Job) -> Status:
    """Runs one job to its end, whatever that is; a fault of ours is a failure of this job alone."""
    from core.cli import run_command

    started = time.monotonic()
    try:
        for place in job.places:
            place.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            run_command(job.command)
        status, message = DONE, ""
    except InputError as error:
        status, message = FAILED, str(error)
    except OSError as error:
        status, message = FAILED, f"{error.strerror or error}."
    except Exception as error:  # noqa: BLE001 (one bad file never stops the rest)
        status, message = FAILED, f"Something went wrong on our side ({type(error).__name__}: {error})."
    return _status(job, status, message, time.monotonic() - started)


def _status(job: Job, status: str, message: str, seconds: float = 0.0) -> Status:
    message = " ".join(message.split())
    return Status(job.row, job.task, job.input, job.output, status, round(seconds, 3), message, job.key)


def _check_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file, but the outputs need a folder; choose another name.")
    folder.mkdir(parents=True, exist_ok=True)


def _read_status(path: Path) -> list[Status]:
    """What is known from before; nothing where the file is missing or not ours."""
    if not path.is_file():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [
                Status(int(row["row"]), *(row[name] for name in ("task", "input", "output", "status")),
                       float(row["seconds"]), row["message"], row["key"])
                for row in csv.DictReader(file)
            ]  # fmt: skip
    except (OSError, KeyError, ValueError, TypeError, csv.Error):
        return []


def _write_status(path: Path, statuses: Sequence[Status]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Status)])
    writer.writeheader()
    writer.writerows(asdict(status) for status in statuses)
    with replacing(path) as file:
        file.write(text.getvalue().encode())
