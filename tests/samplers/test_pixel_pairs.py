"""Pairs of images are drawn from what both networks and their sum say together."""

import itertools

import torch
from torch import Tensor

from core.models.stepwise import StepwiseModel
from core.samplers.pixel_pairs import divide, pair_densities, pixel_pairs

LEVELS, STEPS = 3, 3


class Chain(StepwiseModel):
    """Classes that depend on the one before: a Markov chain of so many streams."""

    def __init__(self, table: Tensor, streams: int):
        self.table, self.streams = table.log(), streams
        self.begin()

    def begin(self, condition: Tensor | None = None) -> None:
        self.last = torch.zeros(self.streams, dtype=torch.long)

    def logits(self) -> Tensor:
        return self.table[self.last]

    def advance(self, classes: Tensor) -> None:
        self.last = classes

    def take(self, rows: Tensor) -> None:
        self.last = self.last[rows]

    def log_prob(self, classes) -> float:
        return sum(self.table[last, now].item() for last, now in itertools.pairwise((0, *classes)))


def tables() -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return tuple((2 * torch.randn(LEVELS, LEVELS)).softmax(-1) for _ in range(2))


def drawn(total: Tensor, particles: int = 4000, alike: bool = False):
    models = tuple(Chain(table, particles) for table in tables())
    generator = torch.Generator().manual_seed(0)
    return list(pixel_pairs(models, total, levels=LEVELS, generator=generator, alike=alike, chunk=1))


def test_the_density_of_a_sum_is_that_of_two_even_values():
    """By drawing them."""
    torch.manual_seed(0)
    first, second = torch.rand(2, 400_000)
    inside = ((first + second) * LEVELS - 3.3).abs() < 0.02
    pairs = (first * LEVELS).long()[inside], (second * LEVELS).long()[inside]
    counted = torch.zeros(LEVELS, LEVELS).index_put(pairs, torch.tensor(1.0), accumulate=True)
    (density,) = pair_densities(torch.tensor([3.3 / LEVELS]), LEVELS)
    torch.testing.assert_close(density.exp() / density.exp().sum(), counted / counted.sum(), atol=0.02, rtol=0)


def test_the_mean_is_that_of_all_pairs_of_images():
    """Of 3 pixels and 3 levels every pair can be counted."""
    total = torch.tensor([1.1, 0.9, 1.0])
    densities, first, second = list(pair_densities(total, LEVELS)), *(Chain(table, 1) for table in tables())
    images = list(itertools.product(range(LEVELS), repeat=STEPS))
    weights, sums = 0.0, torch.zeros(2, STEPS)
    for one, other in itertools.product(images, images):
        explained = sum(d[a, b].item() for d, a, b in zip(densities, one, other, strict=True))
        weight = torch.tensor(first.log_prob(one) + second.log_prob(other) + explained).exp().item()
        weights, sums = weights + weight, sums + weight * torch.tensor([one, other])
    *_, last = drawn(total)
    torch.testing.assert_close(last.denoised, sums / weights, atol=0.06, rtol=0)
    assert last.step == last.total_steps == STEPS


def test_every_particle_adds_up_and_is_drawn_step_by_step():
    total = torch.tensor([0.5, 1.2, 1.9])
    for step, iterate in enumerate(drawn(total, particles=20), start=1):
        assert iterate.x.shape == (2, step) and iterate.step == step
        middle = (iterate.x.sum(dim=0) + 1) / LEVELS
        assert ((middle - total[:step]).abs() <= 1 / LEVELS).all()


def test_particles_of_images_that_may_change_places_are_turned():
    """Two of one chain: half of the particles have them the other way round, and the mean is none of both without."""
    table = torch.tensor([[0.5, 0.0, 0.5], [0.5, 0.0, 0.5], [0.5, 0.0, 0.5]]) + 1e-9
    models = Chain(table, 400), Chain(table, 400)
    total, generator = torch.full((1,), 1.0), torch.Generator().manual_seed(0)
    for alike, spread in ((False, 0.2), (True, 2.0)):
        settings = {"levels": LEVELS, "generator": generator, "alike": alike, "chunk": 1}
        (iterate,) = pixel_pairs(models, total, **settings)
        assert abs((iterate.denoised[0] - iterate.denoised[1]).abs().item() - spread) <= 0.2


def test_numbers_of_pairs():
    first, second = divide(torch.arange(LEVELS**2), LEVELS)
    assert (first * LEVELS + second).tolist() == list(range(LEVELS**2)) and first.max() == second.max() == 2
