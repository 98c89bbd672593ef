"""How a class is drawn from logits, wherever a model is drawn step by step."""

import torch
from torch import Tensor


def likeliest(logits: Tensor, top_k: int | None) -> Tensor:
    """Logits `[..., classes]` of only so many classes, and of those as likely as the last of them; -inf of the others.

    None: of all.
    """
    if top_k is None or top_k >= logits.shape[-1]:
        return logits
    return logits.where(logits >= logits.topk(top_k).values[..., -1:], -torch.inf)


def pick(logits: Tensor, uniforms: Tensor, temperature: float = 1.0, top_k: int | None = None) -> tuple[Tensor, Tensor]:
    """The class at which the cumulative distribution passes a uniform random number.

    Args:
        logits: `[..., classes]`.
        uniforms: in [0, 1), `[...]`.
        temperature: logits are divided by it; 0 takes the likeliest class.
        top_k: only so many classes are drawn, see `likeliest`.

    Returns:
        Classes, int64, and their natural log-probabilities as the model has them: at temperature 1, among all classes.
    """
    if temperature == 0:
        classes = logits.argmax(-1)
    else:
        cumulative = (likeliest(logits.double(), top_k) / temperature).softmax(-1).cumsum(-1)
        reached = uniforms.to(cumulative)[..., None] * cumulative[..., -1:]
        classes = (cumulative <= reached).sum(-1)
    return classes, logits.log_softmax(-1).gather(-1, classes[..., None])[..., 0]
