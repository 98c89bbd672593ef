"""evaluate: a system over many examples, in the figures of its paper; resumed where it stopped."""

from core.cli import (
    evaluation_cone,
    evaluation_conversion,
    evaluation_generation,
    evaluation_images,
    evaluation_latent_separation,
    evaluation_likelihood,
    evaluation_super_resolution,
    evaluation_vocoding,
)


def add_commands(commands) -> None:
    """Adds the command and the systems it knows to the parser."""
    description = "Evaluates a system over many examples and writes tables beside the paper's; what is done is kept."
    command = commands.add_parser("evaluate", help=description, description=description)
    systems = command.add_subparsers(metavar="NAME", required=True)
    evaluation_cone.add_system(systems)
    evaluation_super_resolution.add_system(systems)
    evaluation_generation.add_system(systems)
    evaluation_images.add_system(systems)
    evaluation_vocoding.add_system(systems)
    evaluation_likelihood.add_system(systems)
    evaluation_conversion.add_system(systems)
    evaluation_latent_separation.add_system(systems)
