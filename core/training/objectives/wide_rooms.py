"""The wide, flat rooms of the Cone of Silence (Jenrungrot et al. 2020) for training, simulated by image sources alone.

Their walls are so far away that few reflections come back within a second: all of them are computed (Allen & Berkley
1979, without floor and ceiling), as `render-scenes --rooms original` has them.
"""

import math
from dataclasses import dataclass
from itertools import product

import torch
from torch import Generator, Tensor

from core.arrays.geometry import ArrayGeometry
from core.arrays.scenes.random_scene import ConeOfSilenceRooms
from core.arrays.steering import SPEED_OF_SOUND
from core.training.objectives.rooms import sampled, uniform

ROOMS = ConeOfSilenceRooms()
RESPONSE_SECONDS = 1.0  # length of the responses
LATTICE = torch.tensor(list(product(range(-6, 7), repeat=2)))  # mirrored rooms: farther than sound travels
PARITIES = torch.tensor(list(product((0, 1), repeat=2)))


@dataclass(frozen=True)
class WideRoom:
    """A rectangle.

    Args:
        size: in metres, [2].
        centre: where the array's centre stands, in metres from a corner, [2].
        absorption: of energy, at every wall.
    """

    size: Tensor
    centre: Tensor
    absorption: float

    def position(self, angle: float, generator: Generator) -> Tensor:
        """Random position of a voice at an angle seen from the array, [2] in metres."""
        return self._at(angle, uniform(*ROOMS.distances, generator))

    def response(self, source: Tensor, array: ArrayGeometry, rate: int, generator: Generator) -> Tensor:
        """Impulse responses from a position, [2], to the microphones, [mics, RESPONSE_SECONDS * rate]."""
        lattice, parity = LATTICE[:, None], PARITIES
        images = ((1 - 2 * parity) * source + 2 * lattice * self.size).reshape(-1, 2)
        reflections = ((lattice - parity).abs() + lattice.abs()).sum(dim=-1).reshape(-1)
        metres = torch.cdist(images, torch.from_numpy(array.xy).float() + self.centre)
        heard = (metres[:, 0] < RESPONSE_SECONDS * SPEED_OF_SOUND) & (reflections <= ROOMS.order)
        gains = (1 - self.absorption) ** (reflections[heard, None] / 2) / (4 * math.pi * metres[heard])
        return sampled(metres[heard] / SPEED_OF_SOUND, gains, rate, RESPONSE_SECONDS)

    def background_response(self, array: ArrayGeometry, rate: int, generator: Generator) -> Tensor:
        """Impulse responses of a source far away in a wider room, [mics, RESPONSE_SECONDS * rate]."""
        wider = _draw(ROOMS.background_walls, ROOMS.background_absorption, generator)
        far = uniform(*ROOMS.background_distances, generator)
        return wider.response(wider._at(uniform(-math.pi, math.pi, generator), far), array, rate, generator)

    def _at(self, angle: float, distance: float) -> Tensor:
        return self.centre + distance * torch.tensor([math.cos(angle), math.sin(angle)])


def draw_wide_room(generator: Generator) -> WideRoom:
    """A room for voices."""
    return _draw(ROOMS.walls, ROOMS.absorption, generator)


def _draw(walls: tuple[float, float], absorption: tuple[float, float], generator: Generator) -> WideRoom:
    left, right, bottom, top = (uniform(*walls, generator) for _ in range(4))
    size, centre = torch.tensor([left + right, bottom + top]), torch.tensor([left, bottom])
    return WideRoom(size, centre, uniform(*absorption, generator))
