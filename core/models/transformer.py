"""Autoregressive transformer over the codes of an LQ-VAE, with sparse attention (Child et al. 2019).

As in Jukebox (Dhariwal et al. 2020, app. C), but that codes come in by their vectors (Mancusi et al. 2021). `forward`
sees whole sequences; `TransformerSteps` goes on from what was kept of the past, for as long as is asked.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.models import code_parts, code_sums
from core.models.code_parts import CodeParts
from core.models.code_sums import CodeSums
from core.models.stepwise import StepwiseModel

BLOCK, COLUMN, PREVIOUS = "block", "column", "previous"
KINDS = {0: (BLOCK,), 1: (BLOCK, COLUMN), 2: (BLOCK, COLUMN, PREVIOUS)}  # of layers in turn, by their order's number
SUMS, PARTS = "code-sums", "code-parts"  # what a checkpoint's parts are called that hold them
WHOLE = 0  # order in which the context is a single block
INITIAL, INITIAL_PLACE = 0.02, 0.01  # standard deviations of fresh weights
STEEPNESS = 1.702  # of the sigmoid that approximates a Gaussian's distribution function


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes of a `Transformer`.

    Args:
        classes, code_width: of the codebook.
        context: codes that are seen at once, a multiple of `blocks`.
        width: of the layers.
        depth: their number.
        heads: of attention.
        order: a key of `KINDS`.
        blocks: that the context is divided into.
        attention_factor, mlp_factor: inner widths over the width.
        initial: factor of the fresh weights' spread.
    """

    classes: int
    code_width: int
    context: int = 8192
    width: int = 1024
    depth: int = 48
    heads: int = 1
    order: int = 2
    blocks: int = 64
    attention_factor: float = 0.25
    mlp_factor: float = 1.0
    initial: float = 1.0

    def kind(self, layer: int) -> str:
        """What a layer attends to: its own block, the same place in the blocks before, or the previous block."""
        return KINDS[self.order][layer % len(KINDS[self.order])]

    @property
    def block(self) -> int:
        """Codes of one."""
        return self.context if self.order == WHOLE else self.context // self.blocks


class Dense(nn.Module):
    """x w + b, with weights `[inputs, outputs]`; computed in the weights' precision."""

    def __init__(self, inputs: int, outputs: int, initial: float):
        super().__init__()
        self.w = nn.Parameter(INITIAL * initial * torch.randn(inputs, outputs))
        self.b = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.w + self.b.to(self.w)


class LayerNorm(nn.LayerNorm):
    """In float32 whatever the precision of x."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.float()).to(x)


class Attention(nn.Module):
    """Attention of one kind, over whole sequences or from one place of them."""

    def __init__(self, config: TransformerConfig, kind: str):
        super().__init__()
        self.kind, self.heads, self.block = kind, config.heads, config.block
        self.kept = {BLOCK: 1, PREVIOUS: 2, COLUMN: config.context // config.block}[kind]  # blocks of the past
        state = int(config.attention_factor * config.width)
        self.c_attn = Dense(config.width, 3 * state, config.initial)
        self.c_proj = Dense(state, config.width, config.initial)

    def queries_keys_values(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """`[batch, frames, width]` -> three of `[batch, heads, frames, size]`."""
        return self.c_attn(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind()

    def joined(self, heard: Tensor) -> Tensor:
        """`[batch, heads, frames, size]` -> `[batch, frames, width]`."""
        return self.c_proj(heard.transpose(1, 2).flatten(2))

    def forward(self, x: Tensor, past: "Past | None" = None) -> Tensor:
        """Of whole sequences from their first code on, `[batch, frames, width]`; the past, if given, becomes theirs."""
        queries, keys, values = self.queries_keys_values(x)
        if past is not None:
            past.fill(keys, values)
        return self.joined(self._attend(queries, keys, values))

    def _attend(self, *parts: Tensor) -> Tensor:
        frames = parts[0].shape[2]
        block = min(self.block, frames) if self.kind == BLOCK else self.block
        # [batch, heads, blocks, block, size]; the padding comes last, where nothing that counts looks
        q, k, v = (F.pad(part, (0, 0, 0, -frames % block)).unflatten(2, (-1, block)) for part in parts)
        if self.kind == BLOCK:
            heard = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        elif self.kind == COLUMN:
            columns = (part.transpose(2, 3) for part in (q, k, v))
            heard = F.scaled_dot_product_attention(*columns, is_causal=True).transpose(2, 3)
        else:  # the first block hears zeros
            k, v = (F.pad(part, (0, 0, 0, 0, 1, 0))[:, :, :-1] for part in (k, v))
            heard = F.scaled_dot_product_attention(q, k, v)
        return heard.flatten(2, 3)[:, :, :frames]

    def step(self, x: Tensor, past: "Past", place: int) -> Tensor:
        """Of one code, `[batch, 1, width]`, at its place in the context, after those of the past."""
        query, key, value = self.queries_keys_values(x)
        past.add(key, value, place)
        seen = past.seen(place)
        if seen is None:
            return self.joined(torch.zeros_like(query))
        return self.joined(F.scaled_dot_product_attention(query, *seen))


class Past:
    """Keys and values that an attention may come back to: a ring of blocks, `[2, blocks, batch, heads, block, size]`.

    Memory is taken as it is written to, block after block.
    """

    def __init__(self, attention: Attention):
        self.kind, self.block, self.kept = attention.kind, attention.block, attention.kept
        self.states: Tensor | None = None

    def fill(self, keys: Tensor, values: Tensor) -> None:
        """From the first code of the context on, `[batch, heads, frames, size]`."""
        self._begin(keys)
        blocks = torch.stack([keys, values]).split(self.block, dim=3)
        for number in range(max(0, len(blocks) - self.kept), len(blocks)):
            self.states[:, number % self.kept, :, :, : blocks[number].shape[3]] = blocks[number]

    def add(self, key: Tensor, value: Tensor, place: int) -> None:
        """Of one code, `[batch, heads, 1, size]`."""
        if self.states is None:
            self._begin(key)
        number, inside = divmod(place, self.block)
        self.states[:, number % self.kept, :, :, inside] = torch.stack([key, value])[:, :, :, 0]

    def seen(self, place: int) -> tuple[Tensor, Tensor] | None:
        """Keys and values that are attended to from a place; None for the first block's previous one."""
        number, inside = divmod(place, self.block)
        if self.kind == BLOCK:
            seen = self.states[:, 0, :, :, : inside + 1]
        elif self.kind == COLUMN:
            seen = self.states[:, : number + 1, :, :, inside].permute(0, 2, 3, 1, 4)
        elif number == 0:
            return None
        else:
            seen = self.states[:, (number - 1) % self.kept]
        return seen[0], seen[1]

    def take(self, rows: Tensor) -> None:
        """Goes on with these rows of the batch."""
        if self.states is not None:
            self.states = self.states[:, :, rows]

    def _begin(self, like: Tensor) -> None:
        batch, heads, _, size = like.shape
        self.states = like.new_empty(2, self.kept, batch, heads, self.block, size)


