"""Train a generative adversarial network on the MNIST digits: one network draws, another one tells drawn from real."""

import argparse
import functools
import struct
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np

import nnmat
import train_cnn
from cli import guarded, input_file, positive_float, positive_int, settings, shown_command, use_threads, write_json
from nnmat import (
    AdversarialLoss,
    BatchNorm1d,
    BatchNorm2d,
    Conv2d,
    ConvTranspose2d,
    Flatten,
    LeakyReLU,
    Linear,
    ReLU,
    Sequential,
    Tanh,
    Unflatten,
    datasets,
)
from nnmat.formats.atomic import atomic_write
from training_run import OPTIMIZERS, add_channels, classifier, digits, draw, fit_with, make_parser, momentum, rate_of

EXAMPLES = """\
examples:
  python scripts/train_gan.py                                 30 epochs; pictures of samples in gan-pictures/
  python scripts/train_cnn.py --save judge.npz                a judge of the samples, trained once,
  python scripts/train_gan.py --judge judge.npz               and used again
  python scripts/train_gan.py --loss wasserstein --clip-weights 0.01 --discriminator-steps 5 --optimizer rmsprop

Ctrl-C, or SIGTERM, stops after the present step, keeps a checkpoint and prints how to go on (exit code 130, or 143)."""

SAMPLES = 1000  # that are judged after each epoch
SURE = 0.9  # probability of a digit from which on the judge is confident
GRID = 10  # rows and columns of a picture
LOSSES = ("minimax", "non_saturating", "least_squares", "hinge", "wasserstein")


def generator(args: argparse.Namespace) -> Sequential:
    """Noise to images in [-1, 1]: linear, then two transposed convolutions (Radford et al. 2016, smaller)."""
    c1, c2 = args.channels
    return Sequential(
        [
            Linear(args.noise, args.hidden, bias=False),
            BatchNorm1d(),
            ReLU(),
            Linear(args.hidden, 7 * 7 * c2, bias=False),
            BatchNorm1d(),
            ReLU(),
            Unflatten((7, 7, c2)),
            ConvTranspose2d(c2, c1, 4, stride=2, padding=1, bias=False),  # -> (14, 14, c1)
            BatchNorm2d(),
            ReLU(),
            ConvTranspose2d(c1, 1, 4, stride=2, padding=1),  # -> (28, 28, 1)
            Tanh(),
        ],
        input_shape=(args.noise,),
        seed=2 * args.seed,
    )


def discriminator(args: argparse.Namespace) -> Sequential:
    """Images to scores: the same sizes the other way, with strides in the place of pooling."""
    c1, c2 = args.channels
    return Sequential(
        [
            Conv2d(1, c1, 4, stride=2, padding=1),  # (28, 28, 1) -> (14, 14, c1)
            LeakyReLU(0.2),
            Conv2d(c1, c2, 4, stride=2, padding=1, bias=False),  # -> (7, 7, c2)
            BatchNorm2d(),
            LeakyReLU(0.2),
            Flatten(),
            Linear(None, args.hidden, bias=False),
            BatchNorm1d(),
            LeakyReLU(0.2),
            Linear(args.hidden, 1),
        ],
        input_shape=(28, 28, 1),
        seed=2 * args.seed + 1,
    )


