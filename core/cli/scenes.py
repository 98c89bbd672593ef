"""render-scenes: renders a set of scenes for a microphone array; a run that was stopped is resumed."""

import contextlib
import json
import sys
from dataclasses import asdict
from pathlib import Path

from core.choices import MOST_VOICES
from core.cli import engines, options, outputs
from core.errors import InputError
from core.signal.limits import LIMITS

MOST_SCENES = 100_000
ROOMS = ("realistic", "original")
SETTINGS = "scenes.json"


def add_commands(commands) -> None:
    """Adds the command to the parser."""
    description = "Renders scenes of voices in rooms, as a microphone array hears them; scenes that are there are kept."
    command = commands.add_parser("render-scenes", help=description, description=description)
    command.set_defaults(run=_render)
    command.add_argument("speech", type=Path, metavar="SPEECH_DIR", help="recordings of voices, one voice a file")
    command.add_argument("out", type=Path, metavar="OUT", help="a folder, which gets a folder per scene")
    command.add_argument("--voices", type=options.whole(1, MOST_VOICES), default=2, metavar="N", help="in a scene")
    command.add_argument("--count", type=options.whole(1, MOST_SCENES), default=1000, metavar="N", help="scenes")
    command.add_argument("--array", default="respeaker-4", metavar="NAME|FILE.json", help="the microphone array")
    command.add_argument("--background", type=Path, metavar="FILE|FOLDER", help="noise to be heard behind the voices")
    command.add_argument("--rooms", choices=ROOMS, default=ROOMS[0], help="which rooms are drawn")
    command.add_argument("--moving", action="store_true", help="voices walk around the array")
    command.add_argument("--split", choices=("train", "valid", "test"), help="of SPEECH_DIR's metadata.csv")
    command.add_argument(
        "--composite",
        type=Path,
        metavar="RECORDINGS_DIR",
        help="mix recordings of one voice each, in this same layout, instead of rendering SPEECH_DIR",
    )
    command.add_argument("--seconds", type=options.duration, default=3.0, metavar="S", help="of a scene")
    command.add_argument("--sample-rate", type=options.whole(4000, 192_000), default=16_000, metavar="HZ")
    command.add_argument("--seed", type=options.whole(0), default=0, metavar="N", help="of all random choices")
    engines.add_options(command, "scenes")


def _render(arguments) -> int:
    from core.arrays.scenes.files import scene_folder
    from core.arrays.scenes.scene_set import scene_requests

    settings = _settings(arguments)
    sources = _sources(arguments)
    backgrounds = _backgrounds(arguments)
    engine = engines.chosen(arguments)
    outputs.claim_folder(arguments.out, SETTINGS, _described(settings, arguments), "scenes")
    todo = [k for k in range(arguments.count) if not scene_folder(arguments.out, k).exists()]
    requests = list(scene_requests(settings, todo, arguments.out, sources, backgrounds))
    before = arguments.count - len(todo)
    failed = make_scenes(engine, requests, before)
    again = f", {before} of them before" if before else ""
    print(f"{arguments.count - failed} of {arguments.count} scenes are in {arguments.out}{again}")
    return 2 if failed else 0


def _settings(arguments):
    from core.arrays.geometry import read_array
    from core.arrays.scenes.scene_set import SceneSettings

    frames = round(arguments.seconds * arguments.sample_rate)
    if not LIMITS.frames <= frames <= LIMITS.seconds * arguments.sample_rate:
        raise InputError(
            f"Scenes of {arguments.seconds:g} s cannot be made; choose up to {LIMITS.seconds:g} s, at least "
            f"{LIMITS.frames} samples."
        )
    array = read_array(arguments.array)
    return SceneSettings(
        array,
        arguments.voices,
        frames,
        arguments.sample_rate,
        arguments.seed,
        rooms=arguments.rooms,
        moving=arguments.moving,
        composite=arguments.composite is not None,
    )


def _sources(arguments) -> list:
    """Utterances to be rendered, or folders of recordings to be mixed."""
    from core.arrays.scenes.files import find_scenes
    from core.arrays.scenes.speech import find_speech

    if arguments.composite is None:
        place, found = arguments.speech, find_speech(arguments.speech, arguments.split)
    else:
        place, found = arguments.composite, find_scenes(arguments.composite)
    if len(found) < arguments.voices:
        raise InputError(f"{place} holds {len(found)} recordings, too few for scenes of {arguments.voices} voices.")
    return found


def _backgrounds(arguments) -> list[Path]:
    from core.signal.folders import audio_under

    place = arguments.background
    if place is None:
        return []
    return [place] if place.is_file() else audio_under(place)


def _described(settings, arguments) -> dict:
    """What identifies a set, except for how many scenes it has."""
    from core.arrays.scenes.scene_set import DRAWING

    places = {"recordings": arguments.composite or arguments.speech, "background": arguments.background}
    names = {key: place and place.resolve().name for key, place in places.items()}
    return json.loads(json.dumps(asdict(settings) | names | {"split": arguments.split, "drawing": DRAWING}))


def make_scenes(engine: engines.Engine, requests: list, before: int) -> int:
    """Makes the scenes of requests; returns how many failed.

    Args:
        before: how many there are already.
    """
    from tqdm import tqdm

    from core.arrays.scenes.scene_set import SceneOutcome, save_scene

    refused, failed = set(), 0
    bar = tqdm(total=before + len(requests), initial=before, unit="scene", leave=False, disable=not sys.stderr.isatty())
    with bar, contextlib.closing(engine(save_scene, requests)) as outcomes:
        for outcome in outcomes:
            if isinstance(outcome, engines.Lost):
                outcome = SceneOutcome(outcome.job.index, engines.LOST, ())
            for sentence in sorted(set(outcome.refused) - refused):
                bar.write(sentence, file=sys.stderr)
            if outcome.failure:
                bar.write(f"Scene {outcome.index}: {outcome.failure}", file=sys.stderr)
            refused.update(outcome.refused)
            failed += bool(outcome.failure)
            bar.update()
    return failed
