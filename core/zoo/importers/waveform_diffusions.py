"""What the importers of waveform diffusions share: folders of iterations, their averages, both layouts of config.json.

A file is `<iteration>.pkl` with a `model_state_dict`. The hyper-parameters of DiffWave's authors stand under
`wavenet_config` and `diffusion_config`, those of the SaShiMi repository under `model` and `diffusion`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from core.errors import InputError
from core.signal.limits import LIMITS
from core.signal.mel import FRONT_ENDS, MelFrontEnd, name_of
from core.zoo.importers.originals import ImportOptions, State, load_original, read_hparams, whole_number

AUTHORS_SECTIONS = ("wavenet_config", "diffusion_config", "trainset_config")
OTHER_SECTIONS = ("model", "diffusion", "dataset")
LARGEST = 2**16  # channels or layers that are believed
MOST_STEPS = 10_000
MOST_AVERAGED = 64
SPEECH_COMMANDS, LJSPEECH = 16000, 22050  # rates of what the originals are trained on, without and with a spectrogram
PUBLISHED_UPSAMPLING = [16, 16]  # which the authors' layout does not say
TACOTRON = FRONT_ENDS["tacotron"]
FRONT_END_FIELDS = {  # the originals' names: ours
    "sampling_rate": "sample_rate",
    "win_length": "window_length",
    "hop_length": "hop_length",
    "mel_fmin": "lowest_hz",
    "mel_fmax": "highest_hz",
}


@dataclass(frozen=True)
class Described:
    """What a config.json says.

    Args:
        network: the network's own section.
        backbone: "wavenet" or "sashimi".
        by_authors: whether it is in the layout of DiffWave's authors.
        config: our configuration but for the network's sizes: the steps of the noise, the sample rate, the front-end.
        bands, upsampling: of the spectrogram that the network is told; 0 and nothing without one.
    """

    network: Mapping
    backbone: str
    by_authors: bool
    config: dict
    bands: int
    upsampling: tuple[int, ...]

    def whole(self, name: str, largest: int = LARGEST) -> int:
        """A size of the network."""
        return whole_number(self.network, name, largest)

    @property
    def embedding(self) -> tuple[int, int, int]:
        sizes = tuple(self.whole(f"diffusion_step_embed_dim_{part}") for part in ("in", "mid", "out"))
        if sizes[0] % 2 or sizes[0] < 4:
            raise InputError(
                f"The hyper-parameters embed steps in {sizes[0]} numbers; they must be even, and 4 or more."
            )
        return sizes


def describe(source: Path, options: ImportOptions, state: State) -> Described:
    """The hyper-parameters of a source, whose weights are at hand.

    Raises:
        InputError: there are none, they are in neither layout, or the weights are told a spectrogram that they are not.
    """
    hparams = read_hparams(source, options.hparams)
    by_authors = "wavenet_config" in hparams
    names = (
        ("wavenet_config", "diffusion_config", "trainset_config") if by_authors else ("model", "diffusion", "dataset")
    )
    network, diffusion, recordings = (hparams.get(name) for name in names)
    if not isinstance(network, dict) or not isinstance(diffusion, dict):
        raise InputError(
            "The hyper-parameters have neither wavenet_config and diffusion_config nor model and diffusion; give the "
            "config.json of the training."
        )
    bands, upsampling = _spectrogram(network, state)
    config = _steps(diffusion) | _recordings(recordings if isinstance(recordings, dict) else {}, upsampling)
    backbone = "wavenet" if by_authors else str(network.get("_name_"))
    return Described(network, backbone, by_authors, config, bands, upsampling)


def read_weights(source: Path, options: ImportOptions) -> tuple[Path, list[State]]:
    """The weights of a file, or of a folder's iterations that are to be averaged, and the last of the files.

    Raises:
        InputError: no such iteration, or files that are none.
    """
    count = 1 if options.average is None else options.average
    if not 1 <= count <= MOST_AVERAGED:
        raise InputError(f"From 1 to {MOST_AVERAGED} files can be averaged, not {count}.")
    if source.is_file():
        if options.iteration is not None:
            raise InputError(f"{source.name} is one file; give its folder to choose an iteration.")
        if count > 1:
            raise InputError(f"{source.name} is one file; give its folder to average several.")
        return source, [_read_file(source)]
    found = iterations(source)
    last = options.iteration if options.iteration is not None else max(found)
    if last not in found:
        raise InputError(f"{source} has no iteration {last}; it has {', '.join(map(str, sorted(found)))}.")
    chosen = [n for n in sorted(found) if n <= last][-count:]
    if len(chosen) < count:
        raise InputError(f"{source} has {len(chosen)} files up to iteration {last}, not the {count} to be averaged.")
    return found[last], [_read_file(found[n]) for n in chosen]


def mean_of(states: list[State]) -> State:
    """The arithmetic mean of weights of one network.

    Raises:
        InputError: they are not of one network.
    """
    first = states[0]
    shapes = [{key: weight.shape for key, weight in state.items()} for state in states]
    if any(other != shapes[0] for other in shapes):
        raise InputError("The files that are to be averaged are not of one network.")
    if len(states) == 1:
        return first
    return {key: torch.stack([state[key].double() for state in states]).mean(dim=0).float() for key in first}


def iterations(folder: Path) -> dict[int, Path]:
    """Iteration -> file of a folder.

    Raises:
        InputError: there is none.
    """
    found = {int(path.stem): path for path in folder.glob("*.pkl") if path.stem.isdecimal()}
    if not found:
        raise InputError(f"{folder} has no checkpoints named by their iteration, such as 1000000.pkl.")
    return found


def _read_file(path: Path) -> State:
    state = load_original(path).get("model_state_dict")
    if not isinstance(state, dict) or not all(isinstance(weight, Tensor) for weight in state.values()):
        raise InputError(f"{path.name} has no model_state_dict of weights. Give an original DiffWave checkpoint.")
    return {key.removeprefix("module."): weight for key, weight in state.items()}


def _steps(diffusion: dict) -> dict:
    """Configuration of the noise."""
    betas = [diffusion.get("beta_0"), diffusion.get("beta_T")]
    if not all(type(beta) in (int, float) and 0 < beta < 1 for beta in betas):
        raise InputError("The hyper-parameters need a beta_0 and a beta_T between 0 and 1.")
    return {"steps": whole_number(diffusion, "T", MOST_STEPS), "betas": [float(beta) for beta in betas]}


def _spectrogram(network: dict, state: State) -> tuple[int, tuple[int, ...]]:
    """Bands and upsampling factors of the spectrogram that the weights are told; 0 and nothing of others."""
    bands = next((weight.shape[1] for key, weight in state.items() if key.endswith("mel_conv.conv.weight_v")), 0)
    if network.get("unconditional", not bands) == bool(bands):
        raise InputError("The weights and the hyper-parameters disagree about a spectrogram (unconditional).")
    factors = network.get("mel_upsample", PUBLISHED_UPSAMPLING) if bands else []
    if not isinstance(factors, list) or not all(type(s) is int and 2 <= s <= 64 for s in factors):
        raise InputError(f"The hyper-parameters have mel_upsample = {factors!r}, not factors of 2 to 64.")
    return bands, tuple(factors)


def _recordings(recordings: dict, upsampling: tuple[int, ...]) -> dict:
    """Sample rate, and the front-end where it is known; what is not said is as published."""
    sample_rate = recordings.get("sampling_rate", LJSPEECH if upsampling else SPEECH_COMMANDS)
    if type(sample_rate) is not int or not LIMITS.lowest_rate <= sample_rate <= LIMITS.highest_rate:
        raise InputError(f"The hyper-parameters have sampling_rate = {sample_rate!r}, not a rate in Hz.")
    if not upsampling:
        return {"sample_rate": sample_rate}
    hop = math.prod(upsampling)
    sizes = {ours: recordings[theirs] for theirs, ours in FRONT_END_FIELDS.items() if theirs in recordings}
    sizes = {"hop_length": hop} | sizes
    if sizes["hop_length"] != hop:
        raise InputError(
            f"The product of the upsampling factors, {hop}, is not the spectrogram's hop_length, {sizes['hop_length']}."
        )
    known = name_of(MelFrontEnd(**(vars(TACOTRON) | sizes)))
    return {"sample_rate": sample_rate} | ({"front_end": known} if known else {})
