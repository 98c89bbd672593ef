"""The jobs that users have done: one entry for each, for command line, lists of jobs, page and API alike.

Costs nothing to import, so that the command line starts at once. What a job does is in `core.tasks`.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Job:
    """A job of a user.

    Args:
        module: of `core.tasks`, with the function that does it.
        priors: what it takes where none is named: one, or one for each source; none where that depends on the input.
        image_prior: the same where it works on images; of each, where there are several.
        several: whether it makes several sounds, in a folder.
    """

    module: str
    priors: tuple[str, ...] = ()
    image_prior: str = ""
    several: bool = False


JOBS = {  # by the name of the command, which is also what entries of the manifest call it
    "super-resolve": Job("super_resolution", ("piano-16k",), "pixelcnn-mnist-noisy"),
    "inpaint": Job("inpainting", ("piano-16k",), "pixelcnn-mnist-noisy"),
    "declip": Job("declipping", ("piano-16k",)),
    "separate": Job("separation", ("piano-16k", "voice-16k"), "pixelcnn-mnist-noisy", several=True),
    "vocode": Job("vocoding", ("voice-vocoder",)),
    "convert-voice": Job("voice_conversion", ("voice-converter",)),
    "localize": Job("localization", several=True),
    "generate": Job("generation", ("digits-16k",), "pixelcnn-mnist", several=True),
}
