"""What every task yields: progress on the way and one result in the end, both over sounds by their names."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from core.arrays.finding import Stage
from core.signal.clip import Clip
from core.signal.spectrogram_files import MelSpectrogram
from core.types import Iterate

SOUND = "result"  # the name of the sound of a task that makes one

Sounds = Mapping[str, Clip]
Mels = Mapping[str, MelSpectrogram]
Figures = Mapping[str, float | None]


@dataclass(frozen=True)
class DirectionsLook:
    """What a localization looked at.

    Args:
        chunk: number of the chunk, from 0.
        chunks: how many there are.
        span: where it begins and ends, in seconds.
        stage: windows of the cone search, with their levels; None for the other methods.
        power: for the other methods how much comes from where, one value for each of equally spaced angles from 0 on;
            None for the cone search. Both are None while voices are selected and refined.
    """

    chunk: int
    chunks: int
    span: tuple[float, float]
    stage: Stage | None = None
    power: np.ndarray | None = None

    @property
    def has_picture(self) -> bool:
        """Whether there are windows or a map to be drawn."""
        return self.stage is not None or self.power is not None


@dataclass(frozen=True, eq=False)
class CodeStreams:
    """What two sources are drawn as among codes: the chains, the likeliest first.

    Args:
        codes: of both sources, as far as they are drawn, `[chains, 2, steps]`.
        log_likelihoods: of the mixture given each pair of codes, `[chains, steps]`, in nats, up to a constant.
        numbers: of the chains as they were drawn, `[chains]`.
        total_steps: of the whole mixture.
        step_seconds: from one code to the next.
        likeness: of all codes, see `core.models.codebooks`.
        say: number of a chain in this order -> what its codes say, by the names of the sources.
        weights: how likely each chain's sources are the mixture's, `[chains, 2]`; None while chains are drawn.
        log_probs: of each chain's sources by their priors, `[chains, 2]`, in nats a code.
        disagreement: by how much chains differ in the first source's share of the mixture's power: the standard
            deviation, in [0, 0.5], in windows that follow each other from the beginning to the end, `[windows]`. None
            while chains are drawn, and where there is but one.
    """

    codes: np.ndarray
    log_likelihoods: np.ndarray
    numbers: np.ndarray
    total_steps: int
    step_seconds: float
    likeness: np.ndarray
    say: Callable[[int], Sounds]
    log_probs: np.ndarray
    weights: np.ndarray | None = None
    disagreement: np.ndarray | None = None


def _no_streams() -> None:
    """Of all that is not drawn as codes."""


@dataclass(frozen=True)
class Progress:
    """A moment of a run, ready to be played.

    The sounds are made when they are asked for: a run makes more moments than anybody plays.

    Args:
        seconds: since the run began.
        seconds_left: an honest estimate of what remains.
        iterate: level, step, total_steps, log_prob and residual of the update; None where nothing is sampled.
        look: of a localization.
        make_sounds: makes the sampler's estimates (the denoised ones with the evidence put back).
        make_chains: makes the states of its chains.
        make_mels, make_chain_mels: make the spectrograms of both, of generated sounds: much sooner than the sounds
            where a prior draws spectrograms itself.
        make_streams: makes the code streams of a separation among codes.
    """

    seconds: float
    seconds_left: float
    iterate: Iterate | None = None
    look: DirectionsLook | None = None
    make_sounds: Callable[[], Sounds] = dict
    make_chains: Callable[[], Sounds] = dict
    make_mels: Callable[[], Mels] = dict
    make_chain_mels: Callable[[], Mels] = dict
    make_streams: Callable[[], CodeStreams | None] = _no_streams

    @cached_property
    def sounds(self) -> Sounds:
        return self.make_sounds()

    @cached_property
    def chains(self) -> Sounds:
        return self.make_chains()

    @cached_property
    def mels(self) -> Mels:
        return self.make_mels()

    @cached_property
    def chain_mels(self) -> Mels:
        return self.make_chain_mels()

    @cached_property
    def streams(self) -> CodeStreams | None:
        return self.make_streams()

    @property
    def clip(self) -> Clip:
        """The estimate of a task that makes one sound."""
        return self.sounds[SOUND]

    @property
    def chain(self) -> Clip:
        """The state of its chain."""
        return self.chains[SOUND]


@dataclass(frozen=True)
class Voice:
    """One voice around a microphone array.

    Args:
        angle: where it comes from, in radians in [0, 2 pi), counter-clockwise from +x; the mean of one that moves.
        energy: its level, the mean over frames of their root mean square.
        clip: what microphone 0 hears of it, mono, at the recording's rate.
        track: (seconds, angle) of every chunk in which it was heard; empty where voices stay.
        confidence: how likely there is a voice, 0 to 1.
    """

    angle: float
    energy: float
    clip: Clip
    track: tuple[tuple[float, float], ...] = ()
    confidence: float = 1.0


@dataclass(frozen=True)
class Result:
    """The end of a run.

    Args:
        sounds: what was made, by name; sources add up to the mixture.
        observed: the input as the task saw it; what microphone 0 hears of an array's.
        report: what `--report` writes, without the file names; see `core.tasks.report`.
        truths: the references, by the names of the sounds; empty where there are none.
        baselines: method -> what it makes of the same evidence.
        figures: of every sound against its truth (of a localization of every true voice); values are None where there
            is no truth.
        baseline_figures: method -> the same.
        voices: of a localization, from loud to quiet, in the order of the sounds.
        doubtful: of a localization, what may be a voice and does not count as one, from loud to quiet; none of the
            sounds.
        notes: plain sentences a user should read (the file ended early, the input was silent...).
        observed_figures: of the input itself against the truth, of a task that makes one sound from one that can be
            compared with it.
        draws: of a posterior, as the sampler drew them, before they were made to agree with the evidence; the likeliest
            ones first.
        make_streams: makes the code streams of a separation among codes.
        at_confidence: of a localization, makes the result as it is where what is at least so sure, 0 to 1, counts as a
            voice; nothing is looked for anew.
    """

    sounds: Sounds
    observed: Clip
    report: Mapping
    truths: Sounds = field(default_factory=dict)
    baselines: Mapping[str, Sounds] = field(default_factory=dict)
    figures: Mapping[str, Figures] = field(default_factory=dict)
    baseline_figures: Mapping[str, Mapping[str, Figures]] = field(default_factory=dict)
    voices: tuple[Voice, ...] = ()
    doubtful: tuple[Voice, ...] = ()
    notes: tuple[str, ...] = ()
    observed_figures: Figures = field(default_factory=dict)
    draws: tuple[Sounds, ...] = ()
    make_streams: Callable[[], CodeStreams | None] = _no_streams
    at_confidence: Callable[[float], "Result"] | None = None

    @cached_property
    def streams(self) -> CodeStreams | None:
        return self.make_streams()

    @property
    def clip(self) -> Clip:
        """The sound of a task that makes one."""
        return self.sounds[SOUND]

    @property
    def truth(self) -> Clip | None:
        """Its reference, where there is one."""
        return self.truths.get(SOUND)

    @property
    def metrics(self) -> Figures:
        """The figures of all sounds together."""
        return self.report["metrics"]

    @property
    def baseline_metrics(self) -> Mapping[str, Figures]:
        """Method -> the same."""
        return self.report["baselines"]


Run = Iterator[Progress | Result]
