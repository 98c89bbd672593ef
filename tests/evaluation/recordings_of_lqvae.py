"""Recordings in the form of the goldens of LQ-VAEs, made with our own code: other sizes, lengths and runs."""

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.evaluation.goldens.lqvae import ruled, spectral_convergence
from core.evaluation.goldens.lqvae_separation import TimeDomain
from core.models import lqvae, transformer
from core.models.categorical import likeliest, pick
from core.models.code_sums import CodeSums, sum_codes
from core.models.lqvae import LQVAE
from core.models.lqvae_losses import LossWeights, linearise, losses_of
from core.models.transformer import Dense, Transformer
from core.samplers.latent import JointPosterior, noise_variance, pair_log_prior, pair_posterior, squared_misfits
from core.signal.metrics import median_sdr_db, sdr_of_frames_db
from tests.originals import code_prior_settings, code_prior_state, lqvae_settings, lqvae_state

SIZES = {"width": 3, "depth": 1, "code_width": 2, "classes": 5}
PRIOR = {"classes": 5, "code_width": 2, "context": 12, "width": 8, "depth": 3, "blocks": 3, "initial": 20.0}
SAMPLES, STEPS, CHAINS, PRIME = 1280, 8, 3, 4
RUNS = {
    "latent": {"sigma": 0.7},
    "filtered": {"sigma": 0.9, "top_k_posterior": 4, "top_k": 3, "temp": 0.7},
    "time": {"sigma": 2.0, "time": True, "context": 3, "window_mode": "constant"},
}
SETTINGS = {"alpha": [0.5, 0.5], "alpha2": [0.4, 0.6], "restore_tokens": 900.0, "temp": 0.8, "prime": PRIME}
BANDWIDTH = {"l1": 0.3, "l2": 0.1, "spec": 20.0}
LOSSES = {"lmix_l1": 0.1, "lmix_l2": 1.0, "lmix_linf": 0.02, "linf_k": 50, "bandwidth": BANDWIDTH}
SHARES = {"spectral": 0.5, "multispectral": 1.0, "commit": 0.8}


def record_lqvae(folder: Path) -> None:
    """Networks of three levels, two priors, their sums, everything drawn of a mixture, and weights by a rule."""
    folder.mkdir(parents=True)
    (folder / "README.md").touch()
    torch.manual_seed(0)
    model, priors = lqvae.build(SIZES).eval(), [transformer.build(PRIOR).eval() for _ in range(2)]
    for level in model.config.levels:
        model.codebook(level).k.normal_(std=0.1)
    sums = CodeSums(torch.stack(list(sum_codes(model.codebook().k))))
    for prior in priors:
        prior.codebook.copy_(model.codebook().k)
    _save_networks(folder, model, priors, sums)
    cfg = SETTINGS | {"sep_runs": RUNS, "primed_sigma": 0.6}
    (folder / "config.json").write_text(json.dumps({"cfg": cfg, "vqvae_hps": LOSSES | SHARES}))
    inputs, expected = {}, {}
    with torch.no_grad():
        parts = [_forward(model), _priors(folder, priors), _separated(model, priors, sums), _measured(), _sums(model)]
    for taken, made in (*parts, _learnt(model)):
        inputs |= taken
        expected |= made
    _save(f"{folder}/", inputs, expected)
    _by_rule(folder)


def _save(prefix: str, inputs: dict, expected: dict) -> None:
    for kind, arrays in (("inputs", inputs), ("expected", expected)):
        np.savez(f"{prefix}{kind}.npz", **{name: np.asarray(torch.as_tensor(a).detach()) for name, a in arrays.items()})


def _save_networks(folder: Path, model: LQVAE, priors: list[Transformer], sums: CodeSums) -> None:
    def save(name: str, state: dict, settings: dict) -> None:
        torch.save({"hps": settings, "model": state, "opt": None, "step": 3}, folder / f"checkpoint_{name}.pth.tar")

    save("step_60001", lqvae_state(model), lqvae_settings(model))
    for name, prior in zip(("latest", "prior_b"), priors, strict=True):
        save(name, code_prior_state(prior), code_prior_settings(prior))
    half = code_prior_state(priors[1])
    half = {key: weight.half() if key.endswith(".w") else weight for key, weight in half.items()}
    save("prior_fp16", half, code_prior_settings(priors[1]))
    torch.save(sums.table.reshape(1, -1), folder / "codebook_precalc_22050_latent.pt")


