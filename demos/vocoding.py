"""The vocoding tab: forgets the phases of a sound and plays its mel spectrogram anew, changed where asked."""

from collections.abc import Mapping

import gradio as gr

from core.tasks.progress import Run, Settings
from core.tasks.vocoding import DEFAULT_PRIOR, SEMITONES, STRETCHES, vocode
from demos.job import Example, Job
from demos.source import Source

HOW = r"""
A mel spectrogram $m = M\,|\mathrm{STFT}(w)|$ says how loud each of 80 bands is at each moment; the phases of $w$ are
lost, and with them most of what a waveform is. Griffin-Lim looks for phases that agree with each other; a prior knows
which waveforms sound like a voice. The sampler starts from Griffin-Lim, forgets it in noise and goes down the ladder by

$$\hat w(x) = x + \sigma^2\, \nabla_x \log p_\sigma(x),$$

and in every $\hat w$ each bin is made louder or quieter as its bands ask for,
$|\hat W| \leftarrow |\hat W| \cdot M^\top (m / M |\hat W|)$: the evidence. Before all this the spectrogram may be
stretched in time or moved in pitch, each without the other, which no resampling can do.

The **mel error** says how far the result's spectrogram is from the one that was asked for; it hears no phases. Listen.

V. Jayaram, J. Thickstun: *Parallel and Flexible Sampling from Autoregressive Models via Langevin Dynamics*, ICML 2021,
section 4.1. D. Griffin, J. Lim: *Signal estimation from modified short-time Fourier transform*, 1984.
"""


def choices() -> dict:
    return {
        "stretch": gr.Slider(*STRETCHES, value=1.0, step=0.05, label="Stretch time by"),
        "semitones": gr.Slider(-SEMITONES, SEMITONES, value=0, step=1, label="Move pitch by (semitones)"),
    }


def start(source: Source, settings: Settings, chosen: Mapping) -> Run:
    changes = {name: float(chosen[name]) for name in ("stretch", "semitones")}
    return vocode(source.clip, settings=settings, reference=source.reference, **changes)


JOB = Job(
    task="vocode",
    title="Vocoding",
    sentence="Plays the mel spectrogram of your sound anew, with phases of the prior's; slower, higher, as you like.",
    examples=(
        Example("Voice", "speech", "voice-16k", {"stretch": 1.0, "semitones": 0}),
        Example("Voice, half as fast", "speech", "voice-16k", {"stretch": 2.0, "semitones": 0}, seconds=3),
        Example("Voice, four semitones up", "speech", "voice-16k", {"stretch": 1.0, "semitones": 4}),
        Example("Piano", "piano", "piano-16k", {"stretch": 1.0, "semitones": 0}, seconds=4),
    ),
    choices=choices,
    start=start,
    how=HOW,
    prior=DEFAULT_PRIOR,
)
