"""Voice conversion of many recordings: whether the voice is the wanted one's, and whether the words have stayed.

Voices are told by an encoder, words by a recogniser, that nobody here trained. Content and voice must hold in the same
file, so each file is judged by both. Beside the converters stand the source itself, its copy through the vocoder, what
a converter makes of it in its own voice, and the classical way, pitch and formants moved to the target's.
"""

import itertools
import random
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from core.arrays.scenes.speech import bundled_speech
from core.choices import DIGITS
from core.evaluation.judges import Listener, dnsmos, installed_judges, voice_embedding, word_listener
from core.models.converter import VoiceConverter
from core.models.vqvae import VQVAE
from core.models.wavernn import PAST_CODES
from core.signal.clip import Clip
from core.signal.files import read_clip
from core.signal.folders import recordings_by_speaker
from core.signal.resampling import resample
from core.tasks.code_decoding import passages_of
from core.tasks.conversion_baselines import CLASSICAL, OWN, VOCODED, copies, own_voice
from core.tasks.loading import load_converter
from core.tasks.progress import Result
from core.tasks.settings import Settings
from core.tasks.utterance import Speech, hear, load_speech, speech_of, understand
from core.tasks.vocoding import mel_error, spectrogram_of
from core.tasks.voice import speaker_voice
from core.tasks.voice_conversion import Manner, convert_voice, speak

RATE = 16000
STRING, GAP_SECONDS, PEAK = 5, 0.1, 0.3  # digits joined to one source, the pause between them, the peak of each
LEAST_RIGHT = 0.6  # of a file's digits, so that its words count as kept
MOST_RECORDINGS = 5  # of a voice, that its embedding is the mean of
SOURCE = "source unchanged"
TITLES = {
    "nearer": "nearer to target",
    "identified": "identified",
    "to_target": "cosine to target",
    "to_source": "cosine to source",
    "digits": "digits right",
    "together": "all of it",
    "pitch": "pitch correlation",
    "dnsmos": "DNSMOS",
    "distance": "reconstruction distance",
    "perplexity": "perplexity of codes",
    "seconds": "seconds for one of sound",
}
PUBLISHED = (
    "Published cosines to the target on VCTK, by the same encoder: kNN-VC 0.825, FreeVC 0.839, PitchVC 0.850; they are "
    "of other recordings, and of targets of minutes."
)
Figures = dict[str, float]


@dataclass(frozen=True)
class Source:
    """What is converted.

    Args:
        name: for its figures' file.
        speaker: whose voice it is.
        waveform: float32 [frames] at RATE.
        words: what is said from one sample to another; none where that is not known.
    """

    name: str
    speaker: str
    waveform: np.ndarray
    words: tuple[tuple[str, int, int], ...] = ()


@dataclass(frozen=True, eq=False)
class Pair:
    """A source, and the speaker whose voice is to say it."""

    source: Source
    target: str

    def __str__(self) -> str:
        return self.source.name


@dataclass(frozen=True)
class Evaluation:
    """What is evaluated.

    Args:
        converters: name -> the speakers that it speaks with; the first takes any voice, the others may be VQ-VAEs.
        voices: speaker -> embedding, of all that are told apart.
        targets: the speakers that are spoken with.
        device: of the converters.
    """

    converters: Mapping[str, Collection[str]]
    voices: Mapping[str, np.ndarray]
    targets: Sequence[str]
    device: str = "auto"

    @property
    def first(self) -> str:
        return next(iter(self.converters))

    def settings(self, converter: str) -> Settings:
        return Settings(converter, device=self.device)

    def able(self, speaker: str) -> list[str]:
        """The converters that speak with a speaker's voice."""
        return [name for name, known in self.converters.items() if speaker in known]