def _forward(model: LQVAE, samples: int = SAMPLES) -> tuple[dict, dict]:
    x, made = 0.3 * torch.randn(2, samples), {}
    for level in model.config.levels:
        codes = model.encode(x, level)
        made |= {f"enc_l{level}": model.latents(x, level), f"codes_l{level}": codes}
        made |= {f"dequant_l{level}": model.codebook(level).look_up(codes)}
        made |= {f"decode_l{level}": model.decode(codes, level)[..., None]}
    return {"x": x[..., None]}, made


def _sums(model: LQVAE) -> tuple[dict, dict]:
    k, made = model.codebook().k, {}
    for name, shares in (("codebook_sum", (0.5, 0.5)), ("codebook_sum_asym", (0.4, 0.6))):
        sums = shares[0] * k[:, None].double() + shares[1] * k.double()
        least = torch.cdist(sums.flatten(0, 1), k.double()).square().topk(2, largest=False).values
        table = torch.stack(list(sum_codes(k, shares)))
        made |= {f"{name}_table": table.reshape(1, -1), f"{name}_gap": (least[:, 1] - least[:, 0]).float()[None]}
    return {}, made


def _learnt(model: LQVAE) -> tuple[dict, dict]:
    """Losses, and what an update does, with codebooks of their own."""
    x, books = 0.3 * torch.randn(4, SAMPLES), {level: 0.2 * torch.randn(5, 2) for level in model.config.levels}
    for level, book in books.items():
        model.codebook(level).k.copy_(book)
    with torch.no_grad():
        levels = linearise(model, x)
    made = {"eval_x_out": levels[0].waveform[..., None]}
    for level, one in levels.items():
        for part, quantised in (("", one.sources), ("_sum", one.sums), ("_mix", one.mixtures)):
            made[f"lin_codes{part}_l{level}"] = quantised.codes
    for name, weights in _weights().items():
        made |= {f"eval_loss_{name}": losses_of(x, levels, weights).total(weights)}
        made |= _losses(f"eval_{name}_", x, levels, weights)
    model.train()
    for level in model.config.levels:
        model.codebook(level).restore(SETTINGS["restore_tokens"])
    levels, weights = linearise(model, x), _weights()["lmix"]
    losses_of(x, levels, weights).total(weights).backward()
    made |= {"train_loss": losses_of(x, levels, weights).total(weights)} | _losses("train_", x, levels, weights)
    usages = [one.sources.usage for one in levels.values()]
    made["train_fit"] = torch.stack([one.sources.fit for one in levels.values()]).mean()
    made["train_entropy"] = torch.stack([usage.entropy for usage in usages]).mean()
    for level in model.config.levels:
        book = model.codebook(level)
        made |= {f"train_k_after_l{level}": book.k, f"train_k_elem_l{level}": book.counts}
    gradients = {name: weight.grad for name, weight in model.named_parameters()}
    made["grad/decoders.1.out.weight"] = gradients["decoders.1.out.weight"]
    made["grad_l2_norm"] = torch.stack([g.double().norm() for g in gradients.values()]).norm()
    return {"lin_x": x[..., None]} | {f"lin_k_l{level}": book for level, book in books.items()}, made


def _weights() -> dict[str, LossWeights]:
    common = {"worst_count": 50, "scale_l1": 0.3, "scale_l2": 0.1, "scale_spectral": 20.0, **SHARES}
    kinds = {"l1": (1, 0, 0), "l2": (0, 1, 0), "linf": (0, 0, 1), "lmix": (0.1, 1, 0.02)}
    return {name: LossWeights(l1, l2, worst, **common) for name, (l1, l2, worst) in kinds.items()}


