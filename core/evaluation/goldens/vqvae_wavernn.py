"""VQ-VAE with a WaveRNN (mkotha/WaveRNN): encoder, codes, decoder, whole conversions, and the published sizes."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import librosa
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.evaluation.parity import Check, Group
from core.evaluation.recording import Recording
from core.models import vqvae, wavernn
from core.models.compiled.wavernn import WaveRNNSteps
from core.models.vqvae import VQVAE, Quantised, Quantiser, encoder_weight, training_window
from core.models.wavernn import HISTORY, HOP, Logits, MelWaveRNN, Overtone
from core.signal.sample_halves import as_waveform, joined, quantised, scaled, split, stacked
from core.zoo.importers.vqvae_wavernn import configuration
from core.zoo.importing import read_original

SYSTEM = "vqvae_wavernn"
VQVAE_FILE, DECODER_FILE, VOCODER_FILE = (f"{model}.43.upconv.pyt" for model in ("vqvae", "nc", "wavernn"))
MASK = "overtone.wavernn.mask"
TRIM_TOP_DB = 25  # of the original's preprocessing
HEAD = 40  # frames of summaries that were recorded
ACTIVATION = {"atol": 2e-5, "rtol": 1e-4}
LOSS = {"atol": 1e-7, "rtol": 1e-4}
EXACT, WAVE = {"atol": 0}, {"atol": 1e-6}


class _Signals(Recording):
    """16-bit samples and their halves, and where recordings begin and end."""

    def checks(self) -> Iterator[Check]:
        pcm, waveform = self.input("dsp_pcm"), self.input("dsp_float")
        coarse, fine = split(pcm)
        yield from self.check("dsp_coarse", coarse, **EXACT)
        yield from self.check("dsp_fine", fine, **EXACT)
        yield from self.check("dsp_combined", joined(coarse, fine), **EXACT)
        yield from self.check("dsp_coarse_f", scaled(coarse), **WAVE)
        yield from self.check("dsp_fine_f", scaled(fine), **WAVE)
        for name in ("dsp_total_f_train", "dsp_total_f_generate", "dsp_sample_from_cats"):
            yield from self.check(name, as_waveform(pcm), **WAVE)
        yield from self.check("dsp_encode16", (waveform * 2**15).clamp(-(2**15), 2**15 - 1).trunc(), **EXACT)
        yield from self.check("dsp_quant_preprocess", quantised(waveform), **EXACT)
        _, (start, stop) = librosa.effects.trim(self.inputs["trim_float"], top_db=TRIM_TOP_DB)
        yield from self.check("trim_interval", [start, stop], **EXACT)
        yield from self.check("trim_quant", quantised(self.input("trim_float")[start:stop]), **EXACT)


class _Model(Recording):
    """The VQ-VAE at the recorded sizes."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.network: VQVAE = vqvae.from_checkpoint(SYSTEM, *_read(folder / VQVAE_FILE), "cpu")

    @torch.no_grad()
    def checks(self) -> Iterator[Check]:
        yield from self.codes()
        yield from self.forced()
        yield from self.generated()
        yield from self.converted()
        yield from self.trained()

    def codes(self) -> Iterator[Check]:
        """Of a waveform, of vectors, and of several channels with the other setting of the sphere."""
        waveform, vq = self.input("enc_samples"), self.network.vq
        yield from self.check("enc_out", self.network.encoder(waveform), **ACTIVATION)
        yield from self.quantised("", self.network.encode(waveform))
        yield from self.quantised("vq2_", vq(self.input("vq_in")))
        other = _quantiser(self.input("vq3_embedding0"), not vq.normalised)
        yield from self.quantised("vq3_", other(self.input("vq3_in")))
        updated = _quantiser(self.input("after_update_embedding"), vq.normalised)
        updated.renormalise()
        yield from self.check("after_update_embedding", updated.embedding0, **ACTIVATION)

    def quantised(self, prefix: str, made: Quantised) -> Iterator[Check]:
        start = prefix or "vq_"
        yield from self.check(f"{start}quantised", made.codes, **ACTIVATION)
        yield from self.check(f"{prefix or 'vq_'}pen", made.code_penalty, **ACTIVATION)
        yield from self.check(f"{prefix}encoder_pen", made.encoder_penalty, **ACTIVATION)
        yield from self.check(f"{start}entropy", made.entropy, **LOSS)
        yield from self.check(f"{start}indices", made.indices, **EXACT)

    def forced(self) -> Iterator[Check]:
        """The decoder, told what comes next."""
        heard = self.network.overtone(_recorded_x(self), self.input("tf_cond"), self.input("tf_speaker"))
        for name, logits in zip(("coarse", "fine"), heard.logits, strict=True):
            yield from self.check(f"tf_logp_{name}", logits.log_softmax(-1), **ACTIVATION)
        (c0, c1, c2), upsampled = heard.summaries, heard.upsampled
        yield from self.check("tf_c0_head", c0[:, :HEAD], **ACTIVATION)
        yield from self.check("tf_c1_head", c1[:, :HEAD], **ACTIVATION)
        yield from self.check("tf_c2", c2, **ACTIVATION)
        for n, frames in enumerate(upsampled):
            name = f"tf_r{n}_tail"
            yield from self.check(name, frames[:, -self.expected[name].shape[1] :], **ACTIVATION)
        yield from self.check("tf_r0_hn", heard.states[0], **ACTIVATION)
        lengths = [self.inputs["tf_x_u8"].shape[1], *(part.shape[1] for part in (c0, c1, c2, *upsampled))]
        yield from self.check("tf_lengths", lengths, **EXACT)

    def generated(self) -> Iterator[Check]:
        """Sample by sample, compiled: the likeliest classes, and those of recorded random numbers."""
        codes, speaker = self.input("gen_cond"), self.input("gen_speaker")
        steps = WaveRNNSteps(self.network.overtone, len(codes), speaker)
        uniforms = [self.input(f"gen_draw_u_{half}") for half in ("coarse", "fine")]
        count = self.expected["gen_argmax_logits_coarse"].shape[1]
        yield from _generated(self, "gen_argmax_", steps, codes, None, slice(count))
        yield from _generated(self, "gen_draw_", steps, codes, uniforms, slice(-count, None))

    def converted(self) -> Iterator[Check]:
        """From recordings to their reconstructions and, with the speakers in reverse, to other voices."""
        names = sorted(name for name in self.inputs.files if name.startswith("pipe_pcm_"))
        recordings = [as_waveform(self.input(name)) for name in names]
        longest = max(map(len, recordings))
        waveforms = torch.stack([F.pad(r, (0, longest - len(r))) for r in recordings]).repeat(2, 1)
        shape = vqvae.padded(waveforms).shape
        yield from self.check("pipe_encoder_in_shape", shape, **EXACT)
        made = self.network.encode(vqvae.padded(waveforms))
        yield from self.check("pipe_indices", made.indices[..., 0], **EXACT)
        numbers = self.input("pipe_speakers")
        speaker = F.one_hot(torch.cat([numbers, numbers.flip(0)]), len(self.network.config.speakers)).float()
        steps = WaveRNNSteps(self.network.overtone, len(waveforms), speaker)
        steps.begin(made.codes.flatten(2))
        coarse, fine = _likeliest(steps, self.expected["pipe_coarse"].shape[1])
        yield from self.check("pipe_coarse", coarse, **EXACT)
        yield from self.check("pipe_fine", fine, **EXACT)
        yield from self.check("pipe_wave_argmax", as_waveform(joined(coarse, fine)), **WAVE)

    def trained(self) -> Iterator[Check]:
        """The parts of the loss, and their sum at several steps."""
        window = training_window(self.input("train_pcm"))
        heard, made = self.network(window.x, window.waveform, self.input("train_speaker"))
        pairs = zip(heard.logits, window.targets, strict=True)
        losses = [F.cross_entropy(logits.transpose(1, 2), targets) for logits, targets in pairs]
        yield from self.check("train_loss_c", losses[0], **LOSS)
        yield from self.check("train_loss_f", losses[1], **LOSS)
        penalties = made.code_penalty.mean(), made.encoder_penalty.mean()
        yield from self.check("train_vq_pen", penalties[0], **LOSS)
        yield from self.check("train_encoder_pen", penalties[1], **LOSS)
        yield from self.check("train_entropy", made.entropy, **LOSS)
        weights = [encoder_weight(step) for step in self.inputs["train_steps"].tolist()]
        totals = [losses[0] + losses[1] + penalties[0] + weight * penalties[1] for weight in weights]
        yield from self.check("train_total", torch.stack(totals), **LOSS)


