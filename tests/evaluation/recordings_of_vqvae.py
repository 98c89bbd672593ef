"""Recordings in the form of the goldens of VQ-VAEs with a WaveRNN, made with our own code: other sizes and lengths."""

import json
from pathlib import Path

import librosa
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.models import vqvae
from core.models.compiled.wavernn import WaveRNNSteps
from core.models.vqvae import PAD_RIGHT, VQVAE, Quantiser, encoder_weight, padded, training_window
from core.models.wavernn import HISTORY, HOP, PAST_CODES, Logits, MelWaveRNN, Overtone, OvertoneConfig
from core.signal.sample_halves import stacked
from tests.originals import masked_state

SIZES = {"width": 4, "classes": 6, "conv_channels": 3, "rnn_channels": 5, "gru": 6, "hidden": 4}
SPEAKERS = ["a", "b", "c"]
SAMPLES, HEAD = 2 * HOP, 10  # drawn, and with their logits
BANDS, FRAMES = 3, 5
MEL_SAMPLES = 192


@torch.no_grad()
def record_vqvae(folder: Path) -> None:
    """A VQ-VAE, a decoder alone, a vocoder, and a VQ-VAE with weights by a rule."""
    folder.mkdir(parents=True)
    (folder / "README.md").touch()
    torch.manual_seed(0)
    model = vqvae.build({**SIZES, "speakers": SPEAKERS}).eval()
    model.after_update()
    torch.save(masked_state(model), folder / "vqvae.43.upconv.pyt")
    inputs, expected = {}, {}
    for record in (_signals, _codes, _forced, _drawn, _converted, _trained):
        taken, made = record(model)
        inputs |= taken
        expected |= made
    expected |= _decoder(folder, inputs)
    taken, made = _vocoder(folder)
    _save(f"{folder}/", inputs | taken, expected | made)
    _by_rule(folder, model)


def _save(prefix: str, inputs: dict, expected: dict) -> None:
    for kind, arrays in (("inputs", inputs), ("expected", expected)):
        np.savez(f"{prefix}{kind}.npz", **{name: np.asarray(value) for name, value in arrays.items()})