def _losses(prefix: str, x: Tensor, levels: dict, weights: LossWeights) -> dict:
    losses = losses_of(x, levels, weights)
    made = {"recons_loss": sum(losses.reconstruction.values()), "multispectral_loss_l2": losses.multispectral[1]}
    made |= {"spectral_loss_l3": losses.spectral[2], "recons_loss_l1": losses.reconstruction[0]}
    made |= {"latent_loss": losses.latent[0], "latent_loss_l3": losses.latent[2]}
    made |= {"linf_loss": _weights()["linf"].reconstruction(x, levels[0].waveform)}
    made |= {"spectral_convergence": spectral_convergence(x, levels[0].waveform)}
    made |= {"commit_loss": losses.commit + losses.commit_sums, "commit_loss_sum": losses.commit_sums}
    return {f"{prefix}{name}": loss for name, loss in made.items()}


def _priors(folder: Path, priors: list[Transformer]) -> tuple[dict, dict]:
    codes = torch.randint(5, (3, 12))
    logits = priors[0](codes)
    bits = F.cross_entropy(logits.flatten(0, 1), codes.flatten()) / np.log(2)
    made = {"prior0_logits": logits, "prior1_logits": priors[1](codes), "prior0_loss_bits": bits}
    made |= {"prior0_z_forward_loss": bits, "prior1_acts": priors[1].activations(codes)}
    x = priors[0].embedded(codes)
    made |= {"prior0_block_in": x, "prior0_block0_out": priors[0].layers[0](x)}
    uniforms, more = torch.rand(9, 2, 1, dtype=torch.float64), torch.rand(5, 2, 1, dtype=torch.float64)
    made |= {"sample_tokens": priors[0].stepwise(2).draw(uniforms[..., 0].t(), 0.8)[0]}
    made |= {"sample_topk_tokens": priors[0].stepwise(2).draw(uniforms[..., 0].t(), 1.0, 3)[0]}
    made |= {"sample_logits": priors[0](made["sample_tokens"])}
    steps = priors[1].stepwise(2)
    steps.force(codes[:2, :PRIME])
    drawn = torch.cat([codes[:2, :PRIME], steps.draw(more[..., 0].t())[0]], dim=1)
    made |= {"primed_tokens": drawn, "primed_logits": priors[1](drawn)}
    ordered = torch.arange(6.0).expand(2, 1, 6)  # the last one is kept
    made |= {f"filter_top{k}": likeliest(ordered, k or None) for k in (0, 2, 9)}
    half = transformer.build(PRIOR).eval()
    half.load_state_dict(priors[1].state_dict())
    for part in half.modules():
        if isinstance(part, Dense):
            part.w.data = part.w.half().float()
    made |= {"prior_fp16_logits_fp32act": half(codes), "prior_fp16_logits_fp16act": half(codes)}
    taken = {"prior_tokens": codes, "sample_u": uniforms, "sample_topk_u": uniforms, "primed_u": more}
    return taken | {"filter_in": ordered}, made


def _separated(model: LQVAE, priors: list[Transformer], sums: CodeSums) -> tuple[dict, dict]:
    hop, sources = model.hop(), [0.3 * torch.randn(1, STEPS * model.hop()) for _ in range(2)]
    mixture = 0.5 * sources[0] + 0.5 * sources[1]
    latents = model.codebook().look_up(model.encode(mixture))
    decoded = model.decode(model.encode(mixture))
    taken = {f"sep_src{n}": source for n, source in enumerate(sources)}
    made = {"sep_codes_mix": model.encode(mixture), "sep_latent_mix": latents, "sep_decoded_mix": decoded}
    made |= {f"sep_decoded_src{n}": model.decode(model.encode(source)) for n, source in enumerate(sources)}

    def begun(settings: dict) -> JointPosterior:
        arguments = (tuple(prior.stepwise(CHAINS) for prior in priors), model.codebook().k)
        own = {"sigma": settings["sigma"], "temperature": settings.get("temp", 1.0), "top_k": settings.get("top_k")}
        turned = CodeSums(sums.table.t(), sums.shares)
        if settings.get("time"):
            window = {"network": model, "waveform": decoded[0], "context": settings["context"], "increment": False}
            joint = TimeDomain(*arguments, turned, **window, **own)
        else:
            joint = JointPosterior(*arguments, turned, **own)
        joint.begin(latents[0].t())
        return joint

    for name, settings in RUNS.items():
        joint, top_k, pairs, posteriors = begun(settings), settings.get("top_k_posterior"), [], []
        uniforms = torch.rand(STEPS, CHAINS, dtype=torch.float64)
        for uniform in uniforms:
            logits = joint.logits()
            posteriors.append(likeliest(logits, top_k).softmax(-1))
            pairs.append(pick(logits, uniform, top_k=top_k)[0])
            joint.advance(pairs[-1])
        taken[f"sep_{name}_u"] = uniforms
        made |= {f"sep_{name}_posterior": torch.stack(posteriors[:5]), f"sep_{name}_joint": torch.stack(pairs)}
        made |= {f"sep_{name}_x{n}": joint.codes[:, n] for n in (0, 1)}
        made |= {f"sep_{name}_logp{n}": joint.log_probs[:, n] for n in (0, 1)}
        if name == "latent":
            made |= _chosen(model, joint, decoded[0])
    primed, uniforms = begun({"sigma": 0.6}), torch.rand(STEPS - 3, CHAINS, dtype=torch.float64)
    pasts = torch.randint(5, (2, CHAINS, 3))
    primed.force(pasts[1] * 5 + pasts[0])
    for uniform in uniforms:
        primed.advance(pick(primed.logits(), uniform)[0])
    made |= {f"sep_primed_x{n}": primed.codes[:, n] for n in (0, 1)}
    assert decoded.shape[1] == STEPS * hop
    return taken | {"sep_primed_past0": pasts[0], "sep_primed_past1": pasts[1], "sep_primed_u": uniforms}, made


