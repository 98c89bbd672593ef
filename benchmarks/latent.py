"""Two code streams from a mixture's: seconds and memory of a step over all pairs of codes, over those near it, and over
all by what both codes add to it.

    python -m benchmarks.latent --classes 512 2048 --chains 1 8 64 --sigma 0.2 2

Priors are random, and so are the codes: of unit length, so that at sigma 0.2 the mixture tells much and at 2 nearly
nothing, where pairs near it give way to all of them; what codes add takes no heed of sigma. The table of sums is
random, too: of real codes it takes a minute. Every case runs in a process of its own on one core; seconds are the
processor's, memory is what it took at most beside the networks and the table. Prints a table and, last, one JSON line.
"""

import argparse
import json
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context

import torch
from torch import Tensor

from core.models import transformer
from core.models.code_parts import CodeParts
from core.models.code_sums import CodeSums
from core.models.transformer import Transformer
from core.samplers.code_pairs import CodePairs
from core.samplers.latent import JointPosterior, NearPairs, latent_posterior
from core.samplers.summed_parts import SummedParts

KINDS = ("all pairs", "near pairs", "summed parts")
CODE_WIDTH = 64
PRIOR = {"context": 1152, "width": 160, "depth": 6, "heads": 4, "blocks": 32, "initial": 5.0}
STEPS = {"all pairs": 3, "near pairs": 20, "summed parts": 20}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", nargs="+", type=int, default=[512, 2048])
    parser.add_argument("--chains", nargs="+", type=int, default=[1, 8])
    parser.add_argument("--sigma", nargs="+", type=float, default=[0.2, 2.0])
    given = parser.parse_args()
    rows = []
    print(f"{'classes':>8} {'chains':>7} {'sigma':>6} {'pairs':>11} {'ms a step':>10} {'MB':>8}")
    for case in product(given.classes, given.chains, given.sigma, KINDS):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
            rows.append(alone.submit(measure, *case).result())
        row = rows[-1]
        print(
            f"{row['classes']:>8} {row['chains']:>7} {row['sigma']:>6g} {row['pairs']:>11} "
            f"{row['milliseconds']:>10.1f} {row['megabytes']:>8}",
            flush=True,
        )
    print(json.dumps({"benchmark": "latent", "prior": PRIOR, "rows": rows}))


def measure(classes: int, chains: int, sigma: float, kind: str) -> dict:
    """Of one case, after a step that is not counted."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    codebook = torch.nn.functional.normalize(torch.randn(classes, CODE_WIDTH), dim=1)
    kept = tables(codebook, kind)
    priors = tuple(prior(codebook).stepwise(chains) for _ in range(2))
    before = peak()
    joint = posterior(priors, codebook, kept, sigma, kind)
    mixture = codebook[torch.randint(classes, (STEPS[kind] + 1,))]
    draws = latent_posterior(joint, mixture, generator=torch.Generator().manual_seed(0), chunk=1)
    next(draws)
    start = time.process_time()
    for _ in draws:
        pass
    seconds = (time.process_time() - start) / STEPS[kind]
    case = {"classes": classes, "chains": chains, "sigma": sigma, "pairs": kind}
    return case | {"milliseconds": round(1e3 * seconds, 1), "megabytes": round(peak() - before)}


def tables(codebook: Tensor, kind: str) -> CodeParts | CodeSums:
    """What pairs are weighed by."""
    if kind == "summed parts":
        return CodeParts(codebook / 2, codebook / 2, torch.eye(CODE_WIDTH), torch.zeros(CODE_WIDTH), torch.ones(2, 1))
    return CodeSums(torch.randint(len(codebook), (len(codebook),) * 2, dtype=torch.int32))


def posterior(priors: tuple, codebook: Tensor, kept: CodeParts | CodeSums, sigma: float, kind: str) -> CodePairs:
    if isinstance(kept, CodeParts):
        return SummedParts(priors, codebook, kept)
    return {"all pairs": JointPosterior, "near pairs": NearPairs}[kind](priors, codebook, kept, sigma=sigma)


def prior(codebook: Tensor) -> Transformer:
    made = transformer.build(PRIOR | {"classes": len(codebook), "code_width": CODE_WIDTH})
    made.codebook.copy_(codebook)
    return made.eval().requires_grad_(False)


def peak() -> float:
    """Memory of this process at most so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
