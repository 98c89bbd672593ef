"""How networks learn to separate by direction: examples tell the truth, losses mean what they say, training runs."""

import math
import shutil

import numpy as np
import pytest
import soundfile
import torch

from core import zoo
from core.arrays.angles import WINDOWS, angular_distance
from core.arrays.geometry import ARRAYS
from core.arrays.scenes.files import RecordedScene, SourceImage, find_scenes, read_scene, scene_folder, write_scene
from core.arrays.steering import Steering
from core.errors import InputError
from core.training.data import PackedData, pack_data
from core.training.objectives import cone_examples
from core.training.objectives.cone import FLOOR, ConeObjective, ConeOfSilenceObjective
from core.training.objectives.cone_examples import VOICE_LEVEL, Window, draw_scene, draw_window, inside, target, vary
from core.training.recipe import load_recipe
from core.training.run import train
from core.training.scenes import RenderedScenes, Scene
from core.zoo.checkpoint import load_checkpoint

ARRAY = ARRAYS["respeaker-4"]
STEERING = Steering(ARRAY, 16000, "exact")
SMALL = {"array": "respeaker-4", "microphones": 4, "pre_shift": "exact", "channels": 8, "blocks": 2}
TINY_ORIGINAL = {"array": "respeaker-4", "microphones": 4, "pre_shift": "original", "depth": 2, "channels": 4}
TRAINING = {
    "model.channels": "8",
    "model.blocks": "2",
    "training.segment": "4096",
    "training.validation_segments": "4",
    "training.warmup_steps": "5",
}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def voices(count: int, frames: int = 8000) -> torch.Tensor:
    return 0.05 * torch.randn(count, frames, generator=generator(9))


def scene(count: int = 3, seed: int = 0, **settings) -> Scene:
    return draw_scene(voices(count), ARRAY, 16000, generator(seed), **settings)


def test_scenes_are_voices_apart_at_random_levels():
    levels, distances = [], []
    for seed in range(12):
        drawn = scene(4, seed, separation=0.5)
        assert drawn.images.shape == (4, 4, 8000) and drawn.background.shape == (4, 8000)
        levels += (20 * (drawn.images.square().mean(dim=(1, 2)).sqrt() / VOICE_LEVEL).log10()).tolist()
        distances += [angular_distance(a, b) for n, a in enumerate(drawn.directions) for b in drawn.directions[:n]]
    assert min(distances) >= 0.5 and np.std(levels) == pytest.approx(4, abs=1.5)


def test_the_same_seed_gives_the_same_scene():
    assert torch.equal(scene(seed=3).images, scene(seed=3).images)
    assert not torch.equal(scene(seed=3).images, scene(seed=4).images)


def test_backgrounds_are_quieter_than_voices_and_microphones_never_still():
    with_background, without = ([scene(1, seed, background_share=share) for seed in range(8)] for share in (1.0, 0.0))
    levels = [20 * (s.background.square().mean().sqrt() / VOICE_LEVEL).log10().item() for s in with_background]
    assert -31 < min(levels) < max(levels) < -4
    assert all(0 < s.background.abs().max() <= 0.001 for s in without)


def test_what_is_asked_for_is_the_sum_of_the_voices_inside():
    drawn = scene()
    window = Window(float(drawn.directions[1]), 3)
    held = inside(drawn.directions, window)
    assert held[1]
    expected = STEERING.towards(drawn.images[torch.from_numpy(held)].sum(dim=0), window.angle)
    torch.testing.assert_close(target(drawn, window, STEERING), expected)


def test_mixtures_of_one_voice_are_as_rare_as_they_are_meant_to_be():
    objective, drawn = ConeObjective(alone_share=0.2), generator()
    counts = [len(objective._some(voices(4, 10), drawn)) for _ in range(500)]
    assert set(counts) == {1, 2, 3, 4} and counts.count(1) == pytest.approx(100, abs=30)
    assert counts.count(2) == pytest.approx(counts.count(4), abs=60)


