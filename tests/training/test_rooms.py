"""Random rooms: sound arrives when it should, rings as long as it should, and a simulator agrees."""

import math

import pytest
import torch

from core.arrays.angles import angular_distance
from core.arrays.geometry import ARRAYS
from core.arrays.steering import arrival_delays
from core.training.objectives import wide_rooms
from core.training.objectives.rooms import RESPONSE_SECONDS, SIDES, WALL, Room, draw_room
from core.training.objectives.wide_rooms import WideRoom, draw_wide_room

RATE = 16000
ARRAY = ARRAYS["circle-6"]
ROOM = Room(torch.tensor([5.0, 4.0, 2.8]), torch.tensor([2.2, 1.9, 0.9]), 0.4)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_rooms_and_voices_lie_where_they_should():
    for seed in range(50):
        drawn, angle = generator(seed), 0.1 * seed - math.pi
        room = draw_room(drawn)
        assert all(low <= side <= high for side, (low, high) in zip(room.size.tolist(), SIDES, strict=True))
        position = room.position(angle, drawn)
        assert ((position > 0) & (position < room.size)).all() and 0 < room.reflection < 1
        assert (position[:2] >= WALL - 1e-4).all() and (position[:2] <= room.size[:2] - WALL + 1e-4).all()
        x, y, _ = (position - room.centre).tolist()
        assert angular_distance(math.atan2(y, x), angle) < 1e-5 and math.hypot(x, y) <= 2.5 + 1e-5


@pytest.mark.parametrize("angle", [-3.0, -1.0, 0.0, 1.5])
def test_direct_sound_arrives_as_the_array_expects(angle):
    """As many samples later at each microphone as `arrival_delays` says, and as loud as the distance makes it."""
    position = ROOM.centre + torch.tensor([1.5 * math.cos(angle), 1.5 * math.sin(angle), 0.0])
    direct = ROOM.response(position, ARRAY, RATE, generator())[:, :100]
    spectra = torch.fft.rfft(direct)[:, 5:25]
    delays = torch.from_numpy(arrival_delays(ARRAY, angle)).float() * RATE
    turns = torch.polar(torch.ones(6, 20), 2 * math.pi * delays[:, None] * torch.arange(5, 25) / 100)
    aligned = spectra * turns
    assert aligned.mean(dim=0).abs().sum() > 0.95 * spectra.abs().mean(dim=0).sum()
    assert direct[0].argmax() == pytest.approx(RATE * 1.5 / 343, abs=4)
    assert spectra.abs().mean(dim=1) == pytest.approx(1 / (4 * math.pi * 1.5), rel=0.1)


def test_it_rings_as_long_as_asked_for():
    decays = []
    for seed in range(5):
        response = ROOM.response(ROOM.centre + torch.tensor([1.0, 0.5, 0.2]), ARRAY, RATE, generator(seed))
        assert response.shape == (6, RESPONSE_SECONDS * RATE)
        left = response[0].square().flip(0).cumsum(0).flip(0)
        level = 10 * (left / left[0]).log10()
        decays.append(60 / 20 * int(((level < -5) & (level > -25)).sum()) / RATE)
    assert sorted(decays)[2] == pytest.approx(ROOM.t60, rel=0.2)


def test_reverberation_is_as_loud_as_a_simulator_has_it():
    pra = pytest.importorskip("pyroomacoustics")
    position = ROOM.centre + torch.tensor([0.9, -1.0, 0.3])
    ours = ROOM.response(position, ARRAY, RATE, generator())[0]
    absorption, order = pra.inverse_sabine(ROOM.t60, ROOM.size.tolist(), c=343)
    room = pra.ShoeBox(ROOM.size.tolist(), fs=RATE, materials=pra.Material(absorption), max_order=min(order, 20))
    room.add_microphone((ROOM.centre + torch.tensor([ARRAY.radius, 0, 0])).numpy())
    room.add_source(position.numpy())
    room.compute_rir()
    theirs = torch.from_numpy(room.rir[0][0])
    ratios = []
    for response in (ours, theirs):
        energy, direct = response.square(), int(response.abs().argmax())
        ratios.append(10 * (energy[: direct + 40].sum() / energy[direct + 40 :].sum()).log10().item())
    assert ratios[0] == pytest.approx(ratios[1], abs=2)


def test_diffuse_sound_is_alike_at_low_frequencies_alone():
    """Its coherence falls with frequency, as sin(kd) / kd (Cook et al. 1955)."""
    array = ARRAYS["circle-6"]
    responses = [ROOM.background_response(array, RATE, generator(seed)) for seed in range(20)]
    spectra = torch.fft.rfft(torch.stack(responses))
    bands = [(spectra[..., low:high]) for low, high in ((30, 80), (900, 2000))]  # 75 to 200, 2250 to 5000 Hz
    low, high = (
        (band[:, 0] * band[:, 3].conj()).sum().abs()
        / (band[:, 0].abs().square().sum() * band[:, 3].abs().square().sum()) ** 0.5
        for band in bands
    )
    assert low > 0.85 and high < 0.3


def test_wide_rooms_are_those_of_rendered_scenes():
    """A simulator's direct sound and reflections, by their energy in parts of 8 ms; it leaves 4 pi out."""
    pra = pytest.importorskip("pyroomacoustics")
    room = WideRoom(torch.tensor([33.0, 37.5]), torch.tensor([15.5, 19.0]), 0.3)
    position = room.centre + torch.tensor([1.5, -2.0])
    ours = 4 * math.pi * room.response(position, ARRAY, RATE, generator())[0]
    assert ours.shape == (wide_rooms.RESPONSE_SECONDS * RATE,)
    simulated = pra.ShoeBox(room.size.tolist(), fs=RATE, materials=pra.Material(0.3), max_order=10)
    simulated.add_microphone((room.centre + torch.tensor([ARRAY.radius, 0])).numpy())
    simulated.add_source(position.numpy())
    simulated.compute_rir()
    theirs = torch.from_numpy(simulated.rir[0][0])[pra.constants.get("frac_delay_length") // 2 :]
    ours, theirs = (own[:15872].square().reshape(-1, 128).sum(dim=1) for own in (ours, theirs))
    assert ours[0] == pytest.approx(float(theirs[0]), rel=0.05)
    assert (ours - theirs)[1:].abs().sum() < 0.1 * theirs[1:].sum()


def test_wide_rooms_voices_and_backgrounds_lie_where_they_should():
    for seed in range(20):
        drawn, angle = generator(seed), 0.3 * seed - math.pi
        room = draw_wide_room(drawn)
        assert all(15 <= wall <= 20 for wall in (*room.centre.tolist(), *(room.size - room.centre).tolist()))
        x, y = (room.position(angle, drawn) - room.centre).tolist()
        assert angular_distance(math.atan2(y, x), angle) < 1e-5 and 1 - 1e-5 <= math.hypot(x, y) <= 5 + 1e-5
        first = int((room.background_response(ARRAY, RATE, drawn)[0].abs() > 1e-3).nonzero()[0])
        assert 9.9 < first / RATE * 343 < 20.1