def game(args: argparse.Namespace, batches: int) -> nnmat.Adversarial:
    """The two networks, with their optimizers and their loss; an epoch has so many batches."""
    G, D = generator(args), discriminator(args)
    options = momentum(args)
    if args.optimizer in ("adam", "adamw", "nadam"):
        options["betas"] = (args.beta1, 0.999)
    kind: Any = OPTIMIZERS[args.optimizer]
    steps, decay = args.epochs * batches, args.weight_decay
    of_D = kind(D, lr=rate_of(args, steps), weight_decay=decay, **options)
    args_of_G = argparse.Namespace(**vars(args) | {"lr": args.lr * args.generator_factor})
    of_G = kind(G, lr=rate_of(args_of_G, -(-steps // args.discriminator_steps)), weight_decay=decay, **options)
    return nnmat.Adversarial(
        G,
        D,
        AdversarialLoss(args.loss),
        of_G,
        of_D,
        discriminator_steps=args.discriminator_steps,
        clip_weights=args.clip_weights,
    )


# ---- what the samples are worth ----------------------------------------------------------------------------------


class Judge:
    """A network that tells digits apart, asked how sure it is of images in [0, 1], and which digits it sees."""

    def __init__(self, model: nnmat.Layer):
        if model.input_shape != (28, 28, 1) or model.output_shape(model.input_shape) != (10,):
            raise nnmat.ShapeError(
                f"--judge: the model maps {model.input_shape} to {model.output_shape(model.input_shape)}; a judge maps "
                "(28, 28, 1) to (10,), as those of train_cnn.py and train_resnet.py do."
            )
        self.model = model

    def __call__(self, images: np.ndarray) -> dict[str, Any]:
        """`confident`: the share of images of which it is sure; `digits`: the share of each digit."""
        H = [
            self.model.forward(images[i : i + 250].astype(self.model.dtype), record=False)
            for i in range(0, len(images), 250)
        ]
        P = nnmat.softmax(np.concatenate(H))
        digits = np.bincount(P.argmax(1), minlength=10) / len(P)
        return {"confident": float((P.max(1) > SURE).mean()), "digits": digits.tolist()}


def judge_of(path: Path | None, train: datasets.Dataset) -> Judge:
    """The judge in a file, or one trained now, by the recipe of train_cnn.py."""
    if path is not None:
        return Judge(nnmat.load(path))
    example = shown_command("scripts/train_cnn.py", "--save", "judge.npz")
    print(f"Training a judge as train_cnn.py does. To have one: {example}, then --judge judge.npz.", flush=True)
    args = train_cnn.parser_of().parse_args([])
    args.batch_size = min(args.batch_size, len(train))
    model = train_cnn.lenet(args)
    trainer = classifier(model, train, args)
    trainer.fit(train, args.epochs, batch_size=args.batch_size, seed=args.seed, progress=False, checkpoint=None)
    return Judge(model)


def line_of(found: dict[str, Any]) -> str:
    """How sure the judge is, and the digits that it sees, in words."""
    digits = " ".join(f"{100 * share:4.1f}" for share in found["digits"])
    return f"sure of {100 * found['confident']:5.1f} %   digits 0 to 9 (%): {digits}"


# ---- what is shown of a run --------------------------------------------------------------------------------------


def sheet(images: np.ndarray) -> np.ndarray:
    """A square of images (n, h, w, 1), as one image."""
    n, h, w, _ = images.shape
    side = int(np.sqrt(n))
    return images[: side * side, :, :, 0].reshape(side, side, h, w).transpose(0, 2, 1, 3).reshape(side * h, side * w)


def png(images: np.ndarray) -> bytes:
    """The file of a square of images (n, h, w, 1) in [0, 1], white on black."""
    pixels = sheet(images)
    rows, columns = pixels.shape
    lines = np.zeros((rows, columns + 1), np.uint8)  # a filter's number stands before each line: none
    lines[:, 1:] = np.rint(255 * np.clip(pixels, 0, 1))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)  # 8 bits of grey
    body = zlib.compress(lines.tobytes())
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def show_samples(images: np.ndarray, ax: Any) -> None:
    """A sheet of samples, as in the pictures of the epochs."""
    ax.imshow(sheet(images[: GRID * GRID]), cmap="gray", vmin=0, vmax=1)
    ax.set_axis_off()


def images_of(trainer: nnmat.Adversarial) -> np.ndarray:
    """Samples, the same noise each time, as images in [0, 1]."""
    return (trainer.samples(SAMPLES, seed=1) + 1) / 2


class Gallery(nnmat.Callback):
    """A line and a picture for each epoch, and what the judge says of samples."""

    def __init__(self, judge: Judge, pictures: Path | None):
        self.judge, self.pictures = judge, pictures
        self.found: list[dict[str, Any]] = []  # of each epoch

    def on_epoch_end(self, trainer, epoch, figures):
        images = images_of(trainer)
        self.found.append(self.judge(images))
        print(
            f"epoch {epoch:2}   discriminator {figures['discriminator_loss']:.4f}   generator "
            f"{figures['generator_loss']:.4f}   {line_of(self.found[-1])}   {figures['seconds']:.1f} s",
            flush=True,
        )
        if self.pictures is not None:
            with atomic_write(self.pictures / f"epoch-{epoch:02}.png") as file:
                file.write(png(images[: GRID * GRID]))

    def state(self):
        return {"found": self.found}

    def load_state(self, state):
        self.found = state["found"]


def parser_of() -> argparse.ArgumentParser:
    """The options of all training scripts, and those of the game."""
    parser = make_parser(
        "Train a generative adversarial network on MNIST: a generator of transposed convolutions against a "
        "discriminator of convolutions, in turn.",
        EXAMPLES,
        classifies=False,
        epochs=30,
        batch_size=64,
        lr=4e-4,
        optimizer="adam",
    )
    network = parser.add_argument_group("game and networks")
    network.add_argument("--loss", choices=LOSSES, default="non_saturating", help="(default: %(default)s)")
    network.add_argument("--noise", type=positive_int, default=64, help="numbers behind a sample (%(default)s)")
    add_channels(network, "of images of 14 x 14 and of 7 x 7, in both networks (16 32)")
    network.add_argument(
        "--hidden", type=positive_int, default=256, help="units of the linear layers within (default: %(default)s)"
    )
    network.add_argument(
        "--generator-factor",
        type=positive_float,
        default=5.0,
        help="learning rate of the generator as a multiple of --lr (default: %(default)s)",
    )
    network.add_argument("--beta1", type=float, default=0.5, help="of Adam's kind (default: %(default)s)")
    network.add_argument(
        "--discriminator-steps", type=positive_int, default=1, help="for each of the generator (default: %(default)s)"
    )
    network.add_argument("--clip-weights", type=positive_float, help="those of the discriminator, for wasserstein")
    network.add_argument("--judge", type=input_file, metavar="MODEL", help="(default: one is trained first)")
    network.add_argument(
        "--pictures", type=Path, default=Path("gan-pictures"), metavar="FOLDER", help="(default: %(default)s)"
    )
    network.add_argument("--no-pictures", action="store_true", help="write none")
    return parser


def main() -> None:
    parser = parser_of()
    args = parser.parse_args()
    print(f"nnmat {nnmat.__version__}, {args.threads or nnmat.get_num_threads()} threads")
    use_threads(parser, args.threads)
    train, test = digits(parser, args)
    trainer = game(args, -(-len(train) // args.batch_size))
    pictures = None if args.no_pictures else args.pictures
    if pictures is not None:
        pictures.mkdir(exist_ok=True)
    judge = judge_of(args.judge, train)
    print(f"generator\n{trainer.generator.summary()}\n\ndiscriminator\n{trainer.discriminator.summary()}\n")
    real = judge(test.X)
    noise = judge(np.random.default_rng(0).random((SAMPLES, 28, 28, 1)))
    print(f"the judge on test images: {line_of(real)}\nthe judge on noise:       {line_of(noise)}", flush=True)
    gallery = Gallery(judge, pictures)
    started = time.perf_counter()
    history = fit_with(trainer, 2 * train.X - 1, args, gallery, batch_size=args.batch_size)
    seconds = time.perf_counter() - started
    found = gallery.found[-1]
    print(f"Samples after the last epoch: {line_of(found)}   ({seconds:.1f} s)")
    if args.save:
        nnmat.save(trainer.generator, args.save)
        print(f"Generator written to {args.save}: it makes images in [-1, 1] of standard normal noise ({args.noise},).")
    draw(args, history, functools.partial(show_samples, images_of(trainer)))
    if args.json:
        result = {
            **found,
            "samples": SAMPLES,
            "real": real,
            "noise": noise,
            "epochs": len(history["epoch"]),
            "seconds": seconds,
            "settings": settings(args, "json", "plot", "quiet"),
            "history": history | {"judged": gallery.found},
        }
        write_json(args.json, result)


if __name__ == "__main__":
    guarded(main)
