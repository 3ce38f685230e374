"""What the training scripts share: their options, the run itself, and its report."""

import argparse
import functools
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nnmat
from cli import (
    input_file,
    nonnegative_int,
    output_file,
    picture_file,
    positive_float,
    positive_int,
    rate,
    script_parser,
    settings,
    shown_command,
    use_threads,
    write_json,
)
from nnmat import datasets, metrics, schedules
from nnmat.plots import plot_confusion, plot_history
from nnmat.plots.figures import picture

OPTIMIZERS = {
    "sgd": nnmat.SGD,
    "adam": nnmat.Adam,
    "adamw": nnmat.AdamW,
    "nadam": nnmat.NAdam,
    "adagrad": nnmat.Adagrad,
    "lion": nnmat.Lion,
    "muon": nnmat.Muon,
    "rmsprop": nnmat.RMSProp,
}


def make_parser(description: str, examples: str, classifies: bool = True, **defaults) -> argparse.ArgumentParser:
    """A parser with the options that all training scripts have; `defaults` sets epochs, batch_size, lr, optimizer.

    Those of targets and of dropout are of models that classify.
    """
    parser = script_parser(description, examples)
    run = parser.add_argument_group("training")
    run.add_argument("--epochs", type=positive_int, help="passes over the training set (default: %(default)s)")
    run.add_argument("--batch-size", type=positive_int, help="samples per step (default: %(default)s)")
    run.add_argument("--lr", type=positive_float, help="learning rate of the first step (default: %(default)s)")
    run.add_argument("--optimizer", choices=OPTIMIZERS, help="update rule (default: %(default)s)")
    run.add_argument(
        "--schedule",
        choices=("cosine", "constant"),
        default="cosine",
        help="learning rate over the run: falling to 0 along a cosine, or constant (default: %(default)s)",
    )
    run.add_argument(
        "--warm-up", type=nonnegative_int, default=0, help="steps up to the full rate (default: %(default)s)"
    )
    run.add_argument("--weight-decay", type=rate, default=0.0, help="of weights, not biases (default: %(default)s)")
    if classifies:
        run.add_argument("--label-smoothing", type=rate, default=0.0, help="of the targets (default: %(default)s)")
        run.add_argument("--dropout", type=rate, help="rate behind the hidden linear layers (default: %(default)s)")
    run.add_argument("--seed", type=nonnegative_int, default=0, help="of weights, order and dropout (%(default)s)")
    machine = parser.add_argument_group("machine and files")
    machine.add_argument("--threads", type=positive_int, help="(default: all cores); results do not depend on it")
    machine.add_argument("--limit", type=positive_int, help="train on the first so many samples only, for a quick look")
    machine.add_argument("--json", type=output_file(".json"), metavar="FILE", help="write the results to FILE")
    machine.add_argument("--save", type=output_file(".npz"), metavar="FILE", help="write the trained model to FILE")
    machine.add_argument("--plot", type=picture_file("--plot"), metavar="FILE", help="draw the run into FILE (.png)")
    machine.add_argument(
        "--resume",
        type=input_file,
        metavar="FILE",
        help="go on from what Ctrl-C left in FILE; the other options must be the same",
    )
    machine.add_argument("--quiet", action="store_true", help="no progress bars")
    parser.set_defaults(**defaults)
    return parser


def add_channels(group, meaning: str) -> None:
    """The channels of two layers of convolutions."""
    group.add_argument("--channels", type=positive_int, nargs=2, default=(16, 32), metavar=("C1", "C2"), help=meaning)


def run(parser: argparse.ArgumentParser, make_model: Callable[[argparse.Namespace], nnmat.Sequential]) -> None:
    """Train `make_model(args)` on MNIST as the command line says, and report."""
    args = parser.parse_args()
    print(f"nnmat {nnmat.__version__}, {args.threads or nnmat.get_num_threads()} threads")
    use_threads(parser, args.threads)
    train, test = digits(parser, args)
    model = make_model(args)
    print(model.summary())
    started = time.perf_counter()
    history = fit(model, train, test, args)
    seconds = time.perf_counter() - started
    accuracy = history["validation_accuracy"][-1]
    print(f"Test accuracy after the last epoch: {100 * accuracy:.2f} %   ({seconds:.1f} s)")
    if args.save:
        nnmat.save(model, args.save)
        look = shown_command(Path(sys.argv[0]).with_name("evaluate.py"), args.save)
        print(f"Model written to {args.save}. Look at its mistakes: {look}")
    draw(args, history, functools.partial(draw_confusion, model, test))
    if args.json:
        result = {
            "test_accuracy": accuracy,
            "epochs": len(history["epoch"]),
            "seconds": seconds,
            "seconds_per_epoch": sum(history["seconds"]) / len(history["seconds"]),
            "settings": settings(args, "json", "plot", "quiet"),
            "history": history,
        }
        write_json(args.json, result)


