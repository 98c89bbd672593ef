"""The named API endpoints: mostly a file in, the restored file and the report out, by the same jobs that the tabs run.

    from gradio_client import Client, handle_file
    client = Client("http://127.0.0.1:7860")
    restored, report = client.predict(handle_file("in.wav"), 4, api_name="/super_resolve")

`client.submit` with the same arguments yields progress as well and can be cancelled. What a user can mend comes back as
an error with one plain sentence. Each is a tool of the same name, too, for programs that speak the Model Context
Protocol (MCP); what docstrings say of arguments and results is what these read. An example of each is in `docs/api.md`.
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
from demos import arguments, generation_api, image_api
from demos.answering import Asked, endpoint, number_argument, number_or_word, text_argument
from demos.arguments import as_sent
from demos.array.array_recording import from_file, load_recording
from demos.array.layout import FIRST_ARRAY
from demos.page import zero_gpu
from demos.page.downloads import restored_file, stem_files
from demos.page.source import load, read_source
from demos.page.tab import RestorationTab
from demos.separation.layout import MOST_SAMPLES
from demos.tabs import declipping, inpainting, super_resolution, vocoding
from demos.voice import offer

AUTO = "auto"  # the factor that is found
MOST_NAMES = 32  # of priors that are looked at


def build() -> None:
    """Adds the endpoints to the current Blocks; nothing of it is seen on the page."""
    with gr.Group(visible=False):
        audio = as_sent(gr.Audio(type="filepath", label="audio"))
        factor, degrade = number_or_word("factor", 4, AUTO), text_argument("degrade")
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
        image_api.build()


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
    """Makes the samples between the samples: super-resolution of a sound by a whole factor.

    Args:
        factor: Whole number from 2 to 64, how many times the rate becomes; or "auto", found where the spectrum ends.
        degrade: Text, "" for a sound of low rate; "plain" or "lowpass" for the truth, which is thinned out first.
        cutoff: Number from 0 to 96000, in Hz, where the spectrum ends for the factor "auto"; found where not given.

    Returns:
        restored: WAV file with 32-bit floats, of the higher rate
        report: object that says how it was made (prior, sampler, seed, seconds) and measured (metrics, baselines)
    """
    kind = arguments.choice("degrade", degrade, EVIDENCE, super_resolution.RESTORE)
    factor = factor if factor == AUTO else arguments.whole("factor", factor, 4, 2, LARGEST_FACTOR)
    chosen = {"input": kind, "factor": factor, "evidence": "auto"}
    chosen["cutoff"] = arguments.number("cutoff", cutoff, None, 0.0, LIMITS.highest_rate / 2)
    return _asked(super_resolution.SuperResolutionPanel, chosen, audio, prior, quality, seed, start, length, reference)


def _inpaint(audio, gaps, prior="", quality="standard", seed=0, start=0.0, length=0.0, reference=None) -> Asked:
    """Fills gaps of a sound; every other sample stays as it is.

    Args:
        gaps: Text, where the gaps are in seconds of the file, such as "1.0-1.2, 2.5-2.6".

    Returns:
        restored: WAV file with 32-bit floats, of the rate and the channels of the input
        report: object that says how it was made (prior, sampler, seed, seconds) and measured (metrics, baselines)
    """
    chosen = {"gaps": arguments.text("gaps", gaps), "intact": False}
    return _asked(inpainting.InpaintingPanel, chosen, audio, prior, quality, seed, start, length, reference)


def _declip(
    audio, threshold=None, prior="", quality="standard", seed=0, start=0.0, length=0.0, reference=None
) -> Asked:
    """Restores peaks of a sound that were clipped; every other sample stays as it is.

    Args:
        threshold: Number from 0 to 1, the level at which peaks were clipped; found from the waveform where not given.

    Returns:
        restored: WAV file with 32-bit floats, of the rate and the channels of the input
        report: object that says how it was made (prior, sampler, seed, seconds) and measured (metrics, baselines)
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
    """Plays the mel spectrogram of a sound anew, slower, faster, higher or lower.

    Args:
        stretch: Number from 0.25 to 4, how many times as long it becomes.
        semitones: Number from -24 to 24, in semitones, by how much it is moved up.

    Returns:
        restored: WAV file with 32-bit floats
        report: object that says how it was made (prior, seed, seconds) and measured (metrics, baselines)
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

    Args:
        speaker: Text, a bundled voice such as "ls1998" or "vctk_p226"; "" where a recording of one is given.
        voice: Audio file with ten seconds or more of the wanted voice instead, which is deleted once it was heard.
        transpose: Number from -24 to 24, in semitones, by how much it is moved up.
        keep_intonation: Boolean, whether the melody stays as wide as it was.

    Returns:
        said: WAV file with 32-bit floats
        report: object that says how it was made (voice, prior, semitones, seconds)
    """
    settings, part = arguments.settings(prior, None, seed), arguments.part(start, length)
    semitones = arguments.number("transpose", transpose, 0.0, -MOST_SEMITONES, MOST_SEMITONES)
    manner = Manner(semitones, arguments.flag("keep_intonation", keep_intonation))
    named, path = arguments.text("speaker", speaker) or None, arguments.file_of("audio", audio)
    own = None if voice is None else arguments.file_of("voice", voice)

    def begin() -> Run:
        clip = read_source(load(path, mixes=True), *part, None).clip
        recording = None if own is None else offer.take_recording(own)
        return zero_gpu.run(convert_voice, clip, speaker=named, voice=recording, manner=manner, settings=settings)

    return Asked(voice_conversion.TASK, begin, lambda result: restored_file(result.clip, path, voice_conversion.TASK))


