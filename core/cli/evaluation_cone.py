"""evaluate cone: localization over many scenes, rendered where they are missing, beside the paper's figures."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from core.choices import METHODS, MOST_VOICES
from core.cli import engines, options, outputs
from core.cli.figures import figures_of_each
from core.cli.reporting import print_table
from core.cli.scenes import MOST_SCENES, ROOMS, make_scenes
from core.errors import InputError

NAME = "cone"
SETTINGS, SCENES, RENDERED = "settings.json", "scenes", "rendered"
SCENE_SECONDS = 3
OF_EXAMPLES = (
    "The scenes are rendered from the four example voices that come with Resound; a scene of more voices has some of "
    "them again, with what they say elsewhere in their recordings."
)


def add_system(systems) -> None:
    """Adds `cone` to the systems that can be evaluated."""
    description = "Localization of voices around a microphone array (Cone of Silence, Jenrungrot et al. 2020)."
    command = systems.add_parser(NAME, help=description, description=description)
    command.set_defaults(run=_evaluate)
    scenes = command.add_mutually_exclusive_group()
    scenes.add_argument("--data", type=Path, metavar="FOLDER", help="scenes of render-scenes, in any sub-folders")
    scenes.add_argument(
        "--speech",
        type=Path,
        metavar="SPEECH_DIR",
        help="render them first, from these recordings, else from the examples'",
    )
    command.add_argument("--split", choices=("train", "valid", "test"), help="of SPEECH_DIR's metadata.csv")
    command.add_argument("--rooms", choices=ROOMS, help=f"in which scenes are rendered ({ROOMS[0]})")
    command.add_argument(
        "-o", "--out", type=Path, required=True, metavar="OUTDIR", help=f"gets {NAME}.md, .json, .csv and .png"
    )
    command.add_argument("--array", default="respeaker-4", metavar="NAME|FILE.json", help="of the scenes")
    command.add_argument(
        "--method", choices=METHODS, default="cone", help="srp-phat stands beside it in any case, refined and not"
    )
    command.add_argument("--prior", metavar="NAME", help="the separator; the first one that fits the array")
    command.add_argument(
        "--voices",
        type=options.spans(1, MOST_VOICES),
        default=tuple(range(2, 9)),
        metavar="A..B|A,B,...",
        help="in a scene (2..8)",
    )
    command.add_argument(
        "--count", type=options.whole(1, MOST_SCENES), default=100, metavar="N", help="scenes of every number of voices"
    )
    command.add_argument("--oracle-position", action="store_true", help="tell the true angles, separate only")
    command.add_argument("--device", type=options.device, default="auto", help="auto, cpu, cuda or cuda:K")
    engines.add_options(command, "scenes")


def _evaluate(arguments) -> int:
    from core.evaluation.localization import evaluate_scene
    from core.evaluation.localization_summary import summarise

    _check_sources(arguments)
    evaluation = _evaluation(arguments)
    described = _described(arguments, evaluation)
    engine = engines.chosen(arguments)
    parent, scenes = _claim_with_scenes(arguments, evaluation.array, described, engine)
    folders = [folder for own in scenes.values() for folder in own]
    places = {folder: arguments.out / SCENES / f"{folder.relative_to(parent)}.json" for folder in folders}
    records, failed = figures_of_each(places, partial(evaluate_scene, evaluation=evaluation), engine)
    summary = summarise(records)
    notes = [] if arguments.data or arguments.speech else [OF_EXAMPLES]
    _write(arguments, described, summary, notes)
    _print(summary)
    for note in notes:
        print(f"Note: {note}")
    print(f"Scenes evaluated: {len(records)}; see {arguments.out / f'{NAME}.md'}")
    return 2 if failed else 0


def _check_sources(arguments) -> None:
    if arguments.split and not (arguments.data or arguments.speech):
        raise InputError("The examples have no splits; give --speech with --split, or leave it out.")
    if arguments.data and arguments.rooms:
        raise InputError("The scenes of --data are rendered already; leave out --rooms.")


def _evaluation(arguments):
    """What is evaluated; a separator that is not named is the first one that fits."""
    from core.arrays.geometry import read_array
    from core.evaluation.localization import Evaluation
    from core.tasks.localization import choose_separator
    from core.tasks.settings import Settings

    array, prior = read_array(arguments.array), arguments.prior
    if arguments.method == "cone":
        separator = choose_separator(array, prior)
        if separator is None:
            raise InputError(f"There is no separator for the array {array.name}; choose --method srp-phat.")
        prior = separator.name
    elif prior:
        raise InputError(f"The method {arguments.method} needs no separator; leave out --prior.")
    return Evaluation(array, arguments.method, Settings(prior, device=arguments.device), arguments.oracle_position)


def _described(arguments, evaluation) -> dict:
    """What makes two evaluations the same, but for how many scenes they have."""
    from core.arrays.scenes.scene_set import DRAWING
    from core.zoo.manifest import find, fingerprint

    source, prior = arguments.data or arguments.speech, evaluation.settings.prior
    named = {"prior": prior, "sha256": fingerprint(find(prior)) if prior else None}
    described = asdict(evaluation) | {"settings": named, "scenes": str(source.resolve()) if source else None}
    drawn = {} if arguments.data else {"rooms": arguments.rooms or ROOMS[0], "drawing": DRAWING}
    return json.loads(json.dumps({"system": NAME, **described, "split": arguments.split, "rooms": None, **drawn}))


def _claim_with_scenes(
    arguments, array, described: Mapping, engine: engines.Engine
) -> tuple[Path, dict[int, list[Path]]]:
    """Makes the folder of the figures; returns that of the scenes and, by their number of voices, those in it."""
    from core.arrays.scenes.speech import bundled_speech, find_speech
    from core.evaluation.localization import find_evaluated

    if arguments.data:
        scenes = find_evaluated(arguments.data, arguments.voices, arguments.count)
        outputs.claim_folder(arguments.out, SETTINGS, described, "figures")
        return arguments.data, scenes
    given = find_speech(arguments.speech, arguments.split) if arguments.speech else []
    recordings = {voices: given or bundled_speech(voices) for voices in arguments.voices}
    outputs.claim_folder(arguments.out, SETTINGS, described, "figures")
    parent = arguments.out / RENDERED
    _render(arguments, array, recordings, parent, engine)
    return parent, find_evaluated(parent, arguments.voices, arguments.count)


def _render(arguments, array, recordings: Mapping[int, list], parent: Path, engine: engines.Engine) -> None:
    """Makes the scenes of every number of voices; those that are there are kept."""
    from core.arrays.scenes.files import scene_folder
    from core.arrays.scenes.scene_set import SceneSettings, scene_requests

    requests, frames = [], SCENE_SECONDS * array.sample_rate
    for voices, sources in recordings.items():
        settings = SceneSettings(array, voices, frames, array.sample_rate, seed=0, rooms=arguments.rooms or ROOMS[0])
        folder = parent / str(voices)
        folder.mkdir(parents=True, exist_ok=True)
        todo = [k for k in range(arguments.count) if not scene_folder(folder, k).exists()]
        requests += scene_requests(settings, todo, folder, sources, ())
    if make_scenes(engine, requests, len(recordings) * arguments.count - len(requests)):
        raise InputError(f"Some scenes cannot be rendered; see above. Those that can are in {parent}.")


def _write(arguments, described: Mapping, summary: Mapping, notes: Sequence[str]) -> None:
    """The tables, the figures for programs and spreadsheets, and the chart; of the scenes' place the name alone."""
    from core.evaluation.localization_chart import chart_png
    from core.evaluation.localization_summary import format_csv, format_tables, published

    prior, array = described["settings"]["prior"] or arguments.method, described["array"]["name"]
    title = f"Localization with {prior}, array {array}"
    source = described["scenes"] and Path(described["scenes"]).name
    content = {**described, "scenes": source, "figures": summary, "published": published(), "notes": list(notes)}
    outputs.write_json(arguments.out / f"{NAME}.json", content)
    outputs.write_text(arguments.out / f"{NAME}.csv", format_csv(summary))
    outputs.write_text(arguments.out / f"{NAME}.md", format_tables(summary, arguments.voices, title, notes))
    outputs.write_bytes(arguments.out / f"{NAME}.png", chart_png(summary, arguments.voices, title))


def _print(summary: Mapping) -> None:
    from core.evaluation.localization_summary import TITLES

    rows = [
        [name, str(voices), *("-" if own[figure] is None else f"{own[figure]:.2f}" for figure in TITLES)]
        for name, by_voices in summary.items()
        for voices, own in by_voices.items()
    ]
    columns = ("method", "voices", "SI-SDR gain dB", "its mean", "angle error", "its mean", "precision", "recall")
    print_table(columns, rows)
