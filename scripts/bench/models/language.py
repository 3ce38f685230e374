"""The language model of `train_transformer.py --recipe nano` in nnmat and PyTorch; run as a module, a worker for one.

A step is forward, softmax cross-entropy, backward, clipping at a norm of 1, and AdamW with the rates of the recipe.
Text is written token by token, with the keys and values of the places before, and the same window when the context is
full. PyTorch computes with the same weights: no modules, fused attention and norms, and its optimizers for many arrays.
"""

import argparse
import itertools
import sys

import numpy as np

from bench.networks import POOL, work
from bench.processes import seconds_of_one

NETS = {"nano": {"layers": 4, "heads": 4, "width": 128, "context": 64}}
NETS["tiny"] = {"layers": 2, "heads": 2, "width": 8, "context": 6}  # for tests
TOKENS = 65  # distinct characters of the plays
STEPS = 10  # of an epoch: the first ones of a run are made by hand
EPOCHS = 6
WRITTEN = 192  # tokens of a turn: three contexts
TEMPERATURE = 0.8
BETAS, DECAY, CLIP = (0.9, 0.99), 0.1, 1.0


def options(net: str) -> argparse.Namespace:
    """The recipe's, with the sizes of the network."""
    from train_transformer import RECIPES

    common = {"schedule": "cosine", "seed": 0}
    return argparse.Namespace(**{**RECIPES["nano"], **common, **NETS[net]})


def text(tokens: int) -> np.ndarray:
    """Tokens drawn at random, each likelier the smaller it is."""
    return np.random.default_rng(0).geometric(0.1, tokens) % TOKENS


class Nnmat:
    """nnmat as `train_transformer.py` and `sample.py` call it."""

    def __init__(self):
        import nnmat

        self.nnmat, self.set_threads = nnmat, nnmat.set_num_threads

    def variants(self, net: str, threads: int) -> list[dict]:
        return [{"threads": threads}]

    def model(self, net: str):
        from train_transformer import language_model

        return language_model(TOKENS, options(net))

    def trainer(self, net: str, batch: int):
        """A function that trains for so many seconds and returns those of a step, batches taken from a text."""
        from train_transformer import optimizer_for

        model = self.model(net)
        optimizer = optimizer_for(model, options(net))
        trainer = self.nnmat.Trainer(model, self.nnmat.SoftmaxCrossEntropy(), optimizer)
        source = self.nnmat.datasets.RandomWindows(text(100_000), NETS[net]["context"], batch, STEPS)

        def train(seconds: float) -> float:
            epochs = EPOCHS
            while True:
                taken = trainer.fit(source, epochs=epochs, progress=False)["seconds"][2:]
                if sum(taken) >= seconds or epochs > EPOCHS:
                    return sum(taken) / (len(taken) * STEPS)
                epochs = 2 + int(EPOCHS * seconds / sum(taken)) + 1

        return train

    def writer(self, net: str):
        """A function that writes many tokens and returns the seconds of one."""
        model = self.model(net)

        def write():
            return list(self.nnmat.generate(model, [1], WRITTEN, temperature=TEMPERATURE))

        return lambda: seconds_of_one(write) / WRITTEN


