"""The named API endpoints: mostly a file in, the restored file and the report out, by the same jobs that the tabs run.

    from gradio_client import Client, handle_file
    client = Client("http://127.0.0.1:7860")
    restored, report = client.predict(handle_file("in.wav"), 4, api_name="/super_resolve")
    restored, report = client.predict(handle_file("in.wav"), "1.0-1.2, 2.5-2.6", api_name="/inpaint")
    restored, report = client.predict(handle_file("in.wav"), api_name="/declip")
    restored, report = client.predict(handle_file("in.wav"), 1.5, 0, api_name="/vocode")
    stems, report = client.predict(handle_file("mix.wav"), "piano-16k, voice-16k", api_name="/separate")
    stems, report = client.predict(handle_file("mix.wav"), "drums, bass", method="latent", api_name="/separate")
    voices, report = client.predict(handle_file("meeting.wav"), "respeaker-4", api_name="/localize")
    said, report = client.predict(handle_file("in.wav"), "vctk_p226", api_name="/convert_voice")
    said, report = client.predict(handle_file("in.wav"), voice=handle_file("me.wav"), api_name="/convert_voice")
    sounds, report = client.predict(4, "seven", api_name="/generate")
    sounds, report = client.predict(1, prior="piano-16k-wavenet", prime=handle_file("in.wav"), api_name="/generate")
    images, report = client.predict(4, "7", api_name="/generate_images")

`client.submit` with the same arguments yields progress as well and can be cancelled. What a user can
mend comes back as an error with one plain sentence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import gradio as gr

from core.arrays.geometry import ARRAYS
from core.choices import EVIDENCE, FORMS, LATENT, METHODS, MOST_VOICES, SEPARATIONS, WAVEFORM, parse_channels
from core.errors import InputError
from core.generators import mapped
from core.signal.limits import LIMITS
from core.tasks import latent_separation, localization, separation, voice_conversion
from core.tasks.latent_separation import separate_latent
from core.tasks.progress import Progress, Result, Run
from core.tasks.separation import separate
from core.tasks.thinned import LARGEST_FACTOR
from core.tasks.vocoding import SEMITONES, STRETCHES
from core.tasks.voice_conversion import MOST_SEMITONES, Manner, convert_voice
from demos import arguments, generation_api
from demos.answering import Asked, endpoint, number_argument, text_argument
from demos.arguments import as_sent
from demos.array.array_recording import from_file, load_recording
from demos.array.layout import FIRST_ARRAY
from demos.page.downloads import restored_file, stem_files
from demos.page.source import load, read_source
from demos.page.tab import RestorationTab
from demos.tabs import declipping, inpainting, super_resolution, vocoding
from demos.voice import offer

MOST_NAMES = 32  # of priors that are looked at
MOST_CHAINS = 32  # of a separation among codes


def build() -> None:
    """Adds the endpoints to the current Blocks; nothing of it is seen on the page."""
    with gr.Group(visible=False):
        audio = as_sent(gr.Audio(type="filepath", label="audio"))
        factor, degrade = number_argument("factor", 4), text_argument("degrade")
        gaps, threshold = text_argument("gaps"), number_argument("threshold", None)
        stretch, semitones = number_argument("stretch", 1.0), number_argument("semitones", 0.0)
        prior, quality, seed = text_argument("prior"), text_argument("quality", "standard"), number_argument("seed", 0)
        start, length = number_argument("start", 0.0), number_argument("length", 0.0)
        shared = [prior, quality, seed, start, length, as_sent(gr.Audio(type="filepath", label="reference"))]
        outputs = [gr.File(label="restored"), gr.JSON(label="report")]
        for name, fn, own, more in (
            ("super_resolve", _super_resolve, [factor, degrade], [number_argument("cutoff", None)]),
            ("inpaint", _inpaint, [gaps], []),
            ("declip", _declip, [threshold], []),
            ("vocode", _vocode, [stretch, semitones], []),
        ):
            given = [audio, *own, *shared, *more]
            endpoint(name, fn, given, outputs)
        by_method = [text_argument("form"), text_argument("method"), number_argument("samples", None)]
        endpoint(
            "separate",
            _separate,
            [audio, text_argument("priors"), quality, seed, start, length, *by_method],
            [gr.File(label="stems", file_count="multiple"), gr.JSON(label="report")],
        )
        array, voices = text_argument("array", "respeaker-4"), number_argument("voices", 0)
        moving, method = as_sent(gr.Checkbox(False, label="moving")), text_argument("method")
        endpoint(
            "localize",
            _localize,
            [audio, array, voices, moving, method, prior, start, length, text_argument("channels")],
            [gr.File(label="voices", file_count="multiple"), gr.JSON(label="report")],
        )
        voice, moved = as_sent(gr.Audio(type="filepath", label="voice")), number_argument("transpose", 0.0)
        keeps = as_sent(gr.Checkbox(False, label="keep_intonation"))
        endpoint(
            "convert_voice",
            _convert_voice,
            [audio, text_argument("speaker"), voice, moved, keeps, prior, seed, start, length],
            [gr.File(label="said"), gr.JSON(label="report")],
        )
        generation_api.build()


def _super_resolve(
    audio,
    factor=4,
    degrade="",
    prior="",
    quality="standard",
    seed=0,
    start=0.0,
    length=0.0,
    reference=None,
    cutoff=None,
) -> Asked:
    """Super-resolution by a whole factor; "auto" finds where the spectrum ends, or takes it from `cutoff`, in Hz.

    degrade: "" (a file of low rate), "plain" or "lowpass" (it is the truth).
    prior: "" takes the default. quality: draft, standard, fine. start, length: seconds; a length of 0 goes to the end.
    """
    kind = arguments.choice("degrade", degrade, EVIDENCE, super_resolution.RESTORE)
    factor = factor if factor == "auto" else arguments.whole("factor", factor, 4, 2, LARGEST_FACTOR)
    chosen = {"input": kind, "factor": factor, "evidence": "auto"}
    chosen["cutoff"] = arguments.number("cutoff", cutoff, None, 0.0, LIMITS.highest_rate / 2)
    return _asked(super_resolution.SuperResolutionPanel, chosen, audio, prior, quality, seed, start, length, reference)


def _inpaint(audio, gaps, prior="", quality="standard", seed=0, start=0.0, length=0.0, reference=None) -> Asked:
    """Fills gaps, given as "1.0-1.2, 2.5-2.6" in seconds of the file; every other sample stays as it is.

    prior: "" takes the default. quality: draft, standard, fine. start, length: seconds; a length of 0 goes to the end.
    """
    chosen = {"gaps": arguments.text("gaps", gaps), "intact": False}
    return _asked(inpainting.InpaintingPanel, chosen, audio, prior, quality, seed, start, length, reference)


def _declip(
    audio, threshold=None, prior="", quality="standard", seed=0, start=0.0, length=0.0, reference=None
) -> Asked:
    """Restores samples clipped at a threshold (found from the waveform when not given).

    prior: "" takes the default. quality: draft, standard, fine. start, length: seconds; a length of 0 goes to the end.
    """
    chosen = {"threshold": arguments.number("threshold", threshold, None, 0.0, 1.0)}
    return _asked(declipping.DeclippingPanel, chosen, audio, prior, quality, seed, start, length, reference)


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
) -> Asked:
    """Plays the mel spectrogram of a sound anew, made longer by `stretch` and moved up by `semitones` first.

    prior: "" takes the default. quality: draft, standard, fine. start, length: seconds; a length of 0 goes to the end.
    """
    moved = arguments.number("semitones", semitones, 0.0, -SEMITONES, SEMITONES)
    chosen = {"stretch": arguments.number("stretch", stretch, 1.0, *STRETCHES), "semitones": moved}
    return _asked(vocoding.VocodingPanel, chosen, audio, prior, quality, seed, start, length, reference)


def _convert_voice(
    audio,
    speaker="",
    voice=None,
    transpose=0.0,
    keep_intonation=False,
    prior="",
    seed=0,
    start=0.0,
    length=0.0,
) -> Asked:
    """Says what is said in a file with another voice.

    speaker: one of the bundled voices, such as ls1998 or vctk_p226 (`python -m core speakers` lists them); or
    voice: a recording of the wanted voice instead, ten seconds or more, which is deleted once it was heard. transpose:
    semitones higher. keep_intonation: the melody stays as wide as it was. start, length: seconds; a length of 0 goes to
    the end.
    """
    settings, part = arguments.settings(prior, None, seed), arguments.part(start, length)
    semitones = arguments.number("transpose", transpose, 0.0, -MOST_SEMITONES, MOST_SEMITONES)
    manner = Manner(semitones, arguments.flag("keep_intonation", keep_intonation))
    named, path = arguments.text("speaker", speaker) or None, arguments.file_of("audio", audio)
    own = None if voice is None else arguments.file_of("voice", voice)

    def begin() -> Run:
        clip = read_source(load(path, mixes=True), *part, None).clip
        recording = None if own is None else offer.take_recording(own)
        return convert_voice(clip, speaker=named, voice=recording, manner=manner, settings=settings)

    return Asked(voice_conversion.TASK, begin, lambda result: restored_file(result.clip, path, voice_conversion.TASK))


def _separate(
    audio, priors="", quality="standard", seed=0, start=0.0, length=0.0, form="", method="", samples=None
) -> Asked:
    """Takes a mixture apart: one file for each prior (names with commas between them); together they are the mixture.

    method: "waveform", "latent" (as codes of an LQ-VAE) or "" for waveform. priors: "" takes the method's own:
    piano-16k and voice-16k, or drums and bass. quality, form: of waveforms alone; form: "shared", "exact", "soft" or ""
    for the priors' and sampler's own. samples: of codes alone, chains that are drawn, 8 where not given. start, length:
    seconds; a length of 0 goes to the end.
    """
    latent = arguments.choice("method", method, SEPARATIONS, WAVEFORM) == LATENT
    usual = (latent_separation if latent else separation).DEFAULT_PRIORS
    names = [name.strip() for name in (arguments.text("priors", priors) or ", ".join(usual)).split(",", MOST_NAMES)]
    settings, bound = arguments.settings("", quality, seed), arguments.choice("form", form, FORMS)
    chains = arguments.whole("samples", samples, None, 1, MOST_CHAINS)
    for name, value in (("form", bound if latent else None), ("samples", None if latent else chains)):
        if value is not None:
            raise InputError(f"The {LATENT if latent else WAVEFORM} method knows no {name}; leave it out.")
    path, part = arguments.file_of("audio", audio), arguments.part(start, length)

    def begin() -> Run:
        mixture = read_source(load(path), *part, None).clip
        if latent:
            return separate_latent(mixture, names, samples=chains or latent_separation.SAMPLES, settings=settings)
        return separate(mixture, names, settings=settings, form=bound)

    return Asked(separation.TASK, begin, lambda result: stem_files(result.sounds, path))


def _localize(
    audio, array="respeaker-4", voices=0, moving=False, method="", prior="", start=0.0, length=0.0, channels=""
) -> Asked:
    """Finds the voices around a microphone array: one file for each, loudest first; the report has their angles.

    array: respeaker-4 or circle-6. voices: how many; 0 where nobody knows. method: cone, srp-phat, music or "" for the
    best one there is. channels: which one each microphone is, such as "1,2,3,4". start, length: seconds; a length of 0
    goes to the end.
    """
    around = ARRAYS[arguments.choice("array", array, tuple(ARRAYS), FIRST_ARRAY)]
    found = {
        "settings": arguments.settings(prior, None, 0),
        "voices": arguments.whole("voices", voices, 0, 0, MOST_VOICES) or None,
        "moving": arguments.flag("moving", moving),
        "method": arguments.choice("method", method, METHODS),
    }
    picked, part = parse_channels(arguments.text("channels", channels)), arguments.part(start, length)
    path = arguments.file_of("audio", audio)

    def begin() -> Run:
        recording = from_file(load_recording(path, around, picked, None), around, picked, *part)
        run = localization.localize(recording.clip, recording.array, **found)
        return mapped(run, lambda item: _with_notes(item, recording.notes))

    return Asked(localization.TASK, begin, lambda result: stem_files(result.sounds, path))


def _with_notes(item: Progress | Result, notes: Sequence[str]) -> Progress | Result:
    """A result whose report also says what is to be known of its input; progress as it is."""
    if isinstance(item, Progress):
        return item
    return replace(item, report={**item.report, "notes": [*notes, *item.report["notes"]]})


def _asked(tab: type[RestorationTab], chosen: Mapping, audio, prior, quality, seed, start, length, reference) -> Asked:
    """What all restorations share."""
    settings, part = arguments.settings(prior, quality, seed), arguments.part(start, length)
    path = arguments.file_of("audio", audio)
    truth = None if reference is None else arguments.file_of("reference", reference)

    def begin() -> Run:
        return tab.begin(read_source(load(path, mixes=tab.mixes), *part, truth), settings, chosen)

    return Asked(tab.task, begin, lambda result: restored_file(result.clip, path, tab.task))