class MLP(nn.Module):
    def __init__(self, config: TransformerConfig):
        super().__init__()
        inner = int(config.mlp_factor * config.width)
        self.c_fc = Dense(config.width, inner, config.initial)
        self.c_proj = Dense(inner, config.width, config.initial)

    def forward(self, x: Tensor) -> Tensor:
        x = self.c_fc(x)
        return self.c_proj(x * (STEEPNESS * x).sigmoid())


class Layer(nn.Module):
    """x + attention + what is made of both, `[batch, frames, width]`."""

    def __init__(self, config: TransformerConfig, kind: str):
        super().__init__()
        self.attn, self.mlp = Attention(config, kind), MLP(config)
        self.ln_0, self.ln_1 = LayerNorm(config.width), LayerNorm(config.width)

    def forward(self, x: Tensor, past: Past | None = None) -> Tensor:
        return self._after(x, self.attn(self.ln_0(x), past))

    def step(self, x: Tensor, past: Past, place: int) -> Tensor:
        return self._after(x, self.attn.step(self.ln_0(x), past, place))

    def _after(self, x: Tensor, heard: Tensor) -> Tensor:
        return x + heard + self.mlp(self.ln_1(x + heard))


class Transformer(nn.Module):
    """Logits of every code given those before it.

    Args:
        name: what reports and menus call it.
        sample_rate: of the sounds that the codes stand for, in Hz.

    Attributes:
        sums: of its codes, where they are kept beside the checkpoint.
        parts: as well; in mixtures with one other prior's sounds.
    """

    sums: CodeSums | None = None
    parts: CodeParts | None = None

    def __init__(self, config: TransformerConfig, name: str = "", sample_rate: int = 22050):
        super().__init__()
        self.config, self.name, self.sample_rate = config, name, sample_rate
        self.register_buffer("codebook", torch.zeros(config.classes, config.code_width))
        place = INITIAL_PLACE * config.initial
        self.start_token = nn.Parameter(place * torch.randn(1, config.width))
        self.pos_emb = nn.Parameter(place * torch.randn(config.context, config.width))
        self.x_embs = nn.Linear(config.code_width, config.width, bias=False)
        nn.init.normal_(self.x_embs.weight, std=INITIAL * config.initial)
        self.layers = nn.ModuleList(Layer(config, config.kind(n)) for n in range(config.depth))
        self.x_out = nn.Linear(config.width, config.classes, bias=False)

    @property
    def device(self) -> torch.device:
        return self.codebook.device

    def forward(self, codes: Tensor) -> Tensor:
        """`[batch, frames]`, at most the context -> `[batch, frames, classes]`."""
        return self.x_out(self.activations(codes))

    def activations(self, codes: Tensor, pasts: list[Past] | None = None) -> Tensor:
        """What logits are made of, `[batch, frames, width]`; the pasts, one for each layer, become those of the codes.

        Layers compute in the precision of their weights.
        """
        x = self.embedded(codes).to(self.layers[0].mlp.c_fc.w.dtype)
        for layer, past in zip(self.layers, pasts or [None] * len(self.layers), strict=True):
            x = layer(x, past)
        return x.float()

    def embedded(self, codes: Tensor) -> Tensor:
        """What goes into the first layer, `[batch, frames, width]`: each place has the code before it."""
        before = self.x_embs(F.embedding(codes[:, :-1], self.codebook))
        x = torch.cat([self.start_token.expand(len(codes), 1, -1), before], dim=1)
        return x + self.pos_emb[: codes.shape[1]]

    def step(self, code: Tensor | None, pasts: list[Past], place: int, streams: int) -> Tensor:
        """Logits `[streams, classes]` at a place, given the code before it, `[streams]`, and the pasts, which grow."""
        before = self.start_token.expand(streams, -1) if code is None else self.x_embs(self.codebook[code])
        x = (before + self.pos_emb[place])[:, None].to(self.layers[0].mlp.c_fc.w.dtype)
        for layer, past in zip(self.layers, pasts, strict=True):
            x = layer.step(x, past, place)
        return self.x_out(x[:, 0].float())

    def stepwise(self, streams: int = 1) -> "TransformerSteps":
        return TransformerSteps(self, streams)


