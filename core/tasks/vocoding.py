"""Vocoding: a waveform that has the given mel spectrogram and sounds as the prior wants it (PnF, sec. 4.1)."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from core.errors import InputError
from core.observations.mel import MelMagnitudes
from core.signal.clip import Clip
from core.signal.companding import Domain, Waveform
from core.signal.limits import check_clip
from core.signal.mel import FRONT_ENDS, LOGARITHMS, MelFrontEnd, mel_filters, mel_spectrogram, shift_pitch, stretch_time
from core.signal.resampling import resample
from core.signal.spectrogram_files import MelSpectrogram
from core.tasks.outcome import conclude
from core.tasks.progress import Progress, Result, Run, Settings
from core.tasks.restoration import Problem, load_prior, restore

TASK = "vocode"
DEFAULT_PRIOR = "voice-16k"
FRONT_END = "pnf-16k"
BASELINE = "Griffin-Lim"
OPENNESS = 16.0  # times the noise that restoration starts from: Griffin-Lim's phases are to be forgotten
STRETCHES, SEMITONES = (0.25, 4.0), 24.0
HEARD_DECADES = 5.0  # bands further under the loudest do not count in the mel error


@dataclass(frozen=True)
class _Wanted:
    """A spectrogram to be played, and the sound that it was made of, where there is one."""

    spectrogram: MelSpectrogram
    origin: Clip | None


def vocode(
    source: Clip | MelSpectrogram,
    *,
    settings: Settings = Settings(),  # noqa: B008 (frozen)
    stretch: float = 1.0,
    semitones: float = 0.0,
    reference: Clip | None = None,
) -> Run:
    """Makes audio of a mel spectrogram; phases are the prior's.

    Args:
        source: a spectrogram, or audio (mixed to mono) whose spectrogram is taken.
        stretch: the spectrogram is made longer by this first.
        semitones: it is moved up by these first.
        reference: the truth, for metrics; unless given, the audio itself where the spectrogram is left as it is.

    Yields:
        Progress after every update, then one Result at the prior's rate.

    Raises:
        InputError: a stretch or shift out of range, or a prior that cannot vocode.
    """
    if not STRETCHES[0] <= stretch <= STRETCHES[1]:
        raise InputError(f"Time can be stretched by {STRETCHES[0]:g} to {STRETCHES[1]:g}, not by {stretch:g}.")
    if not abs(semitones) <= SEMITONES:
        raise InputError(f"Pitch can be shifted by {SEMITONES:g} semitones at most, not by {semitones:g}.")
    prior = load_prior(TASK, settings, DEFAULT_PRIOR)
    if settings.sampler == "original" or not isinstance(prior.domain, Waveform):
        raise InputError("Vocoding needs a spectral prior and one of our samplers: diffusion or langevin.")
    wanted = _wanted(source, prior.sample_rate)
    wanted = replace(wanted, spectrogram=_changed(wanted.spectrogram, stretch, semitones))
    untouched = stretch == 1 and semitones == 0
    truth = reference or (wanted.origin if untouched else None)
    spectrogram = wanted.spectrogram
    baseline = Clip(griffin_lim(spectrogram), prior.sample_rate)
    for moment in restore(_problem(spectrogram, baseline), prior, settings):
        if isinstance(moment, Progress):
            yield moment
    made = Clip(moment.waveform, prior.sample_rate)
    extras = {"front_end": FRONT_END, "stretch": stretch, "semitones": semitones}
    observed = wanted.origin or baseline
    truth = None if truth is None else _as_long(resample(truth.mono(), prior.sample_rate), made)
    result = conclude(TASK, made, moment, prior, settings, {BASELINE: baseline}, observed, truth, extras)
    yield _with_own_figures(result, spectrogram)


def spectrogram_of(clip: Clip, front_end: MelFrontEnd = FRONT_ENDS[FRONT_END]) -> MelSpectrogram:
    """The spectrogram of a clip, mixed to mono."""
    return MelSpectrogram(
        mel_spectrogram(resample(clip.mono(), front_end.sample_rate).samples[0], front_end), front_end
    )


def griffin_lim(spectrogram: MelSpectrogram) -> np.ndarray:
    """The waveform by librosa's inverse of the mel filters and its Griffin-Lim (Griffin & Lim 1984), float32."""
    import librosa

    front_end = spectrogram.front_end
    sizes = {"hop_length": front_end.hop_length, "win_length": front_end.window_length}
    linear = librosa.feature.inverse.mel_to_stft(
        spectrogram.magnitudes.astype(np.float32),
        sr=front_end.sample_rate,
        n_fft=front_end.window_length,
        power=1.0,
        fmin=front_end.lowest_hz,
        fmax=front_end.highest_hz,
    )
    return librosa.griffinlim(
        linear, n_fft=front_end.window_length, length=spectrogram.samples, random_state=0, **sizes
    )


