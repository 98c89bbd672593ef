"""The figures that the page shows: what each is called, its unit, and in a line what it means."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One figure.

    Args:
        name: at the head of its column.
        unit: under the name.
        more_is_better: else less is.
        meaning: a sentence for those who do not know it; `core.signal.metrics` has the definition.
        term: what the sentence explains, where that is not the name.
    """

    name: str
    unit: str
    more_is_better: bool
    meaning: str
    term: str = ""

    @property
    def explained(self) -> tuple[str, str]:
        """The term and its meaning."""
        return self.term or self.name, self.meaning


SI_SDR = Figure(
    "SI-SDR",
    "dB",
    True,
    "Scale-invariant signal-to-distortion ratio: how far what is wrong lies under the truth, however loud the result "
    "is as a whole. At 0 dB both are equally loud; 6 dB more is half as much error.",
)
GAIN = "By how much SI-SDR is better than that of what was heard, with everything else still in it."

METRICS = {
    "psnr_db": Figure(
        "PSNR",
        "dB",
        True,
        "Peak signal-to-noise ratio: how far the error lies under the truth's highest peak. 6 dB more is half as much "
        "error.",
    ),
    "si_sdr_db": SI_SDR,
    "sdr_db": Figure(
        "SDR",
        "dB",
        True,
        "Signal-to-distortion ratio: as SI-SDR, but a wrong level counts as an error, too.",
    ),
    "lsd_db": Figure(
        "LSD",
        "dB",
        False,
        "Log-spectral distance: how far the spectrum's levels are off, on average over time. What lies 60 dB under the "
        "loudest counts as silence. It hears no phases.",
    ),
    "gap_lsd_db": Figure(
        "Gap LSD", "dB", False, "Log-spectral distance inside the gaps alone: how far levels are off."
    ),
    "mel_error": Figure(
        "Mel error",
        "decades",
        False,
        "How far the mel spectrogram is from the one that was asked for, on average, in powers of ten of magnitude "
        "(0.05 is 1 dB). It hears no phases.",
    ),
}
LOCALIZATION = {
    "si_sdr_db": SI_SDR,
    "si_sdr_improvement_db": Figure("Gain", "dB", True, GAIN),
    "angular_error_degrees": Figure(
        "Off by", "degrees", False, "The angle between where a voice was found and where it is."
    ),
}


def stem_gain(name: str) -> Figure:
    """The gain of one stem, under its name."""
    return Figure(name, "SI-SDR gain, dB", True, f"{GAIN} {SI_SDR.meaning}", term="SI-SDR gain")
