"""Families of checkpoints: what builds one, what it can be used for, and which original system becomes one.

A family is named in the metadata of its checkpoints ("architecture"). What a checkpoint can do is answered from its
family and its configuration alone; no weights are loaded for that.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from core.arrays.cone import separator
from core.models import (
    aliasing,
    code_parts,
    code_sums,
    content_encoder,
    converter,
    lqvae,
    sound_classifier,
    transformer,
    vocoder,
    voice_table,
    vqvae,
    wavernn,
)
from core.priors import denoiser, mel, onehot_wavenet, pixelcnn, pixelcnnpp, waveform_diffusion, wavenet
from core.zoo.importers.cone_of_silence import read_cone
from core.zoo.importers.diffwave import read_diffwave
from core.zoo.importers.lqvae import read_lqvae
from core.zoo.importers.originals import Reader
from core.zoo.importers.pixelcnn_wavenet import read_chainer
from core.zoo.importers.pixelcnnpp import read_pixelcnnpp
from core.zoo.importers.pnf_wavenet import read_pnf
from core.zoo.importers.sashimi import read_sashimi
from core.zoo.importers.vqvae_wavernn import read_vqvae

RESTORATION = ("super-resolve", "inpaint", "declip")
PRIOR, VOCODER, SEPARATOR, DETECTOR, CLASSIFIER = "prior", "vocoder", "separator", "detector", "classifier"
DECODER, IMAGES = "decoder", "image prior"
CONTENT_ENCODER, CONVERTER, VOICES = "content encoder", "converter", "voices"
CODEC, CODE_PRIOR, CODE_SUMS, CODE_PARTS = "codec", "prior of codes", "code sums", "code parts"
KINDS = {  # in words, as messages have them
    PRIOR: "a prior of sounds",
    VOCODER: "a vocoder, which plays spectrograms",
    SEPARATOR: "a separator, which tells directions apart",
    DETECTOR: "a detector, which tells aliases from filtered sound",
    IMAGES: "a prior of images",
    DECODER: "a decoder, which speaks sample by sample",
    CLASSIFIER: "a classifier, which tells words apart",
    CONTENT_ENCODER: "a content encoder, which tells what is said",
    VOICES: "a table of voices",
    CONVERTER: "a converter of voices",
    CODEC: "a VQ-VAE, which makes codes of sounds",
    CODE_PRIOR: "a prior of codes, for --method latent",
    CODE_SUMS: "a table of code sums",
}


@dataclass(frozen=True)
class Family:
    """Checkpoints of one architecture.

    Args:
        kind: of model that it builds: `PRIOR`, or one that is no prior, such as `SEPARATOR`.
        build: (name, configuration, weights, device) -> the model.
        tasks: configuration -> the commands that a checkpoint can serve.
        originals: the system whose checkpoints become one, as `import-checkpoint --system` calls it, and what reads
            them; see `core.zoo.importers`.
    """

    kind: str
    build: Callable[..., Any]
    tasks: Callable[[Mapping], tuple[str, ...]]
    originals: tuple[str, Reader] | None = None


def _spectral_tasks(config: Mapping) -> tuple[str, ...]:
    return (*RESTORATION, "separate", "vocode")


def _wavenet_tasks(config: Mapping) -> tuple[str, ...]:
    """One that is conditioned on spectrograms is of use only with them, where it is known how to make them; sources add
    up in linear classes alone."""
    if config.get("bands"):
        return ("vocode",) if config.get("front_end") else ()
    return (*RESTORATION, *(["separate"] if config.get("domain") == "linear" else []), "generate")


def _vocoder_tasks(config: Mapping) -> tuple[str, ...]:
    return ("vocode",)


def _generator_tasks(config: Mapping) -> tuple[str, ...]:
    return ("generate",)


def _diffusion_tasks(config: Mapping) -> tuple[str, ...]:
    """One that is told spectrograms is of use only with them, where it is known how to make them."""
    if config.get("bands"):
        return ("vocode",) if config.get("front_end") else ()
    return (*RESTORATION, "separate", "generate")


def _image_tasks(config: Mapping) -> tuple[str, ...]:
    """One that is told how noisy pixels are can restore and separate images, too."""
    return ("generate", "super-resolve", "inpaint", "separate") if config.get("noise_conditional") else ("generate",)


def _conversion_tasks(config: Mapping) -> tuple[str, ...]:
    return ("convert-voice",)


def _code_prior_tasks(config: Mapping) -> tuple[str, ...]:
    """Separation is by the latent method."""
    return ("separate", "generate")


def _separator_tasks(config: Mapping) -> tuple[str, ...]:
    return ("localize",)


def _no_tasks(config: Mapping) -> tuple[str, ...]:
    """None that asks for one by name: super-resolution uses the bundled detector, voice conversion the encoder that its
    converter was trained with, separation the LQ-VAE and the tables of its priors; classifiers are for evaluations
    alone and never guide what is drawn. Decoders that are told no codes speak from Python
    (`core.models.compiled.wavernn`)."""
    return ()


FAMILIES: dict[str, Family] = {
    "spectral": Family(PRIOR, denoiser.from_checkpoint, _spectral_tasks),
    "wavenet": Family(PRIOR, wavenet.from_checkpoint, _wavenet_tasks, ("pnf_wavenet", read_pnf)),
    "wavenet-ladder": Family(PRIOR, wavenet.from_checkpoint, _wavenet_tasks),
    "mel-denoiser": Family(PRIOR, mel.from_checkpoint, _generator_tasks),
    "diffwave": Family(
        PRIOR,
        partial(waveform_diffusion.from_checkpoint, architecture="diffwave"),
        _diffusion_tasks,
        ("diffwave_wavenet", read_diffwave),
    ),
    "sashimi": Family(
        PRIOR,
        partial(waveform_diffusion.from_checkpoint, architecture="sashimi"),
        _diffusion_tasks,
        ("diffwave_sashimi", read_sashimi),
    ),
    "onehot-wavenet": Family(
        PRIOR, onehot_wavenet.from_checkpoint, _generator_tasks, ("pixelcnn_wavenet", read_chainer)
    ),
    "pixelcnn": Family(IMAGES, pixelcnn.from_checkpoint, _image_tasks),
    "pixelcnnpp": Family(IMAGES, pixelcnnpp.from_checkpoint, _no_tasks, ("pixelcnnpp", read_pixelcnnpp)),
    "vocoder": Family(VOCODER, vocoder.from_checkpoint, _vocoder_tasks),
    "vqvae": Family(DECODER, vqvae.from_checkpoint, _conversion_tasks, ("vqvae_wavernn", read_vqvae)),
    "overtone": Family(DECODER, partial(wavernn.from_checkpoint, architecture="overtone"), _no_tasks),
    "wavernn": Family(DECODER, partial(wavernn.from_checkpoint, architecture="wavernn"), _no_tasks),
    "lqvae": Family(CODEC, lqvae.from_checkpoint, _no_tasks, ("lqvae", read_lqvae)),
    "code-prior": Family(CODE_PRIOR, transformer.from_checkpoint, _code_prior_tasks),
    "code-sums": Family(CODE_SUMS, code_sums.from_checkpoint, _no_tasks),
    "code-parts": Family(CODE_PARTS, code_parts.from_checkpoint, _no_tasks),
    "cone": Family(SEPARATOR, separator.from_checkpoint, _separator_tasks, ("cone_of_silence", read_cone)),
    "cone-mask": Family(SEPARATOR, partial(separator.from_checkpoint, architecture="cone-mask"), _separator_tasks),
    "aliasing": Family(DETECTOR, aliasing.from_checkpoint, _no_tasks),
    "content-encoder": Family(CONTENT_ENCODER, content_encoder.from_checkpoint, _no_tasks),
    "voice-converter": Family(CONVERTER, converter.from_checkpoint, _conversion_tasks),
    "voice-table": Family(VOICES, voice_table.from_checkpoint, _no_tasks),
    "sound-classifier": Family(CLASSIFIER, sound_classifier.from_checkpoint, _no_tasks),
}


SAMPLE_BY_SAMPLE = ("wavenet", "wavenet-ladder", "onehot-wavenet")  # families whose priors draw sound so


def tasks_of(architecture: str, config: Mapping) -> tuple[str, ...]:
    """The commands that a checkpoint can serve; none of a family that is not known."""
    family = FAMILIES.get(architecture)
    return family.tasks(config) if family else ()


def systems() -> dict[str, Reader]:
    """The original systems whose checkpoints can be imported, and what reads each."""
    return dict(family.originals for family in FAMILIES.values() if family.originals)
