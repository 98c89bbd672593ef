"""Living rooms and offices for training: impulse responses from a source to the microphones of an array.

Early reflections are those of a shoebox (image sources, Allen & Berkley 1979). The late tail is a sparse sum of plane
waves from random directions at random times with the energy of the full one, which sounds the same (as in FRAM-RIR,
Luo & Gu 2023). A response costs milliseconds and needs no room simulator.
"""

import math
from dataclasses import dataclass
from itertools import product

import torch
from torch import Generator, Tensor

from core.arrays.geometry import ArrayGeometry
from core.arrays.steering import SPEED_OF_SOUND

SIDES = ((3.5, 8.0), (3.0, 6.0), (2.4, 3.2))  # length, width and height in metres
MIDDLE = (0.25, 0.75)  # place of the array, as a share of the room's length and width
TABLES, LIFTS = (0.7, 1.1), (0.0, 0.5)  # height of the array over the floor, and of voices over the array, in metres
T60_SECONDS = (0.15, 0.5)
DISTANCES, WALL = (0.8, 2.5), 0.3  # horizontal distance of a voice from the array, least one from a wall, in metres
MOST_ABSORPTION = 0.99
RESPONSE_SECONDS = 0.4  # length; at the longest T60 the tail is 48 dB down there
EARLY_SECONDS = 0.05  # delay up to which reflections are computed by image sources
LATE_RATE = 3000  # random reflections per second
DIFFUSE_FROM = 0.01  # shortest delay of a diffuse response, in seconds
REACH = 12  # samples on each side of a pulse
LATTICE = torch.tensor(list(product(range(-4, 5), repeat=3)))  # mirrored rooms: farther than early sound travels
PARITIES = torch.tensor(list(product((0, 1), repeat=3)))


@dataclass(frozen=True)
class Room:
    """A shoebox.

    Args:
        size: in metres, [3].
        centre: where the array's centre stands, in metres from a corner, [3].
        t60: reverberation time in seconds.
    """

    size: Tensor
    centre: Tensor
    t60: float

    @property
    def volume(self) -> float:
        return float(self.size.prod())

    @property
    def reflection(self) -> float:
        """Reflection coefficient of pressure at every wall, by Sabine's formula, at most MOST_ABSORPTION absorbed."""
        x, y, z = self.size.tolist()
        surface = 2 * (x * y + y * z + z * x)
        absorption = 24 * math.log(10) * self.volume / (SPEED_OF_SOUND * surface * self.t60)
        return math.sqrt(1 - min(absorption, MOST_ABSORPTION))

    def position(self, angle: float, generator: Generator) -> Tensor:
        """Random position of a voice at an angle seen from the array, [3] in metres; walls limit the distance."""
        direction = torch.tensor([math.cos(angle), math.sin(angle)])
        walls = torch.where(direction > 0, self.size[:2] - WALL, WALL)
        ahead = float(((walls - self.centre[:2]) / direction).nan_to_num(math.inf).min())
        distance = min(uniform(*DISTANCES, generator), ahead)
        return self.centre + torch.tensor([*(distance * direction).tolist(), uniform(*LIFTS, generator)])

    def response(self, source: Tensor, array: ArrayGeometry, rate: int, generator: Generator) -> Tensor:
        """Impulse responses from a position, [3], to the microphones, [mics, RESPONSE_SECONDS * rate]."""
        early, late = _early(self, source, array), _late(self, array, EARLY_SECONDS, generator)
        arrivals = torch.cat([early[0], late[0]]), torch.cat([early[1], late[1]])
        return sampled(*arrivals, rate, RESPONSE_SECONDS)

    def background_response(self, array: ArrayGeometry, rate: int, generator: Generator) -> Tensor:
        """Impulse responses of a diffuse sound field, [mics, RESPONSE_SECONDS * rate]."""
        return sampled(*_late(self, array, DIFFUSE_FROM, generator), rate, RESPONSE_SECONDS)


def draw_room(generator: Generator) -> Room:
    """A living room or office, with the array on a table."""
    size = torch.tensor([uniform(*side, generator) for side in SIDES])
    centre = [float(side) * uniform(*MIDDLE, generator) for side in size[:2]]
    return Room(size, torch.tensor([*centre, uniform(*TABLES, generator)]), uniform(*T60_SECONDS, generator))


def uniform(low: float, high: float, generator: Generator) -> float:
    """A uniform random number."""
    return low + (high - low) * torch.rand(1, generator=generator).item()


def _early(room: Room, source: Tensor, array: ArrayGeometry) -> tuple[Tensor, Tensor]:
    """Times and gains of the direct sound and the early reflections, each [arrivals, mics]."""
    lattice, parity = LATTICE[:, None], PARITIES
    images = ((1 - 2 * parity) * source + 2 * lattice * room.size).reshape(-1, 3)
    reflections = ((lattice - parity).abs() + lattice.abs()).sum(dim=-1).reshape(-1)
    metres = torch.cdist(images, _microphones(array) + room.centre)
    near = metres[:, 0] < EARLY_SECONDS * SPEED_OF_SOUND
    gains = room.reflection ** reflections[near, None] / (4 * math.pi * metres[near])
    return metres[near] / SPEED_OF_SOUND, gains


def _late(room: Room, array: ArrayGeometry, start: float, generator: Generator) -> tuple[Tensor, Tensor]:
    """Times and gains, each [arrivals, mics], of plane waves from random directions.

    A room of volume V sends 4 pi c^3 t^2 / V images a second, each of energy (4 pi c t)^-2 before walls take their
    share: c / (4 pi V) a second at any time.
    """
    end = max(min(room.t60, RESPONSE_SECONDS), 2 * start)
    count = round(LATE_RATE * (end - start))
    times = start + (end - start) * torch.rand(count, 1, generator=generator)
    directions = torch.nn.functional.normalize(torch.randn(count, 3, generator=generator), dim=1)
    signs = 1 - 2 * torch.randint(2, (count, 1), generator=generator)
    energy = SPEED_OF_SOUND / (4 * math.pi * room.volume) * 10 ** (-6 * times / room.t60) / LATE_RATE
    return times - directions @ _microphones(array).T / SPEED_OF_SOUND, (signs * energy.sqrt()).expand(-1, array.count)


def _microphones(array: ArrayGeometry) -> Tensor:
    """Positions [mics, 3], in metres from the array's centre."""
    return torch.nn.functional.pad(torch.from_numpy(array.xy).float(), (0, 1))


def sampled(arrivals: Tensor, gains: Tensor, rate: int, seconds: float) -> Tensor:
    """The sum `[mics, seconds * rate]` of band-limited pulses (windowed sinc functions).

    Args:
        arrivals: of the pulses, in seconds, `[arrivals, mics]`.
        gains: of the pulses, `[arrivals, mics]`.
    """
    taps = round(seconds * rate)
    place = (arrivals * rate).T
    index = place.floor().long()[..., None] + torch.arange(1 - REACH, REACH + 1)
    offset = index - place[..., None]
    pulses = gains.T[..., None] * offset.sinc() * (math.pi / (2 * REACH) * offset).cos().square()
    pulses = torch.where((index >= 0) & (index < taps), pulses, 0)
    response = torch.zeros(len(place), taps)
    return response.scatter_add_(1, index.clamp(0, taps - 1).flatten(1), pulses.flatten(1))