class Torch:
    """PyTorch, with the optimizers and numbers of threads that may be fastest."""

    def __init__(self):
        import torch

        self.torch, self.set_threads = torch, torch.set_num_threads

    def variants(self, net: str, threads: int) -> list[dict]:
        choices = itertools.product(sorted({1, threads}), ("foreach", "fused"))
        return [{"threads": t, "optimizer": o} for t, o in choices]

    def weights(self, net: str, model=None) -> dict:
        """Those of the model, by their names."""
        model = model or Nnmat().model(net)
        return {p.name: self.torch.from_numpy(p.value.copy()).requires_grad_() for p in model.parameters()}

    def blocks(self, net: str, P: dict, X, attend):
        """X (B, T, D) behind all blocks and the last norm; `attend(block, Q, K, V)` is the attention of heads."""
        F, sizes = self.torch.nn.functional, NETS[net]
        D, h = sizes["width"], sizes["heads"]
        B, T, _ = X.shape
        for block in range(sizes["layers"]):
            own = f"{block + 2}."
            N = F.layer_norm(X, (D,), P[f"{own}norm1.gamma"])
            QKV = F.linear(N, P[f"{own}attention.in_proj.weight"]).view(B, T, 3, h, D // h)
            O = attend(block, *QKV.permute(2, 0, 3, 1, 4))  # noqa: E741
            X = X + F.linear(O.transpose(1, 2).reshape(B, T, D), P[f"{own}attention.out_proj.weight"])
            N = F.layer_norm(X, (D,), P[f"{own}norm2.gamma"])
            up = F.linear(N, P[f"{own}feed_forward.0.weight"])
            X = X + F.linear(F.gelu(up), P[f"{own}feed_forward.2.weight"])
        return F.layer_norm(X, (D,), P[f"{sizes['layers'] + 2}.gamma"])

    def loss(self, net: str, P: dict, X, y):
        """The mean cross-entropy of tokens y behind X, both (B, T)."""
        F = self.torch.nn.functional

        def attend(block, Q, K, V):
            return F.scaled_dot_product_attention(Q, K, V, is_causal=True)

        H = self.blocks(net, P, F.embedding(X, P["0.weight"]) + P["1.weight"][: X.shape[1]], attend)
        logits = F.linear(H, P["0.weight"])
        return F.cross_entropy(logits.view(-1, logits.shape[-1]), y.reshape(-1))

    def stepper(self, net: str, batch: int, optimizer: str = "fused", P: dict | None = None):
        """A function that makes the next step and returns the loss as a tensor; its batches are ready."""
        from train_transformer import schedule_of

        torch, T, P = self.torch, NETS[net]["context"], P or self.weights(net)
        groups = [
            {"params": [p for p in P.values() if p.ndim > 1], "weight_decay": DECAY},
            {"params": [p for p in P.values() if p.ndim == 1], "weight_decay": 0.0},
        ]
        how = {optimizer: True}
        update = torch.optim.AdamW(groups, lr=0.0, betas=BETAS, **how)
        rng, tokens, rate = np.random.default_rng(0), text(100_000), schedule_of(options(net))
        pool = []
        for _ in range(POOL):
            at = rng.integers(0, len(tokens) - T, (batch, 1)) + np.arange(T)
            pool.append((torch.from_numpy(tokens[at]), torch.from_numpy(tokens[at + 1])))
        data, count, weights = itertools.cycle(pool), itertools.count(), list(P.values())

        def step():
            X, y = next(data)
            lr = rate(next(count))
            for group in update.param_groups:
                group["lr"] = lr
            update.zero_grad()
            value = self.loss(net, P, X, y)
            value.backward()
            torch.nn.utils.clip_grad_norm_(weights, CLIP)
            update.step()
            return value

        return step

    def writer(self, net: str, P: dict | None = None):
        """A function that writes many tokens and returns the seconds of one."""
        write = self.written(net, P or self.weights(net))
        return lambda: seconds_of_one(write) / WRITTEN

    def written(self, net: str, P: dict):
        """A function that writes many tokens and returns the logits of the last."""
        torch, sizes = self.torch, NETS[net]
        F, T, h, D = torch.nn.functional, sizes["context"], sizes["heads"], sizes["width"]

        @torch.inference_mode()
        def write():
            rng = torch.Generator().manual_seed(0)
            kept = torch.empty(sizes["layers"], 2, 1, h, T, D // h)
            place, seen, unread, logits = 0, [1], [1], None
            for _ in range(WRITTEN):
                if place + len(unread) > T:
                    place, unread = 0, seen[-(T // 2) :]
                end = place + len(unread)
                several = place == 0 and end > 1

                def attend(block, Q, K, V, place=place, end=end, several=several):
                    keys, values = kept[block]
                    keys[:, :, place:end], values[:, :, place:end] = K, V
                    return F.scaled_dot_product_attention(Q, keys[:, :, :end], values[:, :, :end], is_causal=several)

                X = F.embedding(torch.tensor([unread]), P["0.weight"]) + P["1.weight"][place:end]
                logits = F.linear(self.blocks(net, P, X, attend)[0, -1], P["0.weight"])
                token = int(torch.multinomial(torch.softmax(logits / TEMPERATURE, -1), 1, generator=rng))
                place, seen, unread = end, [*seen, token][-T:], [token]
            return seen, logits

        return write


CONTENDERS = {"nnmat": Nnmat, "torch": Torch}


if __name__ == "__main__":
    work(CONTENDERS[sys.argv[1]]())
