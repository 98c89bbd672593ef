"""evaluate: a system over many examples, in the figures of its paper; resumed where it stopped."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from core.choices import METHODS, MOST_VOICES
from core.cli import (
    evaluation_conversion,
    evaluation_generation,
    evaluation_images,
    evaluation_latent_separation,
    evaluation_likelihood,
    evaluation_super_resolution,
    evaluation_vocoding,
    options,
    outputs,
)
from core.cli.reporting import print_table
from core.cli.scenes import MOST_SCENES
from core.errors import InputError

SETTINGS, SCENES, RENDERED = "settings.json", "scenes", "rendered"
SCENE_SECONDS = 3
OF_EXAMPLES = (
    "The scenes are rendered from the four example voices that come with Resound; a scene of more voices has some of "
    "them again, with what they say elsewhere in their recordings."
)
CONE_TITLES = ("method", "voices", "SI-SDR gain dB", "angle error", "precision", "recall")


def add_commands(commands) -> None:
    """Adds the command and the systems it knows to the parser."""
    description = "Evaluates a system over many examples and writes tables beside the paper's; what is done is kept."
    command = commands.add_parser("evaluate", help=description, description=description)
    systems = command.add_subparsers(metavar="NAME", required=True)
    _add_cone(systems)
    evaluation_super_resolution.add_system(systems)
    evaluation_generation.add_system(systems)
    evaluation_images.add_system(systems)
    evaluation_vocoding.add_system(systems)
    evaluation_likelihood.add_system(systems)
    evaluation_conversion.add_system(systems)
    evaluation_latent_separation.add_system(systems)


def _add_cone(systems) -> None:
    description = "Localization of voices around a microphone array (Cone of Silence, Jenrungrot et al. 2020)."
    command = systems.add_parser("cone", help=description, description=description)
    command.set_defaults(run=_evaluate_cone)
    scenes = command.add_mutually_exclusive_group()
    scenes.add_argument("--data", type=Path, metavar="FOLDER", help="scenes of render-scenes, in any sub-folders")
    scenes.add_argument(
        "--speech",
        type=Path,
        metavar="SPEECH_DIR",
        help="render them first, from these recordings, else from the examples'",
    )
    command.add_argument("--split", choices=("train", "valid", "test"), help="of SPEECH_DIR's metadata.csv")
    command.add_argument("-o", "--out", type=Path, required=True, metavar="OUTDIR", help="gets cone.md and cone.json")
    command.add_argument("--array", default="respeaker-4", metavar="NAME|FILE.json", help="of the scenes")
    command.add_argument("--method", choices=METHODS, default="cone", help="srp-phat stands beside it in any case")
    command.add_argument("--prior", metavar="NAME", help="the separator; the first one that fits the array")
    command.add_argument(
        "--voices", type=options.span(1, MOST_VOICES), default=range(2, 9), metavar="A..B", help="in a scene (2..8)"
    )
    command.add_argument(
        "--count", type=options.whole(1, MOST_SCENES), default=100, metavar="N", help="scenes of every number of voices"
    )
    command.add_argument("--oracle-position", action="store_true", help="tell the true angles, separate only")
    command.add_argument("--device", type=options.device, default="auto", help="auto, cpu, cuda or cuda:K")


def _evaluate_cone(arguments) -> int:
    from core.evaluation.localization import evaluate_scene, format_tables, summarise

    evaluation = _cone_evaluation(arguments)
    settings = _described(arguments, evaluation)
    parent, scenes = _claim_with_scenes(arguments, evaluation.array, settings)
    folders = [folder for own in scenes.values() for folder in own]
    places = {folder: arguments.out / SCENES / f"{folder.relative_to(parent)}.json" for folder in folders}
    records, failed = outputs.figures_of_each(places, lambda folder: evaluate_scene(folder, evaluation))
    summary = summarise(records)
    title = f"Localization with {evaluation.settings.prior or arguments.method}, array {evaluation.array.name}"
    notes = [] if arguments.data or arguments.speech else [OF_EXAMPLES]
    outputs.write_json(arguments.out / "cone.json", {**settings, "figures": summary, "notes": notes})
    outputs.write_text(arguments.out / "cone.md", format_tables(summary, arguments.voices, title, notes))
    _print_cone(summary)
    for note in notes:
        print(f"Note: {note}")
    print(f"Scenes evaluated: {len(records)}; see {arguments.out / 'cone.md'}")
    return 2 if failed else 0


def _cone_evaluation(arguments):
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
    from core.zoo.manifest import find, fingerprint

    source, prior = arguments.data or arguments.speech, evaluation.settings.prior
    named = {"prior": prior, "sha256": fingerprint(find(prior)) if prior else None}
    described = asdict(evaluation) | {"settings": named, "scenes": str(source.resolve()) if source else None}
    return json.loads(json.dumps({"system": "cone", **described, "split": arguments.split}))


def _claim_with_scenes(arguments, array, settings: Mapping) -> tuple[Path, dict[int, list[Path]]]:
    """Makes the folder of the figures; returns that of the scenes and, by their number of voices, those in it."""
    from core.arrays.scenes.speech import bundled_speech, find_speech
    from core.evaluation.localization import find_evaluated

    if arguments.data:
        scenes = find_evaluated(arguments.data, arguments.voices, arguments.count)
        outputs.claim_folder(arguments.out, SETTINGS, settings, "figures")
        return arguments.data, scenes
    if arguments.split and not arguments.speech:
        raise InputError("The examples have no splits; give --speech with --split, or leave it out.")
    given = find_speech(arguments.speech, arguments.split) if arguments.speech else []
    recordings = {voices: given or bundled_speech(voices) for voices in arguments.voices}
    outputs.claim_folder(arguments.out, SETTINGS, settings, "figures")
    parent = arguments.out / RENDERED
    for voices in arguments.voices:
        _render(recordings[voices], array, voices, arguments.count, parent / str(voices))
    return parent, find_evaluated(parent, arguments.voices, arguments.count)


def _render(recordings: list, array, voices: int, count: int, folder: Path) -> None:
    """Makes so many scenes of so many voices; those that are there are kept."""
    from tqdm import tqdm

    from core.arrays.scenes.files import scene_folder
    from core.arrays.scenes.scene_set import SceneSettings, save_scene, scene_requests

    settings = SceneSettings(array, voices, SCENE_SECONDS * array.sample_rate, array.sample_rate, seed=0)
    folder.mkdir(parents=True, exist_ok=True)
    todo = [k for k in range(count) if not scene_folder(folder, k).exists()]
    requests = list(scene_requests(settings, todo, folder, recordings, ()))
    for request in tqdm(requests, unit="scene", leave=False, disable=outputs.hidden()):
        outcome = save_scene(request)
        if outcome.failure:
            raise InputError(f"Scene {outcome.index} cannot be rendered: {outcome.failure}")


def _print_cone(summary: Mapping) -> None:
    figures = ("si_sdr_improvement_db", "angular_error_degrees", "precision", "recall")
    rows = [
        [name, str(voices), *("-" if own[figure] is None else f"{own[figure]:.2f}" for figure in figures)]
        for name, by_voices in summary.items()
        for voices, own in by_voices.items()
    ]
    print_table(CONE_TITLES, rows)
