"""vocode: a spectrogram in, or audio of which it is taken; a waveform out."""

from core.cli import options, restoration, running
from core.errors import InputError
from core.signal.mel import FRONT_ENDS
from core.signal.spectrogram_files import SUFFIXES


def add_commands(commands) -> None:
    """Adds the command to the parser."""
    description = "Makes audio of a mel spectrogram, given as a file or taken of audio."
    command = restoration.add_command(commands, "vocode", _vocode, description)
    command.add_argument("--stretch", type=options.duration, default=1.0, metavar="X", help="make it longer by this")
    command.add_argument("--semitones", type=options.number, default=0.0, metavar="N", help="move it up by these")
    command.add_argument(
        "--temperature", type=options.number, default=1.0, metavar="T", help="of --sampler ancestral (a WaveNet's)"
    )
    command.add_argument("--front-end", choices=FRONT_ENDS, help="what made IN, where the file does not say it")


def _vocode(arguments) -> int:
    from core.signal.spectrogram_files import read_spectrogram
    from core.tasks.vocoding import front_end_for, vocode

    restoration.check_outputs(arguments)
    if arguments.input.suffix.lower() in SUFFIXES:
        front_end = front_end_for(running.settings(arguments, arguments.prior))
        spectrogram = read_spectrogram(arguments.input, front_end, FRONT_ENDS.get(arguments.front_end))
        source, notes = spectrogram.cut(arguments.start, arguments.length), ()
    elif arguments.front_end:
        raise InputError("A front-end can be named for a spectrogram file alone; leave out --front-end.")
    else:
        source, notes = running.read(arguments, arguments.input, mono=True)

    def start(settings, reference):
        changes = {name: getattr(arguments, name) for name in ("stretch", "semitones", "temperature")}
        return vocode(source, settings=settings, reference=reference, **changes)

    return restoration.finish(arguments, start, notes)