def evaluate_pair(pair: Pair, evaluation: Evaluation) -> dict[str, Figures]:
    """Figures of every method for one source and one target; of a converter where it knows the target."""
    source, target = pair.source, pair.target
    speech, clip = load_speech(evaluation.settings(evaluation.first)), Clip(source.waveform[None], RATE)
    beside = copies(clip, hear(clip, speech), speaker_voice(target, speech), speech)
    copied = {VOCODED: beside[VOCODED], **_in_own_voice(source, clip, evaluation, speech)}
    converted = {name: _converted(clip, target, name, evaluation) for name in evaluation.able(target)}
    made = {SOURCE: clip, CLASSICAL: beside[CLASSICAL], **copied, **{n: own.clip for n, own in converted.items()}}
    figures = {name: _figures(own, source, target, evaluation, speech) for name, own in made.items()}
    for name, copy in copied.items():
        figures[name]["distance"] = round(_distance(clip, copy, speech), 4)
    for name, result in converted.items():
        figures[name]["seconds"] = round(result.report["seconds"] / clip.seconds, 4)
    return figures


def _in_own_voice(source: Source, clip: Clip, evaluation: Evaluation, speech: Speech) -> dict[str, Clip]:
    """The source in its own voice, by row: as the first converter hears it, and by others that know the speaker."""
    voice, made = own_voice(clip, speech), {}
    if voice is not None:
        pieces = speak(understand(hear(clip, speech), speech), voice, speech, Manner())
        made[own_row(evaluation.first)] = Clip(np.concatenate(list(pieces))[None], RATE)
    for name in evaluation.able(source.speaker):
        if name != evaluation.first:
            made[own_row(name)] = _converted(clip, source.speaker, name, evaluation).clip
    return made


def _converted(clip: Clip, speaker: str, converter: str, evaluation: Evaluation) -> Result:
    *_, result = convert_voice(clip, speaker=speaker, settings=evaluation.settings(converter))
    return result


def own_row(converter: str) -> str:
    """What the row of the source in its own voice is called."""
    return f"{converter}, {OWN}"


def _distance(clip: Clip, copy: Clip, speech: Speech) -> float:
    """Between a clip and what was made of it in the same voice, see `mel_error`."""
    copy = resample(copy, clip.sample_rate)
    return mel_error(*(spectrogram_of(own, speech.front_end).decades for own in (clip, copy)))


def _figures(made: Clip, source: Source, target: str, evaluation: Evaluation, speech: Speech) -> Figures:
    """What the judges that are installed say."""
    waveform, judges, figures = resample(made, RATE).samples[0], installed_judges(), {}
    if "similarity" in judges and evaluation.voices:
        own = voice_embedding(waveform)
        cosines = {name: float(own @ known) for name, known in evaluation.voices.items()}
        figures |= {"to_target": cosines[target], "to_source": float(own @ voice_embedding(source.waveform))}
        figures["nearer"] = float(figures["to_target"] > figures["to_source"])
        figures["identified"] = float(max(cosines, key=cosines.get) == target)
    if source.words and (listen := listener()):
        heard = [listen(waveform[first:stop]) == word for word, first, stop in source.words]
        figures["digits"] = float(np.mean(heard))
    if {"digits", "nearer"} <= figures.keys():
        kept = figures["digits"] >= LEAST_RIGHT
        figures["together"] = float(kept and bool(figures["nearer"]) and bool(figures["identified"]))
    if "dnsmos" in judges:
        figures["dnsmos"] = dnsmos(waveform, waveform)
    figures["pitch"] = pitch_correlation(source.waveform, waveform, speech)
    return {name: round(value, 4) for name, value in figures.items() if np.isfinite(value)}


def pitch_correlation(before: np.ndarray, after: np.ndarray, speech: Speech) -> float:
    """Of the logarithms of pitch where both have one; NaN where too little has."""
    one, other = (hear(Clip(w[None], RATE), speech).delivery for w in (before, after))
    steps = min(one.hertz.shape[1], other.hertz.shape[1])
    both = one.sung[0, :steps] & other.sung[0, :steps]
    if both.sum() < 8:
        return float("nan")
    rows = np.stack([d.hertz[0, :steps][both].log2().cpu().numpy() for d in (one, other)])
    return float(np.corrcoef(rows)[0, 1])


def perplexity(sources: Iterable[Source], converter: str, device: str) -> float:
    """How many of the coarsest codebook's entries are in use, as if all were used equally often."""
    model = load_converter(Settings(converter, device=device))
    codes = [_coarse_codes(Clip(source.waveform[None], RATE), model) for source in sources]
    shares = np.bincount(np.concatenate(codes)).astype(float)
    shares = shares[shares > 0] / shares.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def _coarse_codes(clip: Clip, model: VoiceConverter | VQVAE) -> np.ndarray:
    """What is said in a clip, int64 [codes]."""
    if isinstance(model, VQVAE):
        return np.concatenate([passage.codes[PAST_CODES:, 0].numpy() for passage in passages_of(clip, model)])
    speech = speech_of(model)
    return understand(hear(clip, speech), speech).codes[:, 0]