def _chosen(model: LQVAE, joint: JointPosterior, decoded: Tensor) -> dict:
    first, second = (model.decode(codes) for codes in joint.codes.unbind(dim=1))
    log_prior, misfits = pair_log_prior(joint.log_probs, STEPS), squared_misfits(first, second, decoded, (0.5, 0.5))
    posterior = pair_posterior(joint.log_probs, misfits, STEPS)
    ordered, order = posterior.sum(dim=1).sort()
    made = {"sep_res0": first, "sep_res1": second, "rej_prior_raw": log_prior, "rej_l2": misfits}
    made |= {"rej_sigma2": noise_variance(log_prior, misfits), "rej_posterior": posterior}
    made |= {"rej_marg0_sorted": ordered, "rej_marg0_order": order}
    return made | {"rej_argmax0": posterior.argmax() // CHAINS, "rej_argmax1": posterior.argmax() % CHAINS}


def _measured() -> tuple[dict, dict]:
    sounds = np.random.default_rng(0).standard_normal((2, 90000)).astype(np.float32)
    made = {"sdr_frames": sdr_of_frames_db(*sounds)[None], "sdr_median": median_sdr_db(*sounds)}
    return {"sdr_ref": sounds[0], "sdr_est": sounds[1]}, made


@torch.no_grad()
def _by_rule(folder: Path) -> None:
    model, prior = lqvae.build(SIZES).eval(), transformer.build(PRIOR).eval()
    keys = {key: list(weight.shape) for key, weight in lqvae_state(model).items()}
    prior_keys = {key: list(weight.shape) for key, weight in code_prior_state(prior).items()}
    overrides = {key: lqvae_settings(model)[key] for key in ("width", "depth", "emb_width", "l_bins")}
    rule = {"fill_seed_base": 5, "vqvae": keys, "prior": prior_keys, "vqvae_overrides": overrides}
    rule["prior_overrides"] = {"blocks": PRIOR["blocks"], "prior_depth": PRIOR["depth"]}
    (folder / "fullsize.json").write_text(json.dumps(rule))
    state = ruled(keys, 5, 1.0)
    model.load_state_dict(dict(zip(model.state_dict(), (state[key] for key in lqvae_state(model)), strict=True)))
    state = ruled({key: shape for key, shape in prior_keys.items() if ".bottleneck." not in key}, 1005, 0.7)
    own = {k: v for k, v in code_prior_state(prior).items() if ".bottleneck." not in k}
    names = dict(zip(own, (key for key in prior.state_dict() if key != "codebook"), strict=True))
    prior.load_state_dict({names[key]: state[key] for key in own} | {"codebook": model.codebook().k})
    taken, made = _forward(model, 256)
    codes = torch.randint(5, (1, 4))
    logits = prior(torch.cat([codes, codes[:, :1]], dim=1))
    _save(f"{folder}/fullsize_", taken | {"prior_tokens": codes}, made | {"prior_logits": logits})