def mel_error(truth: np.ndarray, estimate: np.ndarray) -> float:
    """Mean absolute difference of log10 mel magnitudes, those 5 decades under the truth's loudest raised to there.

    Args:
        truth, estimate: log10 mel spectrograms of one shape.
    """
    floor = truth.max() - HEARD_DECADES
    return float(np.abs(np.maximum(truth, floor) - np.maximum(estimate, floor)).mean())


def _wanted(source: Clip | MelSpectrogram, sample_rate: int) -> _Wanted:
    front_end = FRONT_ENDS[FRONT_END]
    if front_end.sample_rate != sample_rate:
        raise InputError(f"Spectrograms are of {front_end.sample_rate} Hz audio, the prior works at {sample_rate} Hz.")
    if isinstance(source, MelSpectrogram):
        return _Wanted(source, None)
    check_clip("The clip", source)
    if source.seconds < 2 * front_end.window_length / sample_rate:
        raise InputError("The clip is too short for a spectrogram; a tenth of a second is enough.")
    return _Wanted(spectrogram_of(source), resample(source.mono(), sample_rate))


def _changed(spectrogram: MelSpectrogram, stretch: float, semitones: float) -> MelSpectrogram:
    mel = spectrogram.mel
    if stretch != 1:
        mel = stretch_time(mel, stretch)
    if semitones:
        mel = shift_pitch(mel, spectrogram.front_end, semitones)
    return replace(spectrogram, mel=mel)


def _problem(spectrogram: MelSpectrogram, start: Clip) -> Problem:
    front_end = spectrogram.front_end
    hop, filters = front_end.hop_length, torch.from_numpy(mel_filters(front_end))
    magnitudes = torch.from_numpy(spectrogram.magnitudes.astype(np.float32))[None]
    waveform = torch.from_numpy(start.samples.copy())

    def observe(first: int, last: int, gain: Tensor, domain: Domain) -> MelMagnitudes:
        frames = slice(first // hop, first // hop + 1 + (last - first) // hop)
        scale = gain.float()
        own = magnitudes[..., frames].to(gain.device) * scale[:, :, None]
        return MelMagnitudes(own, filters.to(gain.device), hop, waveform[:, first:last].to(gain.device) * scale)

    return Problem(start.samples, [(0, start.frames)], observe, grid=hop, openness=OPENNESS, averaged=False)


def _with_own_figures(result: Result, spectrogram: MelSpectrogram) -> Result:
    """The figures that say something here; how far from the spectrogram it was given is known without a truth, too."""
    wanted = spectrogram.mel * (LOGARITHMS[spectrogram.front_end.log] / np.log(10))

    def own(figures, clip: Clip) -> dict:
        made = spectrogram_of(clip, spectrogram.front_end).mel * (LOGARITHMS[spectrogram.front_end.log] / np.log(10))
        frames = min(made.shape[1], wanted.shape[1])
        error = round(mel_error(wanted[:, :frames], made[:, :frames]), 4)
        return {"lsd_db": figures.get("lsd_db"), "mel_error": error}

    metrics = own(result.metrics, result.clip)
    baselines = {name: own(result.baseline_metrics[name], clip) for name, clip in result.baselines.items()}
    report = {**result.report, "metrics": metrics, "baselines": baselines}
    return replace(result, metrics=metrics, baseline_metrics=baselines, report=report)


def _as_long(truth: Clip, made: Clip) -> Clip:
    """A spectrogram covers whole hops: the truth's last part may be beyond it."""
    return truth.cut(0, made.frames) if truth.frames > made.frames else truth