def test_a_window_may_reach_over_pi():
    directions = np.array([math.pi - 0.01, -math.pi + 0.01, 0.0])
    assert inside(directions, Window(math.pi - 0.02, 4)).tolist() == [True, True, False]
    assert inside(directions, Window(-math.pi + 0.02, 3)).tolist() == [True, True, False]


def test_windows_hold_voices_or_none_and_are_of_every_width():
    directions, drawn = np.array([-3.1, 3.1, 0.5, 1.5]), generator()
    for empty in (False, True):
        windows = [draw_window(directions, empty, 5, drawn) for _ in range(200)]
        assert all(inside(directions, window).any() != empty for window in windows)
        assert all(-math.pi < window.angle <= math.pi for window in windows)
        assert {window.number for window in windows} == set(range(len(WINDOWS)))
        if not empty:
            sides = [angular_distance(directions, w.angle).min() / (WINDOWS[w.number] / 2) for w in windows]
            assert np.median(sides) == pytest.approx(0.5, abs=0.15), "anywhere inside"


def test_empty_windows_have_a_silent_target():
    drawn = scene()
    window = draw_window(drawn.directions, True, 5, generator())
    assert not target(drawn, window, STEERING).any()


class Fixed:
    """Gives a share of the mixture, whatever the direction."""

    def __init__(self, share: float):
        self.share = share

    def encode(self, mixtures):
        return mixtures

    def separate(self, encoding, delays, windows):
        return self.share * encoding[:, None].expand(-1, windows.shape[1], -1, -1)


@pytest.mark.parametrize(("share", "expected"), [(0.0, math.log(FLOOR)), (1.0, math.log(1 + FLOOR))])
def test_the_loss_of_empty_windows_is_bounded(share, expected):
    objective = ConeObjective(empty_share=1.0)
    objective.build(SMALL)
    loss, figures = objective.loss(Fixed(share), voices(8), generator())
    assert loss.item() == pytest.approx(expected, rel=1e-4, abs=1e-4) and set(figures) == {"residual_db"}


def test_the_original_s_loss_is_the_mean_absolute_error():
    objective = ConeOfSilenceObjective(empty_share=0.0)
    assert objective.error(torch.ones(2, 4, 9), torch.zeros(2, 4, 9), torch.zeros(2, 4, 9)) == 1
    loss, figures = objective.loss(objective.build(TINY_ORIGINAL), voices(4, 2000), generator())
    loss.backward()
    assert 0 < loss < 1 and set(figures) == {"error_db"}


def test_figures_of_validation_are_those_of_the_mixture_where_nothing_is_done():
    objective = ConeObjective()
    objective.build(SMALL)
    pieces = [v[None] for v in voices(4)]
    figures = objective.validate(Fixed(1.0), pieces, generator())
    assert figures == pytest.approx(
        dict.fromkeys(("wide_gain_db", "narrow_gain_db"), 0) | dict.fromkeys(("wide_empty_db", "narrow_empty_db"), 0),
        abs=1e-4,
    )
    halved = objective.validate(Fixed(0.1), pieces, generator())
    assert halved["wide_gain_db"] == pytest.approx(0, abs=1e-3) and halved["wide_empty_db"] == pytest.approx(-20)


def test_logged_sounds_are_playable():
    objective = ConeObjective()
    sounds = objective.sounds(objective.build(SMALL), voices(1), generator())
    assert {name: tuple(sound.shape) for name, sound in sounds.items()} == dict.fromkeys(
        ("mixture", "voice", "extracted"), (8000,)
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"array": "circle-6"}, "has 6 microphones, the network 4; set model.microphones=6"),
        ({"array": "nowhere"}, "no array or file 'nowhere'"),
        ({"pre_shift": "later"}, "one of original, exact"),
    ],
)
def test_networks_that_fit_no_array_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        ConeObjective().build(SMALL | changes)


def test_mixtures_without_voices_are_refused():
    with pytest.raises(InputError, match="at least 1"):
        ConeObjective(voices=0).build(SMALL)


