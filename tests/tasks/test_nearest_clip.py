"""The nearest recording to a sound: copies are found, in packs and in folders, and what is usual is known."""

import numpy as np
import pytest
import torch

from core.errors import InputError
from core.signal.clip import Clip
from core.signal.files import write_clip
from core.signal.mel_distance import comparable_mel, mel_distances
from core.tasks import nearest_clip
from core.tasks.nearest_clip import TrainingClips
from core.training.data import pack_data

RATE = 16000
TONES = {"low/ada-1": 300, "low/bob-1": 330, "low/bob-2": 331, "high/ada-1": 1900, "high/bob-1": 2100}


def tone(hertz: float, rate: int = RATE) -> Clip:
    times = np.arange(round(0.3 * rate)) / rate
    return Clip(np.float32(0.3 * np.sin(2 * np.pi * hertz * times) * np.hanning(len(times)))[None], rate)


@pytest.fixture
def folder(tmp_path):
    rows = ["path,speaker,split"]
    for name, hertz in TONES.items():
        (tmp_path / "clips" / name).parent.mkdir(parents=True, exist_ok=True)
        write_clip(tmp_path / "clips" / f"{name}.wav", tone(hertz))
        rows.append(f"{name}.wav,{name.split('/')[1][:3]},train")
    (tmp_path / "clips" / "metadata.csv").write_text("\n".join(rows))
    return tmp_path / "clips"


@pytest.fixture
def pack(folder):
    pack_data(folder, folder.parent / "pack", RATE)
    return folder.parent / "pack"


def distance(one: float, other: float) -> float:
    mels = [comparable_mel(torch.from_numpy(tone(hertz).samples[0]), RATE)[None] for hertz in (one, other)]
    return float(mel_distances(*mels))


def test_a_copy_is_found_however_loud_it_is(folder):
    clips = TrainingClips(folder, RATE)
    quiet = Clip(0.1 * tone(2100).samples, RATE)
    copy, between = clips.nearest([quiet, tone(320)])
    assert (copy.known.name, copy.known.label) == ("bob-1.wav", "high") and copy.distance < 0.02
    assert between.known.label == "low" and between.distance == pytest.approx(distance(320, 330), abs=0.01)
    assert np.array_equal(copy.clip.samples, tone(2100).samples)


def test_a_pack_says_the_same_as_its_folder_and_knows_the_speakers(folder, pack):
    (of_folder,), (of_pack,) = (TrainingClips(place, RATE).nearest([tone(1900)]) for place in (folder, pack))
    assert (of_pack.known.label, of_pack.known.speaker) == ("high", "ada")
    assert of_pack.distance == pytest.approx(of_folder.distance, abs=0.01)


def test_what_is_usual_is_between_speakers_who_say_the_same(folder, pack):
    between_speakers = [distance(300, 330), distance(330, 300), distance(331, 300), distance(1900, 2100)]
    expected = sorted([*between_speakers, distance(2100, 1900)])[2]
    assert TrainingClips(pack, RATE).usual_distance == pytest.approx(expected, abs=0.01)
    nobody_known = TrainingClips(folder, RATE).usual_distance
    assert nobody_known < expected, "the next one may be by the same speaker"


def test_sounds_of_another_rate_are_compared_at_that_of_the_prior(folder):
    (found,) = TrainingClips(folder, 8000).nearest([tone(1900, 8000)])
    assert found.known.label == "high" and found.clip.sample_rate == 8000 and found.distance < 0.1


def test_a_single_recording_has_no_usual_distance(tmp_path):
    write_clip(tmp_path / "one.wav", tone(300))
    assert TrainingClips(tmp_path, RATE).usual_distance is None


def test_nothing_to_compare_with_and_too_much_are_refused(tmp_path, folder, monkeypatch):
    with pytest.raises(InputError, match="not a folder"):
        TrainingClips(tmp_path / "nowhere", RATE)
    monkeypatch.setattr(nearest_clip, "MOST_RECORDINGS", 4)
    with pytest.raises(InputError, match="at most 4"):
        TrainingClips(folder, RATE)
