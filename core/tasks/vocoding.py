"""Vocoding: a waveform that has the given mel spectrogram, by a vocoder at once, or one that sounds as a prior wants it
(PnF, sec. 4.1)."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial

import numpy as np

from core.errors import InputError
from core.models.vocoder import Vocoder
from core.signal.clip import Clip
from core.signal.griffin_lim import griffin_lim
from core.signal.limits import check_clip
from core.signal.mel import FRONT_ENDS, MelFrontEnd, mel_spectrogram, name_of, shift_pitch, stretch_time
from core.signal.mel_conversion import convert
from core.signal.resampling import resample
from core.signal.spectrogram_files import MelSpectrogram
from core.tasks.loading import load_player
from core.tasks.progress import Run
from core.tasks.report import Metrics, conclude, lsd_or_nan, match_reference
from core.tasks.restoration import restoration_outcome
from core.tasks.settings import Settings
from core.tasks.vocoding_runs import Drawing, condition_on, draw_by_samples, impose, play_through
from core.types import MelCondition, Prior

TASK = "vocode"
BASELINE = "Griffin-Lim"
STRETCHES, SEMITONES = (0.25, 4.0), 24.0
HEARD_DECADES = 5.0  # bands further under the loudest do not count in the mel error


def vocode(
    source: Clip | MelSpectrogram,
    *,
    settings: Settings = Settings(),  # noqa: B008 (frozen)
    stretch: float = 1.0,
    semitones: float = 0.0,
    temperature: float = 1.0,
    reference: Clip | None = None,
) -> Run:
    """Makes audio of a mel spectrogram; phases are the vocoder's or the prior's.

    Args:
        source: a spectrogram, or audio (mixed to mono) whose spectrogram is taken.
        stretch: the spectrogram is made longer by this first.
        semitones: it is moved up by these first.
        temperature: of ancestral sampling: under 1 more careful, over 1 more daring.
        reference: the truth, for metrics; unless given, the audio itself where the spectrogram is left as it is.

    Yields:
        Progress after every update, then one Result at the rate of the prior or vocoder.

    Raises:
        InputError: a stretch, shift or temperature out of range, a prior that cannot vocode or not by this sampler, or
            a choice that the sampler or a vocoder does not know.
    """
    player = load_player(TASK, settings)
    run = _engine(player, settings, temperature)
    front_end = front_end_of(player)
    spectrogram = wanted_spectrogram(source, front_end, stretch, semitones)
    origin = resample(source.mono(), front_end.sample_rate) if isinstance(source, Clip) else None
    untouched = stretch == 1 and semitones == 0
    truth = reference or (origin if untouched else None)
    baseline = cache(lambda: Clip(griffin_lim(spectrogram), front_end.sample_rate))  # priors start from it
    if truth is not None:  # one that does not fit is refused before the work
        truth = match_reference(*_equally_long(resample(truth.mono(), front_end.sample_rate), spectrogram))
    drawn = yield from run(spectrogram, baseline, player, settings)
    outcome = restoration_outcome(
        TASK,
        Clip(drawn.waveform, front_end.sample_rate),
        drawn,
        observed=origin or baseline(),
        truth=truth,
        baselines={BASELINE: baseline()},
        facts={"front_end": name_of(spectrogram.front_end), "stretch": stretch, "semitones": semitones},
        note=_converted(source, player) if isinstance(source, MelSpectrogram) else None,
    )
    yield conclude(outcome, _metrics(spectrogram))


def front_end_of(player: Prior | Vocoder) -> MelFrontEnd:
    """Of the spectrograms that a vocoder plays or a prior is conditioned on; for one that is on none, that of its rate.

    Raises:
        InputError: there is no front-end of this rate.
    """
    if player.front_end is not None:
        return player.front_end
    fitting = [front_end for front_end in FRONT_ENDS.values() if front_end.sample_rate == player.sample_rate]
    if not fitting:
        raise InputError(f"There is no front-end for spectrograms at {player.sample_rate} Hz; choose another prior.")
    return fitting[-1]


def front_end_for(settings: Settings) -> MelFrontEnd:
    """Of the spectrograms that a run with these settings takes."""
    return front_end_of(load_player(TASK, settings))


def wanted_spectrogram(
    source: Clip | MelSpectrogram, front_end: MelFrontEnd, stretch: float = 1.0, semitones: float = 0.0
) -> MelSpectrogram:
    """The spectrogram that is to be played: a given one, converted where it is another front-end's, or that of audio;
    stretched, then moved.

    Raises:
        InputError: a stretch or shift out of range, or unusable audio.
    """
    if not STRETCHES[0] <= stretch <= STRETCHES[1]:
        raise InputError(f"Time can be stretched by {STRETCHES[0]:g} to {STRETCHES[1]:g}, not by {stretch:g}.")
    if not abs(semitones) <= SEMITONES:
        raise InputError(f"Pitch can be shifted by {SEMITONES:g} semitones at most, not by {semitones:g}.")
    if isinstance(source, Clip):
        check_clip("The clip", source)
        if source.seconds < 2 * front_end.window_length / front_end.sample_rate:
            raise InputError("The clip is too short for a spectrogram; a tenth of a second is enough.")
        source = spectrogram_of(source, front_end)
    source = source if source.front_end == front_end else convert(source, front_end)
    mel = source.mel
    if stretch != 1:
        mel = stretch_time(mel, stretch)
    if semitones:
        mel = shift_pitch(mel, front_end, semitones)
    return replace(source, mel=mel)


def spectrogram_of(clip: Clip, front_end: MelFrontEnd) -> MelSpectrogram:
    """The spectrogram of a clip, mixed to mono."""
    return MelSpectrogram(
        mel_spectrogram(resample(clip.mono(), front_end.sample_rate).samples[0], front_end), front_end
    )


def mel_error(truth: np.ndarray, estimate: np.ndarray) -> float:
    """Mean absolute difference of log10 mel magnitudes, those 5 decades under the truth's loudest raised to there.

    Args:
        truth, estimate: log10 mel spectrograms of one shape.
    """
    floor = truth.max() - HEARD_DECADES
    return float(np.abs(np.maximum(truth, floor) - np.maximum(estimate, floor)).mean())


def _converted(source: MelSpectrogram, player: Prior | Vocoder) -> str | None:
    """A note on a spectrogram of another front-end."""
    own = source.front_end
    if own == front_end_of(player):
        return None
    return (
        f"The spectrogram has {own.bands} bands from {own.lowest_hz:g} to {own.highest_hz:g} Hz every {own.hop_length} "
        f"samples at {own.sample_rate} Hz; it was brought to the bands and frames of {player.name} by interpolation."
    )


def _engine(player: Prior | Vocoder, settings: Settings, temperature: float) -> Callable[..., Drawing]:
    """How waveforms are made of spectrograms: by a vocoder, or by a prior with that sampler."""
    if settings.sampler != "ancestral" and temperature != 1:
        raise InputError("A temperature is for the sampler ancestral alone; choose that, or leave it at 1.")
    if isinstance(player, Vocoder):
        _check_without(settings, f"The vocoder {player.name} plays spectrograms in one pass and", "model")
        return play_through
    conditioned = MelCondition in player.conditions
    if settings.sampler in ("original", "ancestral") and not (conditioned and player.autoregressive):
        raise InputError(
            f"The prior {player.name} is no WaveNet that is told spectrograms, so it cannot be sampled by "
            f"{settings.sampler}; choose diffusion, langevin, or such a WaveNet."
        )
    if settings.sampler == "ancestral":
        _check_without(settings, "The sampler ancestral draws one sample after the other and", "sampler")
        return partial(draw_by_samples, temperature=temperature)
    return condition_on if conditioned else impose


def _check_without(settings: Settings, who: str, other: str) -> None:
    """Refuses what chains alone have.

    Args:
        other: what to choose another of, for such a chain.
    """
    given = {"steps": settings.steps, "window": settings.window_seconds, "batch": settings.batch}
    given |= {"sampler": settings.sampler} if other != "sampler" else {}
    names = [name for name, value in given.items() if value is not None]
    if names:
        raise InputError(f"{who} has no {names[0]}; leave it out, or choose another {other}.")


def _metrics(spectrogram: MelSpectrogram) -> Metrics:
    """The figures that say something here; how far from the spectrogram it was given is known without a truth, too."""
    wanted = spectrogram.decades

    def error(clip: Clip) -> dict[str, float]:
        made = spectrogram_of(clip, spectrogram.front_end).decades
        frames = min(made.shape[1], wanted.shape[1])
        return {"mel_error": round(mel_error(wanted[:, :frames], made[:, :frames]), 4)}

    def measure(reference: np.ndarray, estimate: np.ndarray, _observed: np.ndarray) -> dict[str, float]:
        return {"lsd_db": lsd_or_nan(reference, estimate)}

    return Metrics(("lsd_db",), measure, error)


def _equally_long(truth: Clip, spectrogram: MelSpectrogram) -> tuple[Clip, Clip]:
    """The truth without what is beyond the spectrogram's whole hops, and a silence as long as its waveform."""
    silence = Clip(np.zeros((1, spectrogram.samples), np.float32), spectrogram.front_end.sample_rate)
    return (truth.cut(0, silence.frames) if truth.frames > silence.frames else truth), silence