@pytest.mark.parametrize(("recipe", "microphones"), [("cone", 4), ("cone-crowd", 6), ("cone-original", 4)])
def test_recipes_fit_their_objectives(recipe, microphones):
    settings = load_recipe(recipe)
    objective = {"cone-mask": ConeObjective, "cone": ConeOfSilenceObjective}[settings["architecture"]]
    with torch.device("meta"):
        network = objective(**settings["objective"]).build(settings["model"])
    assert network.config.microphones == microphones
    assert recipe == "cone-original" or 2e5 < sum(weight.numel() for weight in network.parameters()) < 5e5


@pytest.fixture
def pack(tmp_path):
    folder = tmp_path / "recordings"
    folder.mkdir()
    for n, split in enumerate(["train", "train", "train", "train", "valid", "valid"]):
        noise = np.random.default_rng(n).uniform(-0.3, 0.3, 12000)
        soundfile.write(folder / f"{n}.wav", noise, 16000)
        with (folder / "metadata.csv").open("a") as table:
            table.write(("path,split\n" if n == 0 else "") + f"{n}.wav,{split}\n")
    pack_data(folder, tmp_path / "pack", 16000)
    return tmp_path / "pack"


def test_recordings_are_not_chosen_twice_as_long_as_there_are_others(pack):
    data, drawn = PackedData(pack, "train"), generator()
    assert {data.choose(drawn, but={0, 1, 3}) for _ in range(20)} == {2}
    assert {data.choose(drawn, but={0, 1, 2, 3}) for _ in range(60)} == {0, 1, 2, 3}


def test_a_trained_network_is_loaded_as_a_separator_and_starts_one_for_another_array(pack, tmp_path):
    out = tmp_path / "four.safetensors"
    train("cone", pack, 0.02, out, overrides=TRAINING)
    assert out.stat().st_size < 4e6
    entry = zoo.register("four", out, {"sample_rate": 16000})
    separator = zoo.load_separator("four")
    assert entry.task == ("localize",) and separator.array == "respeaker-4" and separator.pre_shift == "exact"
    assert separator.encode(voices(4), STEERING)([0.0, 1.0], 0).shape == (2, 4, 8000)

    six = {"model.array": "circle-6", "model.microphones": "6", "training.learning_rate": "0.0"}
    train("cone", pack, 0.005, tmp_path / "six.safetensors", init=out, overrides=TRAINING | six)
    old, new = (load_checkpoint(path).state for path in (out, tmp_path / "six.safetensors"))
    same = {name for name in old if old[name].shape == new[name].shape}
    assert {name.partition(".")[0] for name in set(old) - same} == {"embed", "clean", "steer", "head"}
    assert all(torch.equal(old[name], new[name]) for name in same)
    with pytest.raises(InputError, match="other sizes"):
        train("cone", pack, 0.005, tmp_path / "x.safetensors", init=out, overrides=TRAINING | {"model.channels": "16"})


def test_a_crowd_is_learned_from_and_gone_on_with(pack, tmp_path):
    """Up to eight voices, in rooms of both kinds, with a recorded background."""
    out, small = tmp_path / "crowd.safetensors", TRAINING | {"objective.background_share": "1"}
    steps = []
    for epochs in (3, 6):
        train("cone-crowd", pack, None, out, epochs=epochs, resume=bool(steps), overrides=small, others=[pack])
        steps.append(torch.load(out.with_suffix(".state"), weights_only=True)["step"])
    assert 0 < steps[0] < steps[1]
    checkpoint = load_checkpoint(out)
    assert checkpoint.config["array"] == "circle-6"
    assert all(weight.isfinite().all() for weight in checkpoint.state.values())


def test_crowds_are_of_two_to_eight_voices_apart():
    objective = ConeObjective(voices=8, alone_share=0.0)
    counts = {len(objective._some(voices(8, 10), generator(seed))) for seed in range(80)}
    assert counts == set(range(2, 9))
    drawn = scene(8)
    distances = [angular_distance(a, b) for n, a in enumerate(drawn.directions) for b in drawn.directions[:n]]
    assert min(distances) >= math.radians(15)


