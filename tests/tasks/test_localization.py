"""Localization: voices in a mild room are found and separated, and followed where they walk; refusals in a sentence."""

import numpy as np
import pytest

from core.arrays.cone.finder import ConeFinder
from core.arrays.doa.counting import SURE
from core.arrays.finding import Stage
from core.arrays.geometry import ArrayGeometry, circular, read_array
from core.errors import InputError
from core.generators import finished
from core.signal.clip import Clip
from core.signal.resampling import resample
from core.tasks.localization import default_chunk_seconds, localize
from core.tasks.localization_outcome import BASELINE, RATIO, WIENER, angular_distances
from core.tasks.progress import Result
from core.tasks.settings import Settings
from core.tasks.voice_search import Microphones, Request, find_voices, split_chunks
from core.tasks.voices import Truth
from tests.arrays.example_scenes import voices
from tests.arrays.sounds import RATE, RESPEAKER, babble, plane_wave
from tests.runs import finish, gathered

pytestmark = pytest.mark.usefixtures("no_bundled_separator")
LINE = ArrayGeometry("line", tuple((0.05 * k - 0.075, 0.0) for k in range(4)))
SILENCE = np.zeros((4, RATE), dtype=np.float32)


@pytest.fixture(scope="module")
def pair() -> np.ndarray:
    return voices(40, 200)


def known(images: np.ndarray, *paths, rate: int = RATE) -> Truth:
    """The truth of images [voices, mics, frames] and angles in degrees."""
    return Truth(tuple(Clip(image, rate) for image in images), tuple(tuple(np.deg2rad(path)) for path in paths))


def degrees(result: Result) -> list[float]:
    return sorted(np.rad2deg([voice.angle for voice in result.voices]))


@pytest.mark.parametrize(("method", "within"), [("srp-phat", 5), ("music", 10)])
@pytest.mark.parametrize("count", [2, None])
def test_two_voices_are_found_and_separated(pair, method, within, count):
    run = localize(Clip(pair.sum(axis=0), RATE), RESPEAKER, method=method, voices=count, truth=known(pair, [40], [200]))
    result = finish(run)
    assert degrees(result) == pytest.approx([40, 200], abs=within)
    assert result.metrics["precision"] == result.metrics["recall"] == 1
    assert result.metrics["angular_error_degrees"] < within
    assert all(row["si_sdr_improvement_db"] > 3 for row in result.figures.values())
    assert result.voices[0].energy >= result.voices[1].energy > 0
    assert all(voice.clip.samples.shape == (1, pair.shape[-1]) and not voice.track for voice in result.voices)
    oracles = {name: result.baseline_metrics[name]["si_sdr_improvement_db"] for name in (RATIO, WIENER)}
    assert oracles[RATIO] > 3 and result.metrics["si_sdr_improvement_db"] < oracles[WIENER]


def test_long_recordings_keep_their_voices():
    """In three chunks; one of the voices says nothing in the first of them."""
    images = voices(40, 200, seconds=7.0)
    images[0, :, : 3 * RATE] = 0
    recording, truth = Clip(images.sum(axis=0), RATE), known(images, [40], [200])
    result = finish(localize(recording, RESPEAKER, voices=2, chunk_seconds=3, truth=truth))
    assert degrees(result) == pytest.approx([40, 200], abs=5) and result.metrics["si_sdr_improvement_db"] > 3


def test_the_voices_of_a_map_are_refined_up_to_a_minute_or_where_that_is_asked_for(pair, monkeypatch):
    def run(refine: bool | None = None) -> Result:
        truth = known(pair, [40], [200])
        return finish(localize(Clip(pair.sum(axis=0), RATE), RESPEAKER, voices=2, refine=refine, truth=truth))

    refined = run()
    assert refined.report["refined"] and not told(refined, "beamformers alone")
    monkeypatch.setattr("core.tasks.localization.REFINED_SECONDS", 2.9)
    beamformed, asked, refused = run(), run(True), run(False)
    assert not beamformed.report["refined"] and told(beamformed, "beamformers alone")
    assert asked.metrics == refined.metrics and asked.report["refined"] and not told(asked, "beamformers alone")
    assert refused.metrics == beamformed.metrics and not told(refused, "beamformers alone")
    assert refined.metrics["si_sdr_improvement_db"] > beamformed.metrics["si_sdr_improvement_db"] + 1
    assert degrees(refined) == pytest.approx(degrees(beamformed))