def _separate(
    audio, priors="", quality="standard", seed=0, start=0.0, length=0.0, form="", method="", samples=None
) -> Asked:
    """Takes a mixture apart: one file for each prior; together they are the mixture.

    Args:
        priors: Text, names of models with commas between them; "" for "piano-16k, voice-16k", latent "drums, bass".
        quality: Text, "draft", "standard" or "fine", of waveforms alone: the better, the slower.
        form: Text, of waveforms alone, "shared", "exact" or "soft"; "" for what fits the models.
        method: Text, "waveform", "latent" (as codes of an LQ-VAE) or "" for waveform.
        samples: Whole number from 1 to 32, of the latent method alone: chains that are drawn, 8 where not given.

    Returns:
        stems: WAV files with 32-bit floats, in the order of the priors
        report: object that says how they were made (prior, sampler, seed, seconds) and measured
    """
    latent = arguments.choice("method", method, SEPARATIONS, WAVEFORM) == LATENT
    usual = (latent_separation if latent else separation).DEFAULT_PRIORS
    names = [name.strip() for name in (arguments.text("priors", priors) or ", ".join(usual)).split(",", MOST_NAMES)]
    settings, bound = arguments.settings("", quality, seed), arguments.choice("form", form, FORMS)
    chains = arguments.whole("samples", samples, None, 1, MOST_SAMPLES)
    for name, value in (("form", bound if latent else None), ("samples", None if latent else chains)):
        if value is not None:
            raise InputError(f"The {LATENT if latent else WAVEFORM} method knows no {name}; leave it out.")
    path, part = arguments.file_of("audio", audio), arguments.part(start, length)

    def begin() -> Run:
        mixture = read_source(load(path), *part, None).clip
        if latent:
            asked = {"samples": chains or latent_separation.SAMPLES, "settings": settings}
            return zero_gpu.run(separate_latent, mixture, names, **asked)
        return zero_gpu.run(separate, mixture, names, settings=settings, form=bound)

    return Asked(separation.TASK, begin, lambda result: stem_files(result.sounds, path))


def _localize(
    audio, array="respeaker-4", voices=0, moving=False, method="", prior="", start=0.0, length=0.0, channels=""
) -> Asked:
    """Finds the voices around a microphone array: one file for each, loudest first.

    Args:
        audio: Audio file with a channel for each microphone, of a recording of the array; given as for other tools.
        array: Text, "respeaker-4" or "circle-6".
        voices: Whole number from 0 to 8, how many there are; 0 where nobody knows.
        moving: Boolean, whether the voices move.
        method: Text, "cone", "srp-phat", "music" or "" for the best one there is.
        channels: Text, which channels the microphones are, such as "1,2,3,4"; "" for the array's own order.

    Returns:
        voices: WAV files with 32-bit floats
        report: object whose voices have an angle_degrees each, counter-clockwise from +x
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
        run = zero_gpu.run(localization.localize, recording.clip, recording.array, **found)
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