def test_scenes_are_in_rooms_of_the_kind_that_is_asked_for(monkeypatch):
    """A share of none leaves every draw as it is."""
    kinds = []
    for kind, draw in (("wide", "draw_wide_room"), ("living", "draw_room")):
        whole = getattr(cone_examples, draw)
        monkeypatch.setattr(cone_examples, draw, lambda drawn, k=kind, own=whole: kinds.append(k) or own(drawn))
    for share, expected in ((0.0, {"living"}), (1.0, {"wide"}), (0.5, {"wide", "living"})):
        kinds.clear()
        drawn = [scene(2, seed, wide_share=share) for seed in range(12)]
        assert set(kinds) == expected and all(own.images.isfinite().all() for own in drawn)
    assert torch.equal(scene(2, wide_share=0.0).images, scene(2).images)


@pytest.fixture
def scenes(tmp_path):
    """Three scenes of two voices at 0.5 and -2.0 around the ReSpeaker, and a background."""
    folder, rng = tmp_path / "scenes", np.random.default_rng(0)
    folder.mkdir()
    for index in range(3):
        images = 0.05 * rng.standard_normal((3, 4, 12000)).astype(np.float32)
        places = [((np.cos(a), np.sin(a)),) for a in (0.5, -2.0)]
        drawn = [SourceImage(f"voice{k:02d}", images[k], places[k], f"s{k}") for k in range(2)]
        write_scene(
            scene_folder(folder, index), RecordedScene((*drawn, SourceImage("bg", images[2], ((3.0, 0.0),))), 16000)
        )
    return folder


def test_rendered_scenes_are_learned_from(scenes, tmp_path):
    out = tmp_path / "cone.safetensors"
    small = {
        "model.channels": "8",
        "model.blocks": "2",
        "training.segment": "8000",
        "training.validation_segments": "2",
    }
    train("cone", scenes, 0.05, out, overrides=small)
    assert load_checkpoint(out).config["array"] == "respeaker-4"
    with pytest.raises(InputError, match="holds scenes, which the spectral recipes can't learn from"):
        train("spectral", scenes, 0.05, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="have 4 microphones, the array circle-6 6"):
        train("cone", scenes, 0.05, out, overrides=small | {"model.array": "circle-6", "model.microphones": "6"})


def test_rendered_scenes_keep_their_directions_and_their_splits(scenes):
    data = {split: RenderedScenes(scenes, split) for split in ("train", "valid")}
    taken = data["train"].batch({"segment": 4000, "quietest": 0.001}, generator())
    assert taken.images.shape == (2, 4, 4000) and taken.directions == pytest.approx([0.5, -2.0])
    held_out = data["valid"].held_out(3, 20000, generator())
    first = read_scene(find_scenes(scenes)[0]).mixture
    for scene in held_out:
        heard = (scene.images.sum(dim=0) + scene.background).numpy()
        np.testing.assert_allclose(heard[:, :12000], first, atol=1e-6)
        assert not heard[:, 12000:].any()
    varied = vary(taken, 16000, generator())
    assert not torch.allclose(varied.images, taken.images) and varied.directions is taken.directions


def test_a_single_scene_cannot_be_held_out(scenes):
    shutil.rmtree(scene_folder(scenes, 1)), shutil.rmtree(scene_folder(scenes, 2))
    with pytest.raises(InputError, match="render at least 2"):
        RenderedScenes(scenes, "train")


def test_backgrounds_are_taken_from_recordings_of_noise():
    class Hum:
        asked = 0

        def sample(self, frames, generator):
            self.asked += 1
            return torch.sin(torch.arange(frames) * 0.1)

    hum, drawn = Hum(), generator()
    for _ in range(20):
        draw_scene(torch.randn(1, 2000), ARRAYS["respeaker-4"], 16000, drawn, background_share=1.0, noises=[hum])
    assert 4 <= hum.asked <= 16, "every other background"