def test_chunks_are_long_where_memory_allows(pair):
    """That of covariances grows with their length and the square of the number of microphones."""
    seconds = [default_chunk_seconds(count, False) for count in (2, 4, 6, 8, 16)]
    assert seconds[:3] == [12, 12, 12] and 12 > seconds[3] > seconds[4] == 3
    assert default_chunk_seconds(2, True) == default_chunk_seconds(16, True) == 1.5
    longer = np.tile(pair.sum(axis=0), 2)
    *moments, result = localize(Clip(longer, RATE), RESPEAKER, voices=2, refine=False)
    assert result.report["chunk_seconds"] == 12 and {moment.look.span for moment in moments} == {(0, 6)}


@pytest.mark.parametrize("overlap", [0.25, 0.5])
@pytest.mark.parametrize("frames", [1, 99, 100, 101, 149, 150, 175, 176, 1000, 1001])
def test_chunks_are_of_one_length_and_overlap_alike(frames, overlap):
    spans = split_chunks(frames, 100, overlap)
    assert spans[0][0] == 0 and spans[-1][1] == frames and (len(spans) == 1) == (frames <= 100)
    lengths = {last - first for first, last in spans}
    assert len(lengths) == 1 and (length := lengths.pop()) <= 100
    shared = [one[1] - other[0] for one, other in zip(spans, spans[1:], strict=False)]
    assert all(abs(own - overlap * length) < 2 for own in shared), "but for whole frames"
    fewer = max(len(spans) - 2, 0)
    assert 100 * (1 + fewer * (1 - overlap)) < frames or len(spans) == 1, "one chunk less could not hold all"


def test_a_voice_that_walks_is_followed():
    images = voices(range(20, 100, 10), 250)
    run = localize(
        Clip(images.sum(axis=0), RATE),
        RESPEAKER,
        method="music",
        voices=2,
        moving=True,
        truth=known(images, range(20, 100, 10), [250]),
    )
    result = finish(run)
    assert result.metrics["angular_error_degrees"] < 5 and result.metrics["si_sdr_improvement_db"] > 3
    walks = min(result.voices, key=lambda voice: voice.angle)
    times, angles = np.array(walks.track).T
    assert times == pytest.approx([0.75, 1.5, 2.25]) and (np.diff(angles) > 0.2).all()
    assert result.report["voices"][0]["track"][0][0] == 0.75


def test_the_cone_follows_voices_that_walk():
    """Nobody said how many; the looks are maps, and nothing is searched window by window."""
    images = voices(range(20, 100, 10), 250)
    heard, truth = Clip(images.sum(axis=0), RATE), known(images, range(20, 100, 10), [250])
    request = Request(None, True, 1.5, None)
    moments, found = gathered(find_voices(Microphones(heard, RESPEAKER), ConeFinder(Aligned()), RATE, request))
    sure = [voice for voice in found if voice.confidence >= SURE]
    assert len(sure) == 2
    assert np.rad2deg(angular_distances(sure, truth, heard.seconds).min(axis=1)).max() < 5
    assert [time for time, _ in sure[0].track] == pytest.approx([0.75, 1.5, 2.25])
    assert moments[0].look.power is not None and all(moment.look.stage is None for moment in moments)
    left = [moment.seconds_left for moment in moments]
    assert min(left) >= 0 and left[-1] == 0


def test_every_rate_and_level_comes_back(pair):
    clip = resample(Clip(0.01 * pair.sum(axis=0), RATE), 22050)
    result = finish(localize(clip, RESPEAKER, voices=2))
    assert degrees(result) == pytest.approx([40, 200], abs=5)
    for voice in result.voices:
        assert (voice.clip.sample_rate, voice.clip.frames) == (22050, clip.frames)
        assert np.abs(voice.clip.samples).max() < 0.01
    assert result.report["sample_rate"] == 22050 and result.metrics["si_sdr_db"] is None


