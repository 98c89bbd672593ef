"""What each architecture is trained for: a file for each, and a line in `OBJECTIVES`."""

from importlib import import_module

from core.errors import InputError
from core.training.objective import Objective

OBJECTIVES = {  # architecture -> module and class, imported when it is trained
    "aliasing": "aliasing.AliasingObjective",
    "band-extender": "extension.ExtensionObjective",
    "code-prior": "code_prior.CodePriorObjective",
    "cone": "cone.ConeOfSilenceObjective",
    "cone-mask": "cone.ConeObjective",
    "content-encoder": "content.ContentObjective",
    "diffwave": "waveform_diffusion.DiffWaveObjective",
    "lqvae": "lqvae.LQVAEObjective",
    "mel-denoiser": "mel.MelObjective",
    "onehot-wavenet": "onehot_wavenet.OneHotWaveNetObjective",
    "pixelcnn": "pixelcnn.PixelCNNObjective",
    "sashimi": "waveform_diffusion.SaShiMiObjective",
    "sound-classifier": "sound_classes.SoundClassObjective",
    "spectral": "spectral.SpectralObjective",
    "vocoder": "vocoder.VocoderObjective",
    "voice-converter": "conversion.ConversionObjective",
    "vqvae": "vqvae.VQVAEObjective",
    "wavenet": "wavenet.WaveNetObjective",
}


def find_objective(architecture: str) -> type[Objective]:
    """The class of a registered objective.

    Raises:
        InputError: none is registered for that architecture.
    """
    if architecture not in OBJECTIVES:
        raise InputError(f"There is no objective for {architecture!r}; known are {', '.join(OBJECTIVES)}.")
    module, name = OBJECTIVES[architecture].split(".")
    return getattr(import_module(f"{__name__}.{module}"), name)
