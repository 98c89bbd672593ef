"""What a user should know of an array's channels and of the voices that were found, in sentences."""

from collections.abc import Iterator

from core.arrays.delay_check import check_delays
from core.arrays.geometry import mirror_note
from core.arrays.phase_check import check_phases, check_stream
from core.signal.clip import Clip
from core.tasks.blocks import silent
from core.tasks.voice_search import Microphones


def notes_on_channels(
    recording: Clip, channels: tuple[int, ...], everything: Microphones, live: Microphones
) -> Iterator[str]:
    """Sentences on microphones that are silent, copies or not where the array says, and on what a line cannot tell.

    Args:
        channels: of the recording, that are the microphones.
        everything, live: all microphones, and those that hear something of their own.
    """
    dead = silent(everything.clip.samples)
    if dead.all():
        return
    if dead.any():
        numbers = [str(k) for k in dead.nonzero()[0]]
        which = f"Microphone {numbers[0]} is" if len(numbers) == 1 else f"Microphones {' and '.join(numbers)} are"
        yield f"{which} silent, so directions are less certain."
    for fault in everything.copies:
        yield (
            f"{fault.sentence} They are left out, so directions are less certain."
            if everything.copied
            else fault.sentence
        )
    if not everything.copies:
        rate, geometry = recording.sample_rate, everything.geometry
        microphones = everything.clip.samples
        faults = check_stream(recording.samples, rate, geometry, channels)
        faults = faults or check_phases(microphones, rate, geometry) or check_delays(microphones, rate, geometry)
        yield from (fault.sentence for fault in faults)
    if mirror_note(live.geometry):
        yield mirror_note(live.geometry)


def notes_on_voices(found: int, asked: int | None, everything: Microphones, heard: Microphones) -> Iterator[str]:
    """Sentences on voices that are missing, and on the microphone that they are heard by.

    Args:
        heard: the microphones that the voices were looked for with.
    """
    if silent(everything.clip.samples).all():
        yield "The recording is silent, so no voice was found."
        return
    if heard.numbers and heard.numbers[0]:
        yield f"The voices are as microphone {heard.numbers[0]} hears them, as those before it do not count."
    if not found:
        yield "No voice was found."
    elif found < (asked or 0):
        yield f"Only {found} of {asked} voices {'was' if found == 1 else 'were'} found."
