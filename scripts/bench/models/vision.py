"""The networks of `train_resnet.py` and `train_gan.py` in nnmat and PyTorch; run as a module, a worker for one.

A step of "resnet" is forward, softmax cross-entropy with smoothed labels, backward and Nesterov's momentum with weight
decay; one of "gan" is the discriminator's and the generator's, with noise drawn anew for each, and Adam. Ours are those
of `fit`, which takes batches from the data; PyTorch has its batches ready. Its modules are the usual ones.
"""

import functools
import itertools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.processes import seconds_per_call, serve

POOL = 8  # batches that take turns
STEPS = 40  # of an epoch; the first ones of a run are made by hand


def options(net: str, sizes: dict):
    """The script's own, but for other sizes."""
    import train_gan
    import train_resnet

    args = {"resnet": train_resnet, "gan": train_gan}[net].parser_of().parse_args([])
    for name, value in sizes.items():
        setattr(args, name, value)
    return args


def images(batch: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Uniform pixels in [-1, 1] and random digits, for so many batches."""
    rng = np.random.default_rng(0)
    return 2 * rng.random((count * batch, 28, 28, 1), np.float32) - 1, rng.integers(0, 10, count * batch)


class Nnmat:
    """nnmat as the scripts call it."""

    def __init__(self):
        import nnmat

        self.nnmat, self.set_threads = nnmat, nnmat.set_num_threads

    def variants(self, threads: int) -> list[dict]:
        return [{"threads": threads}]

    def model(self, net: str, **sizes):
        """The networks of a script: one, or (generator, discriminator)."""
        import train_gan
        import train_resnet

        args = options(net, sizes)
        return (
            train_resnet.resnet(args) if net == "resnet" else (train_gan.generator(args), train_gan.discriminator(args))
        )

    def trainer(self, net: str, sizes: dict) -> Any:
        import train_gan
        import training_run

        args, (X, _) = options(net, sizes), images(1, 1)
        if net == "gan":
            return train_gan.game(args, STEPS)
        args.schedule, args.warm_up = "constant", 0
        return training_run.classifier(self.model(net, **sizes), self.nnmat.datasets.Dataset(X, [0]), args)

    def stepper(self, net: str, **sizes) -> Callable[[float], float]:
        """A function that trains for so many seconds and returns those of a step."""
        trainer, batch = self.trainer(net, sizes), options(net, sizes).batch_size
        X, y = images(batch, STEPS)

        def train(seconds: float) -> float:
            epochs = 3
            while True:
                taken = trainer.fit((X, y), epochs, batch_size=batch, progress=False)["seconds"][1:]
                if sum(taken) >= seconds or epochs > 3:
                    return sum(taken) / (len(taken) * STEPS)
                epochs = 3 + int(2 * seconds / sum(taken))

        return train


class Torch:
    """PyTorch, with the layouts, optimizers and numbers of threads that may be fastest."""

    def __init__(self):
        import torch

        self.torch, self.set_threads = torch, torch.set_num_threads

    def variants(self, threads: int) -> list[dict]:
        choices = itertools.product(sorted({1, threads}), ("NCHW", "channels_last"), ("foreach", "fused"))
        return [{"threads": t, "layout": layout, "optimizer": o} for t, layout, o in choices]

    def model(self, net: str, **sizes):
        """The networks of a script: one, or (generator, discriminator)."""
        args = options(net, sizes)
        return self.resnet(args) if net == "resnet" else (self.generator(args), self.discriminator(args))

    def resnet(self, args):
        nn: Any = self.torch.nn

        def convolution(inner: int, outer: int, size: int = 3, stride: int = 1) -> list:
            return [nn.Conv2d(inner, outer, size, stride, size // 2, bias=False), nn.BatchNorm2d(outer)]

        class Block(nn.Module):
            def __init__(self, inner: int, outer: int, new: bool):
                super().__init__()
                stride = 2 if new else 1
                first, second = convolution(inner, outer, 3, stride), convolution(outer, outer)
                self.block = nn.Sequential(*first, nn.ReLU(inplace=True), *second)
                self.shortcut = nn.Sequential(*convolution(inner, outer, 1, stride)) if new else nn.Identity()

            def forward(self, X):
                return nn.functional.relu(self.block(X) + self.shortcut(X), inplace=True)

        inner, *widths = args.widths
        layers = [*convolution(1, inner), nn.ReLU(inplace=True)]
        for outer in widths:
            for i in range(args.blocks):
                layers.append(Block(inner, outer, i == 0))
                inner = outer
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inner, 10))

    def generator(self, args):
        nn, (c1, c2), n = self.torch.nn, args.channels, args.hidden
        return nn.Sequential(
            *[nn.Linear(args.noise, n, bias=False), nn.BatchNorm1d(n), nn.ReLU(inplace=True)],
            *[nn.Linear(n, 49 * c2, bias=False), nn.BatchNorm1d(49 * c2), nn.ReLU(inplace=True)],
            nn.Unflatten(1, (c2, 7, 7)),
            *[nn.ConvTranspose2d(c2, c1, 4, 2, 1, bias=False), nn.BatchNorm2d(c1), nn.ReLU(inplace=True)],
            *[nn.ConvTranspose2d(c1, 1, 4, 2, 1), nn.Tanh()],
        )

    def discriminator(self, args):
        nn, (c1, c2), n = self.torch.nn, args.channels, args.hidden
        return nn.Sequential(
            *[nn.Conv2d(1, c1, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)],
            *[nn.Conv2d(c1, c2, 4, 2, 1, bias=False), nn.BatchNorm2d(c2), nn.LeakyReLU(0.2, inplace=True)],
            nn.Flatten(),
            *[nn.Linear(49 * c2, n, bias=False), nn.BatchNorm1d(n), nn.LeakyReLU(0.2, inplace=True), nn.Linear(n, 1)],
        )

    def stepper(self, net: str, layout: str = "NCHW", optimizer: str = "fused", **sizes) -> Callable[[float], float]:
        """A function that makes steps for so many seconds and returns those of one."""
        torch, args = self.torch, options(net, sizes)
        memory = torch.channels_last if layout == "channels_last" else torch.contiguous_format
        X, y = images(args.batch_size, POOL)
        X = torch.from_numpy(X).permute(0, 3, 1, 2).contiguous(memory_format=memory)
        size = args.batch_size
        pool = [(X[i : i + size], torch.from_numpy(y[i : i + size])) for i in range(0, len(X), size)]
        make = self.resnet_step if net == "resnet" else self.gan_step
        return functools.partial(seconds_per_call, make(args, memory, {optimizer: True}, itertools.cycle(pool)))

    def resnet_step(self, args, memory, how: dict, data) -> Callable:
        torch, model = self.torch, self.resnet(args).to(memory_format=memory)
        decayed = [p for p in model.parameters() if p.ndim > 1]
        others = [p for p in model.parameters() if p.ndim == 1]
        groups = [{"params": decayed, "weight_decay": args.weight_decay}, {"params": others, "weight_decay": 0.0}]
        update = torch.optim.SGD(groups, lr=args.lr, momentum=0.9, nesterov=True, **how)

        def step():
            X, y = next(data)
            update.zero_grad()
            value = torch.nn.functional.cross_entropy(model(X), y, label_smoothing=args.label_smoothing)
            value.backward()
            update.step()

        return step

    def gan_step(self, args, memory, how: dict, data) -> Callable:
        torch = self.torch
        G, D = (model.to(memory_format=memory) for model in (self.generator(args), self.discriminator(args)))
        rates = {G: args.lr * args.generator_factor, D: args.lr}
        of_G, of_D = (torch.optim.Adam(m.parameters(), lr=rates[m], betas=(args.beta1, 0.999), **how) for m in (G, D))
        softplus = torch.nn.functional.softplus

        def step():
            real, _ = next(data)
            of_D.zero_grad()
            with torch.no_grad():
                fake = G(torch.randn(len(real), args.noise))
            softplus(-D(real)).mean().backward()
            softplus(D(fake)).mean().backward()
            of_D.step()
            of_G.zero_grad()
            for p in D.parameters():  # nothing is computed for them
                p.requires_grad_(False)
            softplus(-D(G(torch.randn(len(real), args.noise)))).mean().backward()
            for p in D.parameters():
                p.requires_grad_(True)
            of_G.step()

        return step


CONTENDERS = {"nnmat": Nnmat, "torch": Torch}


def main() -> None:
    contender: Any = CONTENDERS[sys.argv[1]]()
    built = functools.cache(lambda net, options: contender.stepper(net, **dict(options)))

    def steps(seconds: float, variant: dict, net: str) -> float:
        own = dict(variant)
        contender.set_threads(own.pop("threads"))
        return built(net, tuple(own.items()))(seconds)

    serve({"variants": contender.variants, "steps": steps})


if __name__ == "__main__":
    main()