@lru_cache(1)
def listener() -> Listener | None:
    return word_listener(DIGITS)


def summarise(records: Sequence[Mapping[str, Figures]]) -> dict[str, Figures]:
    """Means over files by method."""
    gathered: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        for method, figures in record.items():
            for figure, value in figures.items():
                gathered[method][figure].append(value)
    return {method: {f: round(float(np.mean(v)), 3) for f, v in own.items()} for method, own in gathered.items()}


def format_table(summary: Mapping[str, Figures], notes: Iterable[str]) -> str:
    """Markdown: a row for every method."""
    lines = [f"| | {' | '.join(TITLES.values())} |", "| --- " * (len(TITLES) + 1) + "|"]
    for method, own in summary.items():
        cells = (f"{own[figure]:g}" if figure in own else "-" for figure in TITLES)
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return "\n\n".join(["# Voice conversion", "\n".join(lines), *notes, PUBLISHED]) + "\n"


def embeddings_of(recordings: Mapping[str, Sequence[tuple[Path, str]]]) -> dict[str, np.ndarray]:
    """Of every speaker the mean over recordings, of unit length; the last ones, as references are of the first. None
    where the judge of voices is not installed."""
    if "similarity" not in installed_judges():
        return {}
    found = {}
    for speaker, own in recordings.items():
        mean = sum(voice_embedding(_read(path)) for path, _ in own[-MOST_RECORDINGS:])
        found[speaker] = mean / np.linalg.norm(mean)
    return found


def digit_strings(folder: Path, strings: int, splits: Sequence[str] = ("test", "valid")) -> list[Source]:
    """Sources of five spoken digits each, by speakers in turn, of held-out recordings in folders 0 to 9."""
    clips, chance = defaultdict(list), random.Random(0)
    for speaker, own in recordings_by_speaker([folder]).items():
        for path, split in own:
            if split in splits and path.parent.name in "0123456789":
                clips[speaker].append(path)
    able = [speaker for speaker, own in sorted(clips.items()) if len(own) >= STRING]
    turns = itertools.islice(itertools.cycle(able), strings)
    return [_joined(f"digits-{n:03d}", who, chance.sample(clips[who], STRING)) for n, who in enumerate(turns)]


def spoken_sources(recordings: Mapping[str, Sequence[tuple[Path, str]]], count: int, seconds: float) -> list[Source]:
    """Sources of test recordings, the beginning of each, by speakers in turn."""
    own = [[(who, path) for path, split in found if split == "test"] for who, found in recordings.items()]
    turns = max(map(len, own), default=0)
    chosen = [paths[turn] for turn in range(turns) for paths in own if turn < len(paths)][:count]
    most = round(seconds * RATE)
    return [Source(f"speech-{n:03d}", who, _read(path)[:most]) for n, (who, path) in enumerate(chosen)]


def example_sources(seconds: float) -> list[Source]:
    """The example voices, the beginning of each."""
    most = round(seconds * RATE)
    paths = [utterance.path for utterance in bundled_speech(1)]
    return [Source(path.stem, path.stem, _read(path)[:most]) for path in paths]


def _joined(name: str, speaker: str, paths: Sequence[Path]) -> Source:
    pause = np.zeros(round(GAP_SECONDS * RATE), np.float32)
    parts, words, at = [pause], [], len(pause)
    for path in paths:
        clip = _read(path)
        clip = clip * (PEAK / max(float(np.abs(clip).max()), 1e-4))
        words.append((DIGITS[int(path.parent.name)], at, at + len(clip)))
        parts += [clip, pause]
        at += len(clip) + len(pause)
    return Source(name, speaker, np.concatenate(parts), tuple(words))


def _read(path: Path) -> np.ndarray:
    return resample(read_clip(path, mono=True).clip, RATE).samples[0].clip(-1, 1)
