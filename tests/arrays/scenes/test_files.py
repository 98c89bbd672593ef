"""Scenes as folders: what is written is read back, the original's own are read, and none is ever there by half."""

import json

import numpy as np
import pytest
import soundfile

from core.arrays.scenes import files
from core.arrays.scenes.files import RecordedScene, SourceImage, find_scenes, read_scene, scene_folder, write_scene
from core.errors import InputError

RATE = 16000


def source_image(name: str, seed: int, positions=((1.0, 2.0, 0.3),), speaker: str = "") -> SourceImage:
    image = np.random.default_rng(seed).standard_normal((4, 1000)).astype(np.float32)
    return SourceImage(name, image, positions, speaker)


@pytest.fixture
def scene() -> RecordedScene:
    walk = ((1.0, 0.0, 0.1), (0.0, 1.0, 0.1))
    images = (
        source_image("voice00", 0, speaker="p225"),
        source_image("voice01", 1, walk, "p226"),
        source_image("bg", 2, ((-3.0, 4.0),)),
    )
    return RecordedScene(images, RATE)


def test_a_scene_is_read_back_bit_for_bit(scene, tmp_path):
    folder = scene_folder(tmp_path, 7)
    write_scene(folder, scene)
    again = read_scene(folder)
    assert folder.name == "00007" and find_scenes(tmp_path) == [folder]
    assert again.sample_rate == RATE and len(again.voices) == 2
    for ours, theirs in zip(scene.images, again.images, strict=True):
        assert np.array_equal(ours.samples, theirs.samples)
        assert (ours.name, ours.positions, ours.speaker) == (theirs.name, theirs.positions, theirs.speaker)
    assert np.array_equal(again.mixture, scene.mixture)


def test_the_layout_is_the_original_s(scene, tmp_path):
    write_scene(tmp_path / "00000", scene)
    names = {f"mic{mic:02d}_{name}.wav" for mic in range(4) for name in ("voice00", "voice01", "bg", "mixed")}
    assert {path.name for path in (tmp_path / "00000").iterdir()} == names | {"metadata.json"}
    metadata = json.loads((tmp_path / "00000" / "metadata.json").read_text())
    assert metadata["voice00"] == {"position": [1.0, 2.0], "speaker_id": "p225", "height": 0.3}
    assert metadata["voice01"]["position"] == [1.0, 0.0] and metadata["bg"] == {"position": [-3.0, 4.0]}
    mixed = soundfile.read(tmp_path / "00000" / "mic02_mixed.wav", dtype="float32")[0]
    assert np.array_equal(mixed, scene.mixture[2])


def original(folder, names=("voice00",), mics: int = 2, frames: int = 500) -> None:
    """A folder as the original writes it: 16-bit files, flat positions."""
    folder.mkdir()
    for mic in range(mics):
        for name in names:
            soundfile.write(folder / f"mic{mic:02d}_{name}.wav", 0.1 * np.ones(frames), 44100, subtype="PCM_16")
    (folder / "metadata.json").write_text('{"voice00": {"position": [0.0, -2.5], "speaker_id": "p225"}}')


@pytest.mark.parametrize("name", ["voice00", "mixed"])
def test_a_recording_of_one_voice_may_have_its_mixture_alone(tmp_path, name):
    original(tmp_path / "00000", [name])
    (voice,) = read_scene(tmp_path / "00000").images
    assert voice.samples.shape == (2, 500) and voice.angle == pytest.approx(-np.pi / 2)


def test_a_scene_that_cannot_be_finished_leaves_nothing_behind(scene, tmp_path, monkeypatch):
    written, write = [], files.write_clip

    def full(path, clip):
        if len(written) == 5:
            raise OSError(28, "No space left on device")
        written.append(path)
        return write(path, clip)

    monkeypatch.setattr(files, "write_clip", full)
    with pytest.raises(InputError, match="No space left"):
        write_scene(tmp_path / "00000", scene)
    assert len(written) == 5 and not list(tmp_path.iterdir())


def test_a_scene_that_is_there_is_not_overwritten(scene, tmp_path):
    write_scene(tmp_path / "00000", scene)
    before = (tmp_path / "00000" / "metadata.json").stat().st_mtime_ns
    with pytest.raises(InputError, match="cannot be written"):
        write_scene(tmp_path / "00000", scene)
    assert (tmp_path / "00000" / "metadata.json").stat().st_mtime_ns == before and len(list(tmp_path.iterdir())) == 1


NOWHERE = [
    '{"../voice00": {"position": [1, 2]}}',
    '{"voice00": {}}',
    '{"voice00": {"position": [1]}}',
    '{"voice00": {"position": [1, NaN]}}',
]


@pytest.mark.parametrize("metadata", ["", "[]", "{}", *NOWHERE])
def test_metadata_that_say_nothing(tmp_path, metadata):
    original(tmp_path / "00000")
    (tmp_path / "00000" / "metadata.json").write_text(metadata)
    with pytest.raises(InputError, match="does not say where the voices are"):
        read_scene(tmp_path / "00000")


def test_sounds_that_do_not_belong_together(tmp_path):
    original(tmp_path / "00000")
    soundfile.write(tmp_path / "00000" / "mic01_voice00.wav", np.zeros(400), 44100)
    with pytest.raises(InputError, match="differ in length"):
        read_scene(tmp_path / "00000")
    (tmp_path / "00000" / "mic00_voice00.wav").unlink()
    with pytest.raises(InputError, match="does not exist"):
        read_scene(tmp_path / "00000")