def _signals(model: VQVAE) -> tuple[dict, dict]:
    pcm, waveform = (
        np.arange(-(2**15), 2**15, 1771).astype(np.int16),
        np.roll(np.linspace(-1.2, 1.2, 30, dtype=np.float32), 15),
    )
    shifted = pcm.astype(np.int64) + 2**15
    total = ((pcm + 0.5) / 32767.5).astype(np.float32)
    tone = np.concatenate([np.zeros(4000), 0.4 * np.sin(np.arange(9000) / 5), np.zeros(5000)]).astype(np.float32)
    start, stop = librosa.effects.trim(tone, top_db=25)[1]
    quantised = {
        "dsp_quant_preprocess": np.trunc(np.clip(waveform, -1, 1) * np.float32(32767.5) - np.float32(0.5)),
        "dsp_encode16": np.trunc(np.clip(waveform * 2**15, -(2**15), 2**15 - 1)),
        "trim_quant": np.trunc(tone[start:stop] * np.float32(32767.5) - np.float32(0.5)),
    }
    halves = {"dsp_coarse": shifted // 256, "dsp_fine": shifted % 256, "dsp_combined": pcm.astype(np.int64)}
    scaled = {f"{name}_f": (halves[name] / 127.5 - 1).astype(np.float32) for name in ("dsp_coarse", "dsp_fine")}
    totals = dict.fromkeys(("dsp_total_f_train", "dsp_total_f_generate", "dsp_sample_from_cats"), total)
    made = halves | scaled | totals | {name: array.astype(np.int16) for name, array in quantised.items()}
    return {"dsp_pcm": pcm, "dsp_float": waveform, "trim_float": tone}, made | {"trim_interval": [start, stop]}


def _codes(model: VQVAE) -> tuple[dict, dict]:
    waveform, vectors = torch.randn(2, 700), torch.randn(3, 4, 1, SIZES["width"])
    table, others = torch.randn(2, 5, 3), torch.randn(2, 4, 2, 3)
    other = Quantiser(2, 5, 3, normalised=False)
    other.embedding0.data = table
    before = torch.randn(1, SIZES["classes"], SIZES["width"])
    made = {"enc_out": model.encoder(waveform), "after_update_embedding": model.vq.radius * F.normalize(before, dim=-1)}
    for prefix, quantised in (("", model.encode(waveform)), ("vq2_", model.vq(vectors)), ("vq3_", other(others))):
        start = prefix or "vq_"
        made |= {f"{start}quantised": quantised.codes, f"{start}pen": quantised.code_penalty}
        made |= {f"{prefix}encoder_pen": quantised.encoder_penalty, f"{start}entropy": quantised.entropy}
        made |= {f"{start}indices": quantised.indices}
    taken = {"enc_samples": waveform, "vq_in": vectors, "vq3_embedding0": table, "vq3_in": others}
    return taken | {"after_update_embedding": before}, made


def _forced(model: VQVAE) -> tuple[dict, dict]:
    x, last = torch.randint(0, 256, (2, HISTORY + SAMPLES, 2)), torch.randint(0, 256, (2,))
    codes, speaker = torch.randn(2, PAST_CODES + SAMPLES // HOP, SIZES["width"]), torch.eye(3)[:2]
    heard = model.overtone(_x(x, last), codes, speaker)
    (c0, c1, c2), upsampled = heard.summaries, heard.upsampled
    made = {"tf_c0_head": c0[:, :40], "tf_c1_head": c1[:, :40], "tf_c2": c2, "tf_r0_hn": heard.states[0]}
    made |= {f"tf_r{n}_tail": frames[:, -7:] for n, frames in enumerate(upsampled)}
    made |= {"tf_lengths": [x.shape[1], *(part.shape[1] for part in (c0, c1, c2, *upsampled))]}
    taken = {"tf_x_u8": x.byte(), "tf_x_last_coarse_u8": last.byte(), "tf_cond": codes, "tf_speaker": speaker}
    return taken, made | _log_probs("tf_logp_", "", heard.logits, SAMPLES)


def _drawn(model: VQVAE) -> tuple[dict, dict]:
    codes, speaker = torch.randn(2, PAST_CODES + SAMPLES // HOP, SIZES["width"]), torch.eye(3)[1:]
    steps = WaveRNNSteps(model.overtone, 2, speaker)
    uniforms = torch.rand(2, 2 * SAMPLES, dtype=torch.float64)
    made = _said("gen_argmax_", steps, codes, SAMPLES, slice(HEAD))
    made |= _said("gen_draw_", steps, codes, SAMPLES, slice(-HEAD, None), uniforms)
    taken = {"gen_draw_u_coarse": uniforms[:, ::2], "gen_draw_u_fine": uniforms[:, 1::2]}
    return taken | {"gen_cond": codes, "gen_speaker": speaker}, made


def _converted(model: VQVAE) -> tuple[dict, dict]:
    pcm = [torch.randint(-3000, 3000, (length,)) for length in (2 * HOP + 5, HOP)]
    both = torch.stack([F.pad((p + 0.5) / 32767.5, (0, len(pcm[0]) - len(p))) for p in pcm]).repeat(2, 1)
    made, speaker = model.encode(padded(both)), torch.eye(3)[[2, 0, 0, 2]]
    said = _said("pipe_", WaveRNNSteps(model.overtone, 4, speaker), made.codes.flatten(2), 2 * HOP, slice(0))
    taken = {f"pipe_pcm_{n}": p.short() for n, p in enumerate(pcm)} | {"pipe_speakers": torch.tensor([2, 0])}
    kept = {name: said[name] for name in ("pipe_coarse", "pipe_fine")} | {"pipe_wave_argmax": said["pipe_wave"]}
    return taken, kept | {"pipe_encoder_in_shape": padded(both).shape, "pipe_indices": made.indices[..., 0]}


def _trained(model: VQVAE) -> tuple[dict, dict]:
    pcm, speaker, steps = torch.randint(-3000, 3000, (2, HISTORY + HOP + PAD_RIGHT)), torch.eye(3)[:2], [10, 1500]
    window = training_window(pcm)
    heard, quantised = model(window.x, window.waveform, speaker)
    nats = [F.cross_entropy(a.flatten(0, 1), b.flatten()) for a, b in zip(heard.logits, window.targets, strict=True)]
    penalties = quantised.code_penalty.mean(), quantised.encoder_penalty.mean()
    made = dict(zip(("train_loss_c", "train_loss_f"), nats, strict=True)) | {"train_entropy": quantised.entropy}
    made |= dict(zip(("train_vq_pen", "train_encoder_pen"), penalties, strict=True))
    made["train_total"] = torch.stack([sum(nats) + penalties[0] + encoder_weight(n) * penalties[1] for n in steps])
    return {"train_pcm": pcm.short(), "train_speaker": speaker, "train_steps": np.array(steps)}, made


def _decoder(folder: Path, inputs: dict) -> dict:
    sizes = {key: SIZES[key] for key in ("conv_channels", "rnn_channels", "gru", "hidden")}
    model = Overtone(OvertoneConfig(**sizes, code_width=0)).eval()
    state = {f"overtone.{key}": weight for key, weight in masked_state(model).items()}
    torch.save(state, folder / "nc.43.upconv.pyt")
    x = _x(inputs["tf_x_u8"], inputs["tf_x_last_coarse_u8"])[:, -(HISTORY + HOP) :]
    said = _said("nc_", WaveRNNSteps(model, 2), None, 30, slice(HEAD))
    kept = {name: said[name] for name in ("nc_coarse", "nc_fine")} | {"nc_wave_argmax": said["nc_wave"]}
    return (
        kept | {"nc_logits_coarse_head": said["nc_logits_coarse"]} | _log_probs("nc_tf_logp_", "", model(x).logits, 9)
    )


def _vocoder(folder: Path) -> tuple[dict, dict]:
    model = MelWaveRNN(BANDS, SIZES["gru"], SIZES["hidden"]).eval()
    torch.save(masked_state(model), folder / "wavernn.43.upconv.pyt")
    mel, x = torch.randn(2, BANDS, FRAMES), torch.rand(2, MEL_SAMPLES, 3) * 2 - 1
    logits, last = model(x, mel)
    made = {"wr_upsampled": model.upsample(mel), "wr_hn": last} | _log_probs("wr_logp_", "_tail", logits, 9)
    made["wr_generate_argmax"] = _said("wr_", WaveRNNSteps(model, 2), mel, MEL_SAMPLES, slice(0))["wr_wave"]
    return {"wr_mel": mel, "wr_x": x}, made


def _by_rule(folder: Path, like: VQVAE) -> None:
    keys = {key: list(weight.shape) for key, weight in masked_state(like).items()}
    rule = {"keys": keys, "fill_seed_base": 7, "fill_scale": 0.3}
    (folder / "fullsize.json").write_text(json.dumps(rule))
    model = vqvae.build({**SIZES, "speakers": SPEAKERS}).eval()
    filled = {}
    for n, key in enumerate(sorted(keys)):
        numbers = np.random.RandomState(rule["fill_seed_base"] + n).standard_normal(keys[key])
        filled[key] = torch.from_numpy((rule["fill_scale"] * numbers).astype(np.float32))
    model.load_state_dict({key: filled[key] for key in model.state_dict()})
    model.after_update()
    waveform, codes, speaker = torch.randn(1, 700), torch.randn(1, PAST_CODES + 1, SIZES["width"]), torch.eye(3)[:1]
    made, uniforms = model.encode(waveform), torch.rand(1, 40, dtype=torch.float64)
    said = _said("gen_", WaveRNNSteps(model.overtone, 1, speaker), codes, 20, slice(None), uniforms)
    inputs = {"enc_samples": waveform, "gen_cond": codes, "gen_speaker": speaker}
    inputs |= {"gen_u_coarse": uniforms[:, ::2], "gen_u_fine": uniforms[:, 1::2]}
    expected = {"enc_out": model.encoder(waveform), "vq_indices": made.indices[..., 0]}
    _save(f"{folder}/fullsize_", inputs, expected | {"vq_quantised_first": made.codes[:, :2]} | said)


def _x(halves: Tensor, last: Tensor) -> Tensor:
    return stacked(torch.cat([halves[..., 0], last[:, None]], dim=1), halves[..., 1])


def _log_probs(prefix: str, suffix: str, logits: Logits, count: int) -> dict:
    pairs = zip(("coarse", "fine"), logits, strict=True)
    return {f"{prefix}{half}{suffix}": part.log_softmax(-1)[:, -count:] for half, part in pairs}


def _said(
    prefix: str,
    steps: WaveRNNSteps,
    condition: Tensor | None,
    samples: int,
    part: slice,
    uniforms: Tensor | None = None,
) -> dict:
    """What is drawn, as the likeliest where nothing is random, and the logits of a part of it."""
    steps.begin(condition)
    temperature = 0.0 if uniforms is None else 1.0
    uniforms = torch.zeros(steps.streams, 2 * samples) if uniforms is None else uniforms
    classes, _ = steps.draw(uniforms, temperature)
    steps.begin(condition)
    logits, (coarse, fine) = steps.force(classes), (classes[:, ::2], classes[:, 1::2])
    wave = ((coarse * 256 + fine) / 32767.5 - 1).float()
    made = {f"{prefix}coarse": coarse, f"{prefix}fine": fine, f"{prefix}wave": wave}
    return made | {f"{prefix}logits_{half}": logits[:, n::2][:, part] for n, half in enumerate(("coarse", "fine"))}
