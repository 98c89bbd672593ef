"""convert-voice and speakers: what is said in a file with another voice, and whose voices there are."""

from pathlib import Path

from core.cli import options, restoration, running
from core.cli.reporting import print_table
from core.errors import InputError


def add_commands(commands) -> None:
    """Adds the commands to the parser."""
    description = "Says what is said in IN with another voice."
    command = commands.add_parser("convert-voice", help=description, description=description)
    command.set_defaults(run=_convert, reference=None, mono=True, quality="standard", sampler=None, steps=None)
    command.set_defaults(workers=1, window=None, batch=None)
    command.add_argument("input", type=Path, metavar="IN")
    command.add_argument("output", type=Path, metavar="OUT", help="by its name .wav (float), .flac (24 bit) or .ogg")
    whose = command.add_mutually_exclusive_group(required=True)
    whose.add_argument("--speaker", metavar="NAME", help="one of `speakers`, of the same --prior")
    whose.add_argument("--voice", type=Path, metavar="FILE", help="a recording of the voice, ten seconds or more")
    command.add_argument("--transpose", type=options.number, default=0.0, metavar="N", help="semitones higher")
    command.add_argument("--keep-intonation", action="store_true", help="a melody as wide as IN's, not as the voice's")
    command.add_argument("--temperature", type=options.number, default=1.0, metavar="T", help="of a VQ-VAE's draws")
    command.add_argument("--prior", metavar="NAME", help="the converter, or a VQ-VAE of your own; see `models`")
    running.add_common_options(command)
    description = "Lists the voices that there are: name, description, pitch, licence."
    command = commands.add_parser("speakers", help=description, description=description)
    command.set_defaults(run=_speakers)
    command.add_argument("--prior", metavar="NAME", help="what is to speak; see `models`")

    description = "Makes a table of voices, which `speakers` lists, of recordings."
    command = commands.add_parser("make-voices", help=description, description=description)
    command.set_defaults(run=_make_voices)
    command.add_argument("output", type=Path, metavar="OUT.safetensors")
    command.add_argument("--data", type=Path, nargs="+", required=True, metavar="FOLDER", help="with a metadata.csv")
    command.add_argument(
        "--speakers", type=Path, required=True, metavar="FILE.json", help="a list of name, description and licence"
    )
    command.add_argument("--prior", metavar="NAME", help="the converter that they are for; see `models`")
    command.add_argument("--device", type=options.device, default="auto", help="auto, cpu, cuda or cuda:K")


def _convert(arguments) -> int:
    from core.signal.files import read_clip
    from core.tasks.voice import MOST_SECONDS
    from core.tasks.voice_conversion import Manner, convert_voice

    restoration.check_outputs(arguments)
    clip, notes = running.read(arguments, arguments.input)
    voice = read_clip(arguments.voice, length=MOST_SECONDS, mono=True).clip if arguments.voice else None
    wanted = {"manner": Manner(arguments.transpose, arguments.keep_intonation), "temperature": arguments.temperature}

    def start(settings, _reference):
        return convert_voice(clip, speaker=arguments.speaker, voice=voice, **wanted, settings=settings)

    return restoration.finish(arguments, start, notes)


def _make_voices(arguments) -> int:
    from core.signal.folders import recordings_by_speaker
    from core.signal.json_files import read_json
    from core.tasks.settings import Settings
    from core.tasks.utterance import load_speech
    from core.tasks.voice_making import make_table, save_table

    options.check_output(arguments.output, [".safetensors"])
    try:
        known = [{key: row[key] for key in ("name", "description", "licence")} for row in read_json(arguments.speakers)]
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"{arguments.speakers} is no list of name, description and licence of speakers.") from None
    own = {name: [path for path, _ in found] for name, found in recordings_by_speaker(arguments.data).items()}
    table = make_table(known, own, load_speech(Settings(arguments.prior, device=arguments.device)))
    save_table(table, arguments.output)
    print(f"Wrote {arguments.output}: {len(table.speakers)} voices")
    return 0


def _speakers(arguments) -> int:
    from core.tasks.voice import speakers_of

    print_table(
        ["name", "pitch", "description", "licence"],
        [[name, *_described(speaker)] for name, speaker in speakers_of(arguments.prior).items()],
    )
    return 0


def _described(speaker) -> tuple[str, str, str]:
    """Pitch, description and licence, where they are known."""
    if speaker is None:
        return ("-",) * 3
    low, usual, high = speaker.pitch_hz
    return f"{low:.0f}-{high:.0f} Hz, mostly {usual:.0f}", speaker.description, speaker.licence