def draw(args: argparse.Namespace, history: dict[str, list], *more: Callable[[Any], Any]) -> None:
    """What --plot asks for: the losses, the accuracy if there is one, and what `more` draws on axes of its own."""
    if not args.plot:
        return
    panels: list[Callable[[Any], Any]] = [lambda ax: plot_history(history, ax=ax)]
    if "accuracy" in history:
        panels.append(lambda ax: plot_history(history, "accuracy", ax=ax))
    panels += more
    with picture("--plot", args.plot, len(panels), size=(4.6 * len(panels), 4.0)) as axes:
        for panel, ax in zip(panels, axes, strict=True):
            panel(ax)
    print(f"Picture written to {args.plot}")


def draw_confusion(model: nnmat.Sequential, test: datasets.Dataset, ax: Any) -> None:
    """What the test digits are taken for."""
    trainer = nnmat.Trainer(model, nnmat.SoftmaxCrossEntropy(), nnmat.SGD(model, lr=0.0))
    plot_confusion(metrics.confusion_matrix(trainer.predict(test.X, progress=False), test.y), ax=ax)


def digits(parser: argparse.ArgumentParser, args: argparse.Namespace) -> tuple[datasets.Dataset, datasets.Dataset]:
    """The training and the test digits that the options ask for; a batch is no larger than they are."""
    train, test = datasets.mnist()
    if args.limit is not None:
        train = train[: args.limit]
    if args.batch_size == parser.get_default("batch_size"):  # ours, not the user's
        args.batch_size = min(args.batch_size, len(train))
    if args.batch_size > len(train):
        parser.error(f"argument --batch-size: {args.batch_size} is more than the {len(train)} training samples")
    return train, test


def fit(model: nnmat.Sequential, train: datasets.Dataset, test: datasets.Dataset, args: argparse.Namespace):
    """The history of the training that the options ask for."""
    trainer = classifier(model, train, args)
    return fit_with(trainer, train, args, PrintEpoch(), batch_size=args.batch_size, validation=test)


def classifier(model: nnmat.Sequential, train: datasets.Dataset, args: argparse.Namespace) -> nnmat.Trainer:
    """The trainer of a model that tells digits apart."""
    lr = rate_of(args, args.epochs * -(-len(train) // args.batch_size))
    optimizer = OPTIMIZERS[args.optimizer](model, lr=lr, weight_decay=args.weight_decay, **momentum(args))
    loss = nnmat.SoftmaxCrossEntropy(label_smoothing=args.label_smoothing)
    return nnmat.Trainer(model, loss, optimizer, metrics=["accuracy"])


def fit_with(
    trainer: nnmat.Trainer | nnmat.Adversarial, train, args: argparse.Namespace, lines: nnmat.Callback, **options
) -> dict[str, list]:
    """The history of the training as the common options say; `lines` prints a line for each epoch.

    Ctrl-C or SIGTERM leaves a file to go on from. It is named after --save, or is the one that `fit` finds a free name
    for: two runs in a folder have two.
    """
    if args.save:
        options["checkpoint"] = args.save.with_suffix(".interrupted.npz")
    return trainer.fit(
        train,
        epochs=args.epochs,
        callbacks=[lines],
        seed=args.seed,
        progress=False if args.quiet else "bar",
        resume=args.resume,
        **options,
    )


def rate_of(args: argparse.Namespace, steps: int, final: float = 0.0):
    """The learning rate over so many steps: a linear rise, and then constant, or a cosine down to `final` of it."""
    lr = args.lr
    if args.schedule == "cosine":
        lr = schedules.Cosine(lr, max(1, steps - args.warm_up), final * lr)
    return schedules.WarmUp(args.warm_up, lr) if args.warm_up else lr


def momentum(args: argparse.Namespace) -> dict:
    """The extra settings of the chosen optimizer."""
    return {"momentum": 0.9, "nesterov": True} if args.optimizer == "sgd" else {}


class PrintEpoch(nnmat.Callback):
    """One line per epoch, so that a log file tells the story too."""

    def on_epoch_end(self, trainer, epoch, figures):
        print(
            f"epoch {epoch:2}   loss {figures['loss']:.4f}   accuracy {100 * figures['accuracy']:6.2f} %   "
            f"test accuracy {100 * figures['validation_accuracy']:6.2f} %   {figures['seconds']:.1f} s",
            flush=True,
        )
