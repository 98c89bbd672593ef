"""spectrogram: mel spectrograms of a file or of a folder of files, as `.npz`."""

import sys
from pathlib import Path

from core.cli import options
from core.errors import InputError
from core.signal.folders import is_audio
from core.signal.mel import FRONT_ENDS


def add_commands(commands) -> None:
    """Adds the command to the parser."""
    description = "Writes mel spectrograms: `mel` [bands, frames], and what made it (`sample_rate`, `hop_length`, ...)."
    command = commands.add_parser("spectrogram", help=description, description=description)
    command.set_defaults(run=_spectrogram)
    command.add_argument("input", type=Path, metavar="IN", help="audio, or a folder of it")
    command.add_argument("output", type=Path, metavar="OUT.npz|FOLDER", help="a folder where IN is one")
    command.add_argument("--front-end", choices=FRONT_ENDS, default="tacotron", help="whose mel spectrogram")
    command.add_argument("--start", type=options.seconds, default=0.0, metavar="S", help="from here on (seconds)")
    command.add_argument("--length", type=options.duration, metavar="S", help="this much (seconds)")


def _spectrogram(arguments) -> int:
    if arguments.input.is_dir():
        return _folder(arguments)
    options.check_output(arguments.output, [".npz"])
    print(f"{arguments.output}: {_write(arguments, arguments.input, arguments.output)}")
    return 0


def _folder(arguments) -> int:
    """Every audio file of a folder; one that can't be read is named and left out."""
    sources = sorted(path for path in arguments.input.iterdir() if is_audio(path))
    if not sources:
        raise InputError(f"The folder {arguments.input} holds no audio; choose another one.")
    if arguments.output.exists() and not arguments.output.is_dir():
        raise InputError(
            f"{arguments.output} is a file, but a folder of spectrograms needs a folder; choose another name."
        )
    targets = {source: arguments.output / f"{source.stem}.npz" for source in sources}
    if len(set(targets.values())) < len(sources):
        raise InputError(f"Two files in {arguments.input} differ only in their extension; rename one of them.")
    arguments.output.mkdir(parents=True, exist_ok=True)
    written = 0
    for source, target in targets.items():
        try:
            print(f"{target}: {_write(arguments, source, target)}")
            written += 1
        except InputError as error:
            print(f"{source.name}: {error}", file=sys.stderr)
    return 0 if written else 2


def _write(arguments, source: Path, target: Path) -> str:
    """Writes one spectrogram; returns what it holds in words."""
    from core.signal.files import read_clip
    from core.signal.spectrogram_files import write_spectrogram
    from core.tasks.vocoding import spectrogram_of

    clip = read_clip(source, start=arguments.start, length=arguments.length, mono=True).clip
    spectrogram = spectrogram_of(clip, FRONT_ENDS[arguments.front_end])
    write_spectrogram(target, spectrogram)
    return f"{spectrogram.mel.shape[0]} bands, {spectrogram.mel.shape[1]} frames"
