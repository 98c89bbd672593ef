"""batch: any task over a list of files, resumed where it stopped; one bad file never stops the rest."""

import contextlib
import csv
import hashlib
import io
import itertools
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePosixPath

from core.cli import engines, options
from core.errors import InputError
from core.signal.output import replacing

REQUIRED = ("task", "input", "output")
TASKS = ("super-resolve", "inpaint", "declip", "separate", "vocode", "localize", "spectrogram")
REPEATED = ("gap", "prior", "level", "reference")  # several values stand with ";" between them
FLAGS = ("mono", "moving")  # take no value: yes or no in their column
OF_THE_COMMAND = ("report", "device", "sources")  # not a column
STATUS = "status.csv"
DONE, FAILED = "done", "failed"


@dataclass(frozen=True)
class Job:
    """One row: where it stands, what it is known by, and the command that it stands for."""

    row: int
    task: str
    input: str
    output: str
    key: str
    command: tuple[str, ...]


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


def add_commands(commands) -> None:
    """Adds the command to the parser."""
    description = "Runs a list of jobs; what is done already is not done again."
    command = commands.add_parser("batch", help=description, description=description)
    command.set_defaults(run=_batch)
    command.add_argument("jobs", type=Path, metavar="JOBS.csv", help="columns task, input, output and options by name")
    command.add_argument("folder", type=Path, metavar="OUTDIR", help="where outputs and status.csv go")
    command.add_argument("--engine", choices=engines.ENGINES, default="local", help="where the jobs run")
    command.add_argument("--workers", type=options.whole(1, 1024), default=1, metavar="N", help="jobs at once")
    command.add_argument("--device", type=options.device, default="auto", help="auto, cpu, cuda, cuda:K or all")
    command.add_argument("--address", metavar="URL", help="of a Ray cluster; else one is started on this machine")


def _batch(arguments) -> int:
    devices = _devices(arguments.device)
    jobs = read_jobs(arguments.jobs, arguments.folder, devices)
    _check_folder(arguments.folder)
    kept = {status.key: status for status in _read_status(arguments.folder / STATUS)}
    finished = {job.key: kept[job.key] for job in jobs if _is_done(job, kept, arguments.folder)}
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
        InputError: not a CSV file with the columns wanted, an unknown task or column, an output outside the folder or
            named twice.
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
    turns = itertools.cycle(devices)
    jobs = [_job(number, row, path.parent, folder, next(turns)) for number, row in rows]
    outputs: dict[str, int] = {}
    for job in jobs:
        if job.output in outputs:
            raise InputError(f"Rows {outputs[job.output]} and {job.row} have the same output {job.output}.")
        outputs[job.output] = job.row
    return jobs


def _devices(device: str) -> list[str]:
    """Every GPU there is where all are asked for."""
    if device != "all":
        return [device]
    import torch

    return [f"cuda:{k}" for k in range(torch.cuda.device_count())] or ["cpu"]


def _job(number: int, row: dict, beside: Path, folder: Path, device: str) -> Job:
    if None in row or None in row.values() or row.get(""):
        raise InputError(f"Row {number} has another number of values than the first line; put quotes around commas.")
    values = {name.strip(): value.strip() for name, value in row.items() if value.strip()}
    task, output = values.get("task", ""), values.get("output", "")
    if task not in TASKS:
        raise InputError(f"Row {number} has the task {task!r}; choose one of {', '.join(TASKS)}.")
    inside = PurePosixPath(output.replace("\\", "/"))
    if not output or inside.is_absolute() or ".." in inside.parts or ":" in output or str(inside) == STATUS:
        raise InputError(f"Row {number} has the output {output!r}, which is no name inside the folder of outputs.")
    for name in values:
        if name in OF_THE_COMMAND:
            raise InputError(f"The column {name} is not for jobs; leave it out.")
    source = (beside / values.get("input", "")).absolute()  # workers elsewhere have a working directory of their own
    command = [task, str(source), str(folder.absolute() / inside)]
    for name, value in values.items():
        if name in REQUIRED:
            continue
        if name in FLAGS:
            command += [f"--{name}"] if value.lower() in ("yes", "true", "1") else []
            continue
        parts = value.split(";") if name in REPEATED else [value]
        command += [f"--{name}={_placed(name, part.strip(), beside)}" for part in parts]
    if task != "spectrogram":
        command.append(f"--device={device}")
    return Job(number, task, values.get("input", ""), str(inside), _key(values, source), tuple(command))


def _placed(name: str, value: str, beside: Path) -> str:
    """An option's value; files are relative to the list, as inputs are."""
    is_file = name == "reference" or (name == "array" and value.lower().endswith(".json"))
    return str((beside / value).absolute()) if is_file else value


def _key(values: dict[str, str], source: Path) -> str:
    """What makes a job the same as one done before: its row and its input's size and time."""
    stamp = (source.stat().st_size, source.stat().st_mtime_ns) if source.is_file() else None
    return hashlib.sha256(repr((sorted(values.items()), stamp)).encode()).hexdigest()[:16]


def _is_done(job: Job, kept: dict[str, Status], folder: Path) -> bool:
    return job.key in kept and kept[job.key].status == DONE and (folder / job.output).exists()


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
        Path(job.command[2]).parent.mkdir(parents=True, exist_ok=True)
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