def test_a_whole_stream_is_recognised(pair):
    stream = np.concatenate([SILENCE[:1].repeat(3, axis=1), pair.sum(axis=0), 0.1 * pair[0, :1]])
    result = finish(localize(Clip(stream, RATE), RESPEAKER, voices=2))
    assert degrees(result) == pytest.approx([40, 200], abs=5)
    turned = finish(localize(Clip(stream, RATE), RESPEAKER, voices=2, channels=(2, 3, 4, 1)))
    assert degrees(turned) == pytest.approx([110, 310], abs=5), "another microphone 0 turns the circle"


def test_progress_shows_the_map(pair):
    *moments, _ = localize(Clip(pair.sum(axis=0), RATE), RESPEAKER, method="srp-phat", voices=2)
    pictures = [moment.look for moment in moments if moment.look.has_picture]
    assert all(look.power.shape == (360,) and look.stage is None for look in pictures)
    assert len(moments) > len(pictures) >= 2, "rounds of refinement are told of"
    assert moments[0].look.span == (0, 3) and moments[-1].seconds_left == 0


def test_silence_gives_no_voice():
    result = finish(localize(Clip(SILENCE, RATE), RESPEAKER, voices=2))
    assert result.voices == () and "silent, so no voice" in result.notes[-1] and result.report["voices"] == []


def test_a_dead_microphone_is_named_and_left_out(pair):
    mixture = pair.sum(axis=0)
    mixture[2] = 0
    result = finish(localize(Clip(mixture, RATE), RESPEAKER, voices=2, truth=known(pair, [40], [200])))
    assert any("Microphone 2 is silent" in note for note in result.notes)
    assert result.metrics["recall"] == 1
    mixture[0] = 0
    result = finish(localize(Clip(mixture, RATE), RESPEAKER, voices=1, truth=known(pair)))
    assert any("as microphone 1 hears them" in note for note in result.notes)


class Aligned:
    """A separator that hears in a window what all microphones have in common when they are aligned to it."""

    levels = 5

    def encode(self, mixture, steering):
        return lambda angles, level: steering.towards(mixture, angles).mean(dim=1, keepdim=True).expand(-1, 4, -1)


class Quiet:
    """A separator that hears a hundredth of the mixture everywhere."""

    levels = 5

    def encode(self, mixture, steering):
        return lambda angles, level: steering.towards(mixture, angles) / 100