class _Decoder(Recording):
    """The decoder without codes and speakers."""

    @torch.no_grad()
    def checks(self, folder: Path) -> Iterator[Check]:
        network: Overtone = wavernn.from_checkpoint(SYSTEM, *_read(folder / DECODER_FILE), "cpu", "overtone")
        yield from _tails(self, "nc_tf_logp_", "", network(_recorded_x(self)[:, -(HISTORY + HOP) :]).logits)
        steps = WaveRNNSteps(network, len(self.expected["nc_coarse"]))
        yield from _generated(self, "nc_", steps, None, None, slice(self.expected["nc_logits_coarse_head"].shape[1]))


class _Vocoder(Recording):
    """The mel vocoder."""

    @torch.no_grad()
    def checks(self, folder: Path) -> Iterator[Check]:
        network: MelWaveRNN = wavernn.from_checkpoint(SYSTEM, *_read(folder / VOCODER_FILE), "cpu", "wavernn")
        mel = self.input("wr_mel")
        yield from self.check("wr_upsampled", network.upsample(mel), **ACTIVATION)
        logits, last = network(self.input("wr_x"), mel)
        yield from _tails(self, "wr_logp_", "_tail", logits)
        yield from self.check("wr_hn", last, **ACTIVATION)
        steps = WaveRNNSteps(network, len(mel))
        steps.begin(mel)
        halves = _likeliest(steps, self.expected["wr_generate_argmax"].shape[1])
        yield from self.check("wr_generate_argmax", as_waveform(joined(*halves)), **WAVE)