class TransformerSteps(StepwiseModel):
    """A transformer that is drawn code by code.

    Where the context is full, its second half becomes the first half of the next one.
    """

    def __init__(self, network: Transformer, streams: int = 1):
        self.network, self.streams = network, streams
        self.begin()

    def begin(self, condition: Tensor | None = None) -> None:
        """Forgets the past; there is nothing to be conditioned on."""
        self._codes = torch.empty(self.streams, 0, dtype=torch.long, device=self.network.device)
        self._pasts = self._no_pasts()
        self._logits: Tensor | None = None

    @torch.no_grad()
    def logits(self) -> Tensor:
        if self._logits is None:
            place = self._codes.shape[1]
            before = self._codes[:, -1] if place else None
            self._logits = self.network.step(before, self._pasts, place, self.streams)
        return self._logits

    def advance(self, classes: Tensor) -> None:
        self.logits()  # which the past needs
        self._append(classes[:, None])

    @torch.no_grad()
    def force(self, x: Tensor) -> Tensor:
        """As the protocol says; the first codes of all are taken at once."""
        room = 0 if self._codes.shape[1] else self.network.config.context
        first, others = x[:, :room].long(), x[:, room:]
        logits = []
        if first.shape[1]:
            logits.append(self.network.x_out(self.network.activations(first, self._pasts)))
            self._append(first)
        if others.shape[1]:
            logits.append(super().force(others))
        return torch.cat(logits, dim=1)

    def take(self, rows: Tensor) -> None:
        """Goes on with these streams, `[streams]`, some of them perhaps several times."""
        self._codes = self._codes[rows]
        self._logits = None if self._logits is None else self._logits[rows]
        for past in self._pasts:
            past.take(rows)

    def _append(self, codes: Tensor) -> None:
        self._codes, self._logits = torch.cat([self._codes, codes.to(self._codes)], dim=1), None
        context = self.network.config.context
        if self._codes.shape[1] == context:
            self._codes, self._pasts = self._codes[:, math.ceil(context / 2) :], self._no_pasts()
            if self._codes.shape[1]:
                self.network.activations(self._codes, self._pasts)

    def _no_pasts(self) -> list[Past]:
        return [Past(layer.attn) for layer in self.network.layers]


def build(config: Mapping, name: str = "", sample_rate: int = 22050) -> Transformer:
    """A fresh network from a checkpoint's or a recipe's configuration.

    Raises:
        ValueError: heads or blocks that do not divide what they share, or an order that is not known.
    """
    sizes = TransformerConfig(**config)
    if sizes.order not in KINDS:
        raise ValueError(f"there is no order {sizes.order} of attention")
    if sizes.blocks < 1 or sizes.context % sizes.blocks:
        raise ValueError(f"{sizes.blocks} blocks do not divide a context of {sizes.context}")
    if sizes.heads < 1 or int(sizes.attention_factor * sizes.width) % sizes.heads:
        raise ValueError(f"{sizes.heads} heads cannot share {sizes.attention_factor} of a width of {sizes.width}")
    return Transformer(sizes, name, sample_rate)


def from_checkpoint(name: str, config: Mapping, state: Mapping[str, Tensor], device: torch.device | str) -> Transformer:
    """A network from a checkpoint's configuration (its sizes, `sample_rate`) and weights, and what is kept beside."""
    sizes = {key: value for key, value in config.items() if key in TransformerConfig.__dataclass_fields__}
    model = build(sizes, name, config["sample_rate"])
    model.load_state_dict({key: weight for key, weight in state.items() if not key.startswith((SUMS, PARTS))})
    if SUMS in config:
        model.sums = code_sums.from_checkpoint(name, config[SUMS], _part(state, SUMS), device)
    if PARTS in config:
        model.parts = code_parts.from_checkpoint(name, config[PARTS], _part(state, PARTS), device)
    return model.eval().requires_grad_(False).to(device)


def _part(state: Mapping[str, Tensor], kind: str) -> dict[str, Tensor]:
    """Its tables, by their own names."""
    return {key.removeprefix(f"{kind}."): table for key, table in state.items() if key.startswith(kind)}