def test_the_cone_narrows(pair, register_separator):
    """Every window is told of, and a separator that is registered is what is asked by default."""
    register_separator("mine", "respeaker-4")
    clip = Clip(pair.sum(axis=0)[:, : RATE // 2], RATE)
    *moments, result = localize(clip, RESPEAKER, truth=known(pair[:, :, : RATE // 2], [40], [200]))
    assert result.report["method"] == "cone" and result.report["prior"] == "mine"
    pictures = [moment.look for moment in moments if moment.look.has_picture]
    assert pictures and all(isinstance(look.stage, Stage) and look.power is None for look in pictures)
    assert len(moments) > len(pictures), "selection and refinement are told of"
    assert moments[0].look.stage.candidates[0].energy >= 0 and BASELINE in result.baseline_metrics


def test_a_second_look_with_a_lower_cutoff(pair):
    """What is too quiet for the first cutoff is found by the second, and the loudest of it are kept."""
    microphones = Microphones(Clip(pair.sum(axis=0)[:, : RATE // 2], RATE), RESPEAKER)
    request = Request(1, False, 3.0, None)

    moments, found = gathered(find_voices(microphones, ConeFinder(Quiet()), RATE, request))
    assert len(found) == 1 and [m.look.stage.level for m in moments if m.look.stage] == [0, 0, 1, 2, 3, 4]
    quiet = microphones.first.samples / 100
    assert np.abs(found[0].clip.samples - quiet).max() < 1e-6, "at the recording's level, as microphone 0 hears it"
    request = Request(None, False, 3.0, None)
    moments, found = gathered(find_voices(microphones, ConeFinder(Quiet()), RATE, request))
    assert found == () and [m.look.stage.level for m in moments if m.look.stage] == [0]


def test_voices_at_angles_that_are_known(pair, register_separator):
    clip, truth = Clip(pair.sum(axis=0), RATE), known(pair, [40], [200])
    result = finish(localize(clip, RESPEAKER, angles=np.deg2rad([40, 200]), truth=truth))
    assert degrees(result) == pytest.approx([40, 200]) and result.metrics["si_sdr_improvement_db"] > 3
    result = finish(
        localize(clip, RESPEAKER, angles=np.deg2rad([40, 200]), settings=Settings(register_separator("mine", "")))
    )
    assert result.report["method"] == "cone" and degrees(result) == pytest.approx([40, 200])


def test_without_a_separator_the_map_is_taken_and_said(pair, register_separator):
    register_separator("other", "circle-6", 6)
    result = finish(localize(Clip(pair.sum(axis=0), RATE), RESPEAKER, voices=2))
    assert result.report["method"] == "srp-phat" and "No separator fits" in result.notes[0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"clip": Clip(np.ones((1, RATE)), RATE)}, "1 channel, but .* 4 microphones"),
        ({"clip": Clip(np.ones((2, RATE)), RATE)}, "2 channels, but .* 4 microphones"),
        ({"clip": Clip(np.ones((17, RATE)), RATE)}, "17 channels; the limit is 16"),
        ({"clip": Clip(SILENCE[:, :100], RATE)}, "give at least 0.25 s"),
        ({"clip": Clip(SILENCE + np.nan, RATE)}, "not numbers"),
        ({"clip": Clip(SILENCE + [[0], [0], [0], [1]] * np.random.default_rng(0).random(RATE), RATE)}, "Only micro"),
        ({"channels": (1, 2, 3)}, "name 4 different channels"),
        ({"channels": (1, 2, 3, 7)}, "no channel 7"),
        ({"voices": 0}, "between 1 and 8"),
        ({"voices": 9}, "between 1 and 8"),
        ({"chunk_seconds": 0.1}, "0.5 to 60 s"),
        ({"chunk_seconds": float("nan")}, "0.5 to 60 s"),
        ({"method": "guess"}, "no method guess"),
        ({"method": "music", "moving": True, "refine": True}, "Only the cone search refines voices that walk"),
        ({"geometry": read_array("respeaker-4"), "settings": Settings("fitting"), "refine": False}, "in any case"),
        ({"method": "cone", "geometry": LINE}, "no separator for the array line"),
        ({"method": "music", "settings": Settings("mine")}, "needs no separator"),
        ({"settings": Settings("other")}, "circle-6 of 6 microphones, not for respeaker-4 of 4"),
        ({"settings": Settings("ghost")}, "no prior named 'ghost'"),
        ({"settings": Settings("tiny")}, "is a prior of sounds; choose a separator"),
        ({"truth": Truth((Clip(SILENCE[:1], RATE),), ((0.0,), (1.0,)))}, "1 references, but angles of 2"),
        ({"truth": Truth((Clip(SILENCE[:, :5000], RATE),))}, "lasts 0.312 s"),
        ({"truth": Truth((Clip(SILENCE[:2], RATE),))}, "2 channels"),
    ],
)
def test_refusals(register_separator, tiny_prior, change, reason):
    register_separator("other", "circle-6", 6)
    register_separator("fitting", "respeaker-4")
    sound = np.stack([babble(k, 1.0) for k in range(4)])
    with pytest.raises(InputError, match=reason):
        list(localize(**{"clip": Clip(sound, RATE), "geometry": RESPEAKER} | change))


def test_coincident_microphones():
    with pytest.raises(InputError, match="[Mm]icrophones"):
        ArrayGeometry("bad", ((0.0, 0.0), (0.0, 0.0)))


def told(result: Result, words: str) -> bool:
    return any(words in note for note in result.notes)


@pytest.mark.parametrize("method", ["srp-phat", "music"])
@pytest.mark.parametrize("count", [2, None])
def test_a_line_of_microphones_finds_every_voice_once(method, count):
    """A truth on the other side is found as well: that of the mirror image sounds alike."""
    images = voices(60, 220, array=LINE)
    truth = known(images, [60], [220])
    result = finish(localize(Clip(images.sum(axis=0), RATE), LINE, method=method, voices=count, truth=truth))
    assert degrees(result) == pytest.approx([60, 140], abs=8)
    assert result.metrics["precision"] == result.metrics["recall"] == 1
    assert result.metrics["angular_error_degrees"] < 8 and told(result, "mirror image")
    for voice in result.report["voices"]:
        assert voice["angle_degrees"] + voice["mirror_degrees"] == pytest.approx(360)


def test_a_voice_that_walks_past_a_line_of_microphones_is_one():
    images = voices(range(60, 150, 10), array=LINE)
    truth = known(images, range(-60, -150, -10))
    result = finish(localize(Clip(images.sum(axis=0), RATE), LINE, method="music", voices=1, moving=True, truth=truth))
    assert len(result.voices) == 1 and result.metrics["angular_error_degrees"] < 8


@pytest.mark.parametrize("degrees_of_voice", [60, -60, 175])
def test_two_microphones_find_a_voice_once(degrees_of_voice):
    array = circular("pair", 2, 0.05)
    images = voices(degrees_of_voice, array=array)
    truth = known(images, [degrees_of_voice])
    result = finish(localize(Clip(images.sum(axis=0), RATE), array, voices=1, truth=truth))
    assert result.metrics["precision"] == result.metrics["recall"] == 1 and told(result, "mirror image")
    assert degrees(result)[0] <= 180


def test_a_search_with_windows_finds_a_voice_and_its_mirror_image_once(register_separator):
    """A separator that hears the mixture everywhere: duplicates are those of both sides."""
    images = voices(60, array=LINE, seconds=1.0)
    request = Request(None, False, 3.0, None)
    found = finished(
        find_voices(Microphones(Clip(images.sum(axis=0), RATE), LINE), ConeFinder(Aligned()), RATE, request)
    )
    assert len(found) == 1 and np.rad2deg(found[0].angle) == pytest.approx(60, abs=8)


def test_one_signal_in_all_channels_is_refused(pair):
    same = np.repeat(pair.sum(axis=0)[:1], 4, axis=0)
    for gains in ([1, 1, 1, 1], [1, 0.5, -1, 0.9]):
        with pytest.raises(InputError, match="0 = 1 = 2 = 3 carry one signal.*raw channels"):
            list(localize(Clip(same * np.array(gains)[:, None], RATE), RESPEAKER, voices=2))


def test_two_pairs_of_copies_are_refused(pair):
    with pytest.raises(InputError, match="0 = 1 and 2 = 3 carry one signal"):
        list(localize(Clip(pair.sum(axis=0)[[0, 0, 1, 1]], RATE), RESPEAKER))


def test_copies_are_named_and_left_out():
    array = circular("circle-6", 6, 0.0725)
    images = voices(40, 200, array=array)
    heard = images.sum(axis=0)
    heard[4] = heard[1]
    result = finish(localize(Clip(heard, RATE), array, truth=known(images, [40], [200])))
    assert told(result, "Microphones 1 and 4 carry one signal") and told(result, "left out")
    assert result.metrics["precision"] == result.metrics["recall"] == 1


def test_a_plane_wave_that_reaches_two_microphones_at_once_is_no_copy():
    """Free field without noise: the channels of a pair are equal, as the array says."""
    heard = plane_wave(babble(0), RESPEAKER, np.pi / 4)
    assert np.allclose(heard[0], heard[1]) and np.allclose(heard[2], heard[3])
    result = finish(localize(Clip(heard.astype(np.float32), RATE), RESPEAKER, voices=1))
    assert degrees(result) == pytest.approx([45], abs=2) and told(result, "Microphones 0 and 1 carry one signal")


def test_channels_that_contradict_the_array_are_told(pair):
    heard = pair.sum(axis=0)
    assert not told(finish(localize(Clip(heard, RATE), RESPEAKER)), "contradict")
    assert told(finish(localize(Clip(heard[[1, 0, 2, 3]], RATE), RESPEAKER)), "contradict the array respeaker-4")
    stream = np.stack([heard[0], heard.mean(axis=0), *heard])
    assert told(finish(localize(Clip(stream, RATE), RESPEAKER)), "those of 2, 3, 4, 5 fit")
    assert not told(finish(localize(Clip(stream, RATE), RESPEAKER, channels=(2, 3, 4, 5))), "contradict")
