"""evaluate generation: sounds that are drawn, beside real ones, by figures of the papers and by judges."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path

from core.choices import GENERATION_SAMPLERS
from core.cli import engines, options, outputs
from core.cli.figures import figures_of_each
from core.cli.reporting import print_table
from core.errors import InputError

NAME = "generation"
SETTINGS, SOUNDS, PACK = "settings.json", "sounds", "data"
MOST_SOUNDS = 4096
ALL, NONE = "all", "none"  # of --label
NO_DATA = "No real sounds stand beside them; --data FOLDER adds them, recordings that the prior was trained on."
NO_RECOGNISER = "No recogniser heard them; `pip install .[evaluate]` adds PocketSphinx, which must know all words."


def add_system(systems) -> None:
    """Adds `generation` to the systems that can be evaluated."""
    description = "Short sounds with labels, such as spoken digits, drawn from a prior alone."
    command = systems.add_parser(NAME, help=description, description=description)
    command.set_defaults(run=_evaluate)
    command.add_argument("--prior", metavar="NAME", help="what the sounds are drawn from (digits-16k)")
    command.add_argument("--data", type=Path, metavar="FOLDER", help="recordings with labels and splits, or a pack")
    command.add_argument("--label", metavar="L", help="one label; all: each in turn; none: seeds draw (all, then none)")
    command.add_argument("--count", type=options.whole(1, MOST_SOUNDS), default=512, metavar="N", help="sounds (512)")
    command.add_argument("--seconds", type=options.duration, metavar="S", help="length of each")
    command.add_argument("--guidance", type=options.number, metavar="G", help="over 1: plainer; 0: tells nothing (3)")
    command.add_argument("--sampler", choices=GENERATION_SAMPLERS, help="how they are drawn (heun)")
    command.add_argument("--steps", type=options.whole(1, 1_000_000), metavar="N", help="of every sound")
    command.add_argument("--batch", type=options.whole(1, MOST_SOUNDS), metavar="N", help="sounds drawn at once (16)")
    command.add_argument("--seed", type=options.whole(0), default=0, metavar="N", help="of the first sound (0)")
    command.add_argument("-o", "--out", type=Path, required=True, metavar="OUTDIR", help=f"gets {NAME}.md and .json")
    command.add_argument("--device", type=options.device, default="auto", help="auto, cpu, cuda or cuda:K")
    engines.add_options(command, "batches of sounds")


def _evaluate(arguments) -> int:
    from core.evaluation.generation import check, evaluate_draw, format_tables, summarise, with_real
    from core.evaluation.judged_sounds import Judged, joined

    evaluation = _evaluation(arguments)
    described = _described(arguments, evaluation)
    check(evaluation)
    engine = engines.chosen(arguments)
    outputs.claim_folder(arguments.out, SETTINGS, described, "figures")
    real = {}
    if arguments.data:
        evaluation, real = with_real(evaluation, _opened(arguments))
    draws = {way: evaluation.draws(way) for way in evaluation.ways}
    places = _places(arguments.out / SOUNDS, draws)
    records, failed = figures_of_each(places, partial(evaluate_draw, evaluation=evaluation), engine)
    if failed:
        return 2
    rest = iter(records)
    drawn = {way: joined([Judged.from_record(next(rest)) for _ in own]) for way, own in draws.items()}
    count, seconds = arguments.count * len(drawn), sum(record["seconds"] for record in records)
    summary, notes = summarise(drawn | real, evaluation.panel), _notes(evaluation, seconds / count, bool(real))
    title = f"Generation with {evaluation.settings.prior}, {arguments.count} sounds a row"
    outputs.write_json(arguments.out / f"{NAME}.json", {**described, "figures": summary, "notes": notes})
    outputs.write_text(arguments.out / f"{NAME}.md", format_tables(summary, title, notes))
    _print(summary)
    print("\n".join(f"Note: {note}" for note in notes))
    print(f"Sounds drawn: {count}; see {arguments.out / f'{NAME}.md'}")
    return 0


def _places(folder: Path, draws: Mapping[str, Sequence]) -> dict:
    """The file of the figures of every draw, by the way that it is one of."""
    return {
        draw: folder / f"{way.replace(' ', '-')}-{number:04d}.json"
        for way, own in draws.items()
        for number, draw in enumerate(own)
    }


def _evaluation(arguments):
    """What is evaluated.

    Raises:
        InputError: no such prior, no judge for the labels, or recordings of something else.
    """
    from core.evaluation.generation import Evaluation, ways_of
    from core.evaluation.judged_sounds import find_panel, word_of
    from core.tasks.generation import TASK, Wish
    from core.tasks.loading import load_prior
    from core.tasks.settings import Settings

    chosen = {name: getattr(arguments, name) for name in ("prior", "sampler", "steps", "seed", "device", "batch")}
    prior = load_prior(TASK, Settings(**chosen))
    asked = {name: getattr(arguments, name) for name in ("seconds", "guidance")}
    wish = Wish(**{name: value for name, value in asked.items() if value is not None})
    labels = _labels_in(arguments.data) if arguments.data else prior.labels
    if not labels:
        raise InputError(f"{prior.name} lists no labels; give recordings that have some with --data.")
    settings, panel = Settings(**chosen | {"prior": prior.name}), find_panel(labels, prior.sample_rate)
    if not set(map(word_of, prior.labels)) <= set(panel.words):
        raise InputError(f"{prior.name} says other words than the recordings in {arguments.data}; choose others.")
    return Evaluation(ways_of(arguments.label, prior.labels), arguments.count, wish, settings, panel)


def _described(arguments, evaluation) -> dict:
    """What makes two evaluations the same."""
    from core.evaluation.judges import RECOGNISER
    from core.zoo.families import VOCODER
    from core.zoo.manifest import catalogue, find, fingerprint

    settings, panel = evaluation.settings, evaluation.panel
    names = ("count", "label", "seconds", "guidance", "sampler", "steps", "batch", "seed")
    return {
        "system": NAME,
        "prior": settings.prior,
        "sha256": fingerprint(find(settings.prior)),
        "vocoders": {entry.name: fingerprint(entry) for entry in catalogue(kind=VOCODER)},
        "data": str(arguments.data.resolve()) if arguments.data else None,
        **{name: getattr(arguments, name) for name in names},
        "judges": {panel.name: fingerprint(find(panel.name)), **({RECOGNISER: panel.words} if panel.listen else {})},
    }


def _labels_in(data: Path) -> list[str]:
    """What the recordings that something is trained on are called, those of a pack or of a folder.

    Raises:
        InputError: nothing to be found, no labels, or nothing that is held out.
    """
    from core.signal.packed_audio import is_pack
    from core.training.data import PackedData, find_audio

    if is_pack(data):
        known, held_out = PackedData(data, "train").recordings, PackedData(data, "valid").recordings
    else:
        found = find_audio(data)
        known, held_out = ([own for own in found if own.split == split] for split in ("train", "valid"))
    labels = sorted({recording.label for recording in known} - {""})
    if not labels:
        raise InputError(f"The recordings in {data} have no labels; put those of each into a folder of its name.")
    if not held_out:
        raise InputError(f"No recording in {data} is held out; give some the split valid in its metadata.csv.")
    return labels


def _opened(arguments) -> dict:
    """The splits of the data, packed first where they are a folder of recordings."""
    from core.evaluation.judges import RATE
    from core.signal.packed_audio import is_pack
    from core.training.data import SPLITS, PackedData, pack_data

    pack = arguments.data
    if not is_pack(pack):
        pack = arguments.out / PACK
        if not is_pack(pack):
            pack_data(arguments.data, pack, RATE)
    splits = {}
    for split in SPLITS:
        with suppress(InputError) if split == "test" else nullcontext():
            splits[split] = PackedData(pack, split)
    return splits


def _notes(evaluation, seconds: float, real: bool) -> list[str]:
    from core.evaluation.generation import MEANINGS

    notes = [f"Every sound took {seconds:.2f} s to draw. Their labels are told by {evaluation.panel.name}."]
    notes += [] if real else [NO_DATA]
    return notes + ([] if evaluation.panel.listen else [NO_RECOGNISER]) + (list(MEANINGS) if real else [])


def _print(summary: Mapping) -> None:
    from core.evaluation.generation import tables

    for titles, *rows in tables(summary):
        print_table(titles, rows)