class _FullSize(Recording):
    """The published sizes, with weights by a rule."""

    def __init__(self, folder: Path):
        super().__init__(folder, "fullsize_")
        rule = json.loads((folder / "fullsize.json").read_text())
        state = {}
        for n, (key, shape) in enumerate(sorted(rule["keys"].items())):
            numbers = np.random.RandomState(rule["fill_seed_base"] + n).standard_normal(shape)
            state[key] = torch.from_numpy((rule["fill_scale"] * numbers).astype(np.float32))
        state.pop(MASK)
        self.network: VQVAE = vqvae.build(configuration(state) | {"normalised": True})  # before the first update
        self.network.load_state_dict(state)
        self.network.eval().after_update()

    @torch.no_grad()
    def checks(self) -> Iterator[Check]:
        waveform = self.input("enc_samples")
        yield from self.check("enc_out", self.network.encoder(waveform), **ACTIVATION)
        made = self.network.encode(waveform)
        yield from self.check("vq_indices", made.indices[..., 0], **EXACT)
        first = self.expected["vq_quantised_first"]
        yield from self.check("vq_quantised_first", made.codes[:, : first.shape[1]], **ACTIVATION)
        codes = self.input("gen_cond")
        steps = WaveRNNSteps(self.network.overtone, len(codes), self.input("gen_speaker"))
        uniforms = [self.input(f"gen_u_{half}") for half in ("coarse", "fine")]
        yield from _generated(self, "gen_", steps, codes, uniforms, slice(None))


def _read(path: Path) -> tuple[Mapping, Mapping[str, Tensor]]:
    """Configuration and weights, as `import-checkpoint` reads them."""
    return read_original(path, SYSTEM)[1:]


def _quantiser(table: Tensor, normalised: bool) -> Quantiser:
    made = Quantiser(*table.shape, normalised=normalised)
    made.embedding0.data = table
    return made


def _recorded_x(recording: Recording) -> Tensor:
    coarse, fine = recording.input("tf_x_u8").unbind(-1)
    return stacked(torch.cat([coarse, recording.input("tf_x_last_coarse_u8")[:, None]], dim=1), fine)


def _tails(recording: Recording, prefix: str, suffix: str, logits: Logits) -> Iterator[Check]:
    """The last log-probabilities of both halves."""
    for half, actual in zip(("coarse", "fine"), logits, strict=True):
        name = f"{prefix}{half}{suffix}"
        count = recording.expected[name].shape[1]
        yield from recording.check(name, actual[:, -count:].log_softmax(-1), **ACTIVATION)


def _generated(
    recording: Recording,
    prefix: str,
    steps: WaveRNNSteps,
    condition: Tensor | None,
    uniforms: list[Tensor] | None,
    part: slice,
) -> Iterator[Check]:
    """Halves, waveform and the logits of a part of the samples; the likeliest ones where nothing is random."""
    count = recording.expected[f"{prefix}coarse"].shape[1]
    steps.begin(condition)
    if uniforms is None:
        coarse, fine = _likeliest(steps, count)
    else:
        coarse, fine = _halves(steps.draw(torch.stack(uniforms, dim=-1).flatten(1))[0])
    yield from recording.check(f"{prefix}coarse", coarse, **EXACT)
    yield from recording.check(f"{prefix}fine", fine, **EXACT)
    for name in (f"{prefix}wave", f"{prefix}wave_argmax"):
        yield from recording.check(name, as_waveform(joined(coarse, fine)), **WAVE)
    steps.begin(condition)
    logits = steps.force(torch.stack([coarse, fine], dim=-1).flatten(1))
    for half, name in enumerate(("coarse", "fine")):
        for key in (f"{prefix}logits_{name}", f"{prefix}logits_{name}_head"):
            yield from recording.check(key, logits[:, half::2][:, part], **ACTIVATION)


def _likeliest(steps: WaveRNNSteps, samples: int) -> tuple[Tensor, Tensor]:
    return _halves(steps.draw(torch.zeros(steps.streams, 2 * samples), temperature=0)[0])


def _halves(classes: Tensor) -> tuple[Tensor, Tensor]:
    return classes[:, ::2], classes[:, 1::2]


def _check_recorded(folder: Path) -> Iterator[Check]:
    """Everything at the sizes of the files of weights."""
    yield from _Signals(folder).checks()
    yield from _Model(folder).checks()
    yield from _Decoder(folder).checks(folder)
    yield from _Vocoder(folder).checks(folder)


def groups(folder: Path) -> dict[str, Group]:
    """What stands directly in the folder, and the published sizes."""
    return {"": _check_recorded, "fullsize": lambda folder: _FullSize(folder).checks()}
