"""Limits on size, length, channels and sample rate of audio. Each refusal says the limit and what would work."""

from dataclasses import dataclass, replace

import numpy as np

from core.errors import InputError
from core.signal.clip import Clip


@dataclass(frozen=True)
class Limits:
    """Limits of accepted audio; `dataclasses.replace` changes one, as for `ARRAY_LIMITS`.

    They are on what is used: the part of a file that is taken, the channels after they are mixed.

    Args:
        seconds: longest part.
        channels: most channels.
        lowest_rate, highest_rate: sample rates in Hz.
        file_bytes: largest file, or part of one.
        frames: fewest samples per channel.
        whole_file_bytes: largest file that a part is taken of.
        mixed_channels: most channels of a file that is mixed to one.
    """

    seconds: float = 600.0
    channels: int = 2
    lowest_rate: int = 4_000
    highest_rate: int = 192_000
    file_bytes: int = 200_000_000
    frames: int = 32
    whole_file_bytes: int = 1_000_000_000
    mixed_channels: int = 64


LIMITS = Limits()
ARRAY_LIMITS = replace(LIMITS, channels=16)


def check_format(name: str, channels: int, sample_rate: int, limits: Limits = LIMITS, *, mono: bool = False) -> None:
    """Refuses a format by its header.

    Args:
        name: of the file or clip, for the sentence.
        mono: its channels will be mixed.

    Raises:
        InputError: too many channels, or a sample rate outside the limits.
    """
    most = limits.mixed_channels if mono else limits.channels
    if channels > most:
        raise InputError(f"{name} has {channels} channels; the limit is {most}. Mix it down first.")
    if not limits.lowest_rate <= sample_rate <= limits.highest_rate:
        raise InputError(
            f"{name} has a sample rate of {sample_rate} Hz; the limits are {limits.lowest_rate} to "
            f"{limits.highest_rate} Hz. Resample it first."
        )


def check_size(name: str, size: int, part: float | None = None, limits: Limits = LIMITS) -> None:
    """Refuses a large file, or a large part of one.

    Args:
        size: of the file in bytes.
        part: how much of the file is used, from 0 to 1; None if its length is unknown, but a part is asked for.

    Raises:
        InputError: over `limits.file_bytes`, or a file over `limits.whole_file_bytes`.
    """
    if size > limits.whole_file_bytes:
        raise InputError(
            f"{name} has {size / 1e6:.1f} MB; the limit is {limits.whole_file_bytes / 1e6:g} MB, for parts of it too. "
            "Cut it."
        )
    if part is not None and size * part > limits.file_bytes:
        raise InputError(
            f"{name} has {size * part / 1e6:.1f} MB; the limit is {limits.file_bytes / 1e6:g} MB. "
            "Choose a part of it with --start and --length, or compress it as FLAC."
        )


def check_clip(name: str, clip: Clip, limits: Limits = LIMITS) -> None:
    """Refuses a clip outside the limits.

    Raises:
        InputError: as `check_format`; no samples or too few; too long; NaN or infinity.
    """
    check_format(name, clip.channels, clip.sample_rate, limits)
    check_length(name, clip.frames, clip.sample_rate, limits)
    if not all(np.isfinite(channel).all() for channel in clip.samples):
        raise InputError(f"{name} holds samples that are not numbers (NaN or infinity). Export it again.")


def check_length(name: str, frames: int, sample_rate: int, limits: Limits = LIMITS) -> None:
    """Refuses a part that is too short or too long.

    Raises:
        InputError: no samples, fewer than `limits.frames`, or more than `limits.seconds`.
    """
    if frames == 0:
        raise InputError(f"{name} holds no samples. Give audio of at least {limits.frames} samples.")
    if frames < limits.frames:
        count = "1 sample" if frames == 1 else f"{frames} samples"
        raise InputError(f"{name} gives only {count}; at least {limits.frames} are needed.")
    if frames > limits.seconds * sample_rate:
        raise InputError(
            f"{name} is longer than the limit of {limits.seconds:g} s ({frames / sample_rate:.1f} s). "
            "Choose a part of it with --start and --length."
        )
