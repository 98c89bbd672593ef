"""The named API endpoints: one file in, the restored file and the report out, by the same jobs that the tabs run.

    from gradio_client import Client, handle_file
    client = Client("http://127.0.0.1:7860")
    restored, report = client.predict(handle_file("in.wav"), 4, api_name="/super_resolve")
    restored, report = client.predict(handle_file("in.wav"), "1.0-1.2, 2.5-2.6", api_name="/inpaint")
    restored, report = client.predict(handle_file("in.wav"), api_name="/declip")
    restored, report = client.predict(handle_file("in.wav"), 1.5, 0, api_name="/vocode")
    stems, report = client.predict(handle_file("mix.wav"), "piano-16k, voice-16k", api_name="/separate")
    voices, report = client.predict(handle_file("meeting.wav"), "respeaker-4", api_name="/localize")

`client.submit` with the same arguments yields progress as well and can be cancelled. What a user can
mend comes back as an error with one plain sentence.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import gradio as gr
from gradio.components import Component

from core.arrays.geometry import ARRAYS
from core.choices import parse_channels
from core.errors import InputError
from core.generators import mapped
from core.tasks import localization, separation
from core.tasks.progress import Progress, Result, Run
from core.tasks.separation import DEFAULT_PRIORS, separate
from core.tasks.settings import Settings
from demos.array.array_recording import from_file, load_recording
from demos.page.downloads import restored_file, stem_files
from demos.page.source import load, read_source
from demos.page.stream import Throttle, throttled
from demos.page.tab import RestorationTab
from demos.tabs import declipping, inpainting, super_resolution, vocoding

UPDATE_SECONDS = 0.5

log = logging.getLogger(__name__)


def build(concurrency: dict) -> None:
    """Adds the endpoints to the current Blocks; nothing of it is seen on the page."""
    with gr.Group(visible=False):
        audio = gr.Audio(type="filepath", label="audio")
        factor = gr.Number(4, label="factor", precision=0)
        degrade = gr.Textbox("", label="degrade")
        gaps = gr.Textbox(label="gaps")
        threshold = gr.Number(None, label="threshold")
        stretch, semitones = gr.Number(1.0, label="stretch"), gr.Number(0.0, label="semitones")
        shared = _shared_inputs()
        outputs = [gr.File(label="restored"), gr.JSON(label="report")]
        for name, fn, own in (
            ("super_resolve", _super_resolve, [factor, degrade]),
            ("inpaint", _inpaint, [gaps]),
            ("declip", _declip, [threshold]),
            ("vocode", _vocode, [stretch, semitones]),
        ):
            gr.Button(name).click(
                fn, [audio, *own, *shared], outputs, api_name=name, api_description=fn.__doc__, **concurrency
            )
        priors = gr.Textbox(", ".join(DEFAULT_PRIORS), label="priors")
        form = gr.Textbox("", label="form")
        _, quality, seed, start, length, _ = shared
        gr.Button("separate").click(
            _separate,
            [audio, priors, quality, seed, start, length, form],
            [gr.File(label="stems", file_count="multiple"), gr.JSON(label="report")],
            api_name="separate",
            api_description=_separate.__doc__,
            **concurrency,
        )
        array, method = gr.Textbox("respeaker-4", label="array"), gr.Textbox("", label="method")
        voices, moving = gr.Number(0, label="voices", precision=0), gr.Checkbox(False, label="moving")
        channels = gr.Textbox("", label="channels")
        gr.Button("localize").click(
            _localize,
            [audio, array, voices, moving, method, shared[0], start, length, channels],
            [gr.File(label="voices", file_count="multiple"), gr.JSON(label="report")],
            api_name="localize",
            api_description=_localize.__doc__,
            **concurrency,
        )


def _shared_inputs() -> list[Component]:
    return [
        gr.Textbox("", label="prior"),
        gr.Textbox("standard", label="quality"),
        gr.Number(0, label="seed", precision=0),
        gr.Number(0.0, label="start"),
        gr.Number(0.0, label="length"),
        gr.Audio(type="filepath", label="reference"),
    ]


def _super_resolve(
    audio, factor=4, degrade="", prior="", quality="standard", seed=0, start=0.0, length=0.0, reference=None
):
    """Super-resolution by a whole factor. degrade: "" (a file of low rate), "plain" or "lowpass" (it is the truth).

    prior: "" takes the default. quality: draft, standard, fine. start, length: seconds; a length of 0 goes to the end.
    """
    chosen = {"input": degrade or super_resolution.RESTORE, "factor": factor, "evidence": "auto"}
    settings = Settings(prior or None, quality, seed=seed)
    yield from _answer(super_resolution.SuperResolutionPanel, audio, reference, (start, length), settings, chosen)


def _inpaint(audio, gaps, prior="", quality="standard", seed=0, start=0.0, length=0.0, reference=None):
    """Fills gaps, given as "1.0-1.2, 2.5-2.6" in seconds of the file; every other sample stays as it is.

    prior: "" takes the default. quality: draft, standard, fine. start, length: seconds; a length of 0 goes to the end.
    """
    chosen = {"gaps": gaps, "intact": False}
    settings = Settings(prior or None, quality, seed=seed)
    yield from _answer(inpainting.InpaintingPanel, audio, reference, (start, length), settings, chosen)


def _declip(audio, threshold=None, prior="", quality="standard", seed=0, start=0.0, length=0.0, reference=None):
    """Restores samples clipped at a threshold (found from the waveform when not given).

    prior: "" takes the default. quality: draft, standard, fine. start, length: seconds; a length of 0 goes to the end.
    """
    chosen = {"threshold": threshold}
    settings = Settings(prior or None, quality, seed=seed)
    yield from _answer(declipping.DeclippingPanel, audio, reference, (start, length), settings, chosen)


def _vocode(
    audio,
    stretch=1.0,
    semitones=0.0,
    prior="",
    quality="standard",
    seed=0,
    start=0.0,
    length=0.0,
    reference=None,
):
    """Plays the mel spectrogram of a sound anew, made longer by `stretch` and moved up by `semitones` first.

    prior: "" takes the default. quality: draft, standard, fine. start, length: seconds; a length of 0 goes to the end.
    """
    chosen = {"stretch": stretch, "semitones": semitones}
    settings = Settings(prior or None, quality, seed=seed)
    yield from _answer(vocoding.VocodingPanel, audio, reference, (start, length), settings, chosen)


def _separate(audio, priors="", quality="standard", seed=0, start=0.0, length=0.0, form=""):
    """Takes a mixture apart: one file for each prior (names with commas between them); together they are the mixture.

    form: "shared", "exact", "soft" or "" for the priors' and sampler's own. start, length: seconds; a length of 0 goes
    to the end.
    """
    names = [name.strip() for name in (priors or ", ".join(DEFAULT_PRIORS)).split(",")]

    def run():
        source = read_source(load(audio), start, length, None)
        return separate(source.clip, names, settings=Settings(None, quality, seed=seed), form=form or None)

    yield from _follow(separation.TASK, run, lambda result: stem_files(result.sounds, audio))


def _localize(
    audio, array="respeaker-4", voices=0, moving=False, method="", prior="", start=0.0, length=0.0, channels=""
):
    """Finds the voices around a microphone array: one file for each, loudest first; the report has their angles.

    array: respeaker-4 or circle-6. voices: how many; 0 where nobody knows. method: cone, srp-phat, music or "" for the
    best one there is. channels: which one each microphone is, such as "1,2,3,4". start, length: seconds; a length of 0
    goes to the end.
    """

    def run():
        if array not in ARRAYS:
            raise InputError(f"There is no array {array[:40]!r}; choose one of {', '.join(ARRAYS)}.")
        chosen = parse_channels(channels or "")
        recording = from_file(load_recording(audio, ARRAYS[array], chosen, None), ARRAYS[array], chosen, start, length)
        found = {"method": method or None, "voices": int(voices) or None, "moving": bool(moving)}
        run = localization.localize(recording.clip, recording.array, settings=Settings(prior or None), **found)
        return mapped(run, lambda item: _with_notes(item, recording.notes))

    yield from _follow(localization.TASK, run, lambda result: stem_files(result.sounds, audio))


def _with_notes(item: Progress | Result, notes: Sequence[str]) -> Progress | Result:
    """A result whose report also says what is to be known of its input; progress as it is."""
    if isinstance(item, Progress):
        return item
    return replace(item, report={**item.report, "notes": [*notes, *item.report["notes"]]})


def _answer(
    tab: type[RestorationTab],
    path: str,
    reference: str | None,
    part: tuple[float, float],
    settings: Settings,
    chosen: Mapping,
) -> Iterator[tuple[str | None, Mapping]]:
    """Yields (None, progress) about twice a second and last (restored file, report)."""

    def run():
        return tab.begin(read_source(load(path, mixes=tab.mixes), *part, reference), settings, chosen)

    yield from _follow(tab.task, run, lambda result: restored_file(result.clip, path, tab.task))


def _follow(task: str, start: Callable[[], Run], write: Callable[[Result], Any]) -> Iterator[tuple]:
    """Yields (None, progress) about twice a second and last (what was written, report)."""
    try:
        with closing(throttled(start(), lambda progress: None, Throttle(UPDATE_SECONDS))) as updates:
            for item in updates:
                if isinstance(item, Progress):
                    yield None, _place(item)
                else:
                    yield write(item), item.report
    except InputError as error:
        raise gr.Error(str(error), print_exception=False) from None
    except Exception:
        log.exception("%s failed", task)
        raise gr.Error("Something went wrong on our side.", print_exception=False) from None


def _place(progress: Progress) -> Mapping:
    """Where a run is, and how long it still takes."""
    left = round(progress.seconds_left, 1)
    if progress.look is not None:
        return {"chunk": progress.look.chunk, "chunks": progress.look.chunks, "seconds_left": left}
    return {"step": progress.iterate.step, "total_steps": progress.iterate.total_steps, "seconds_left": left}
