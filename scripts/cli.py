"""What the training scripts share: options, the run itself, its report, and errors without tracebacks."""

import argparse
import importlib.util
import json
import os
import shlex
import sys
import time
from pathlib import Path

import nnmat
from nnmat import datasets, schedules
from nnmat.formats.atomic import atomic_write

ERRORS = (
    nnmat.BuildError,
    nnmat.ConfigError,
    nnmat.DataError,
    nnmat.DtypeError,
    nnmat.FileFormatError,
    nnmat.LabelError,
    nnmat.MissingExtraError,
    nnmat.NonFiniteError,
    nnmat.ShapeError,
    nnmat.StateError,
    OSError,
)
OPTIMIZERS = {"sgd": nnmat.SGD, "adam": nnmat.Adam, "adamw": nnmat.AdamW, "rmsprop": nnmat.RMSProp}


def _number(kind: type, rule: str, holds):
    """A parser of options that are numbers for which `holds`; `rule` says so in words."""

    def check(text: str):
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not holds(value):
            raise argparse.ArgumentTypeError(f"expected {rule}, got {text!r}")
        return value

    return check


positive_int = _number(int, "a whole number >= 1", lambda n: n >= 1)
nonnegative_int = _number(int, "a whole number >= 0", lambda n: n >= 0)
nonnegative_float = _number(float, "a number >= 0", lambda x: 0 <= x < float("inf"))
positive_float = _number(float, "a number > 0", lambda x: 0 < x < float("inf"))
rate = _number(float, "a number from 0 up to, but not including, 1", lambda x: 0 <= x < 1)


def output_file(suffix: str):
    """An option that names a file to write: its folder must exist, now and not after the training."""

    def check(text: str) -> Path:
        path = Path(text)
        if path.suffix != suffix:
            raise argparse.ArgumentTypeError(f"expected a file name that ends in {suffix}, got {text}")
        if not path.parent.is_dir():
            raise argparse.ArgumentTypeError(f"the folder {path.parent} does not exist")
        return path

    return check


def input_file(text: str) -> Path:
    """An option that names a file to read."""
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return path


def read_report(path: Path, script: str, keys: tuple[str, ...]) -> dict:
    """What `script` wrote with --json: a dict whose "rows" have the `keys`."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        whole = all(key in row for row in found["rows"] for key in keys)
    except (ValueError, LookupError, TypeError):
        whole = False
    if not whole:
        raise nnmat.FileFormatError(f"{path}: expected a file that `{script} --json` wrote. Try: measure again")
    return found


def need(module: str, option: str, extra: str) -> None:
    """A MissingExtraError, before any work is done, if `module`, which `option` uses, is not installed."""
    if importlib.util.find_spec(module) is None:
        raise nnmat.MissingExtraError(
            f"{option}: expected {module} to be installed, it is not. Try: pip install -e '.[{extra}]'"
        )


def make_parser(description: str, examples: str, **defaults) -> argparse.ArgumentParser:
    """A parser with the options that all training scripts have; `defaults` sets epochs, batch_size, lr, optimizer."""
    parser = argparse.ArgumentParser(
        description=description, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter
    )
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
    run.add_argument("--weight-decay", type=rate, default=0.0, help="of weights, not biases (default: %(default)s)")
    run.add_argument("--label-smoothing", type=rate, default=0.0, help="of the targets (default: %(default)s)")
    run.add_argument("--dropout", type=rate, help="rate behind the hidden linear layers (default: %(default)s)")
    run.add_argument("--seed", type=nonnegative_int, default=0, help="of weights, order and dropout (%(default)s)")
    machine = parser.add_argument_group("machine and files")
    machine.add_argument("--threads", type=positive_int, help="(default: all cores); results do not depend on it")
    machine.add_argument("--limit", type=positive_int, help="train on the first so many samples only, for a quick look")
    machine.add_argument("--json", type=output_file(".json"), metavar="FILE", help="write the results to FILE")
    machine.add_argument("--save", type=output_file(".npz"), metavar="FILE", help="write the trained model to FILE")
    machine.add_argument(
        "--resume",
        type=input_file,
        metavar="FILE",
        help="go on from what Ctrl-C left in FILE; the other options must be the same",
    )
    machine.add_argument("--quiet", action="store_true", help="no progress bars")
    parser.set_defaults(**defaults)
    return parser


def run(parser: argparse.ArgumentParser, args: argparse.Namespace, make_model) -> None:
    """Train `make_model(args)` on MNIST as the options say, and report."""
    if args.threads is not None:
        try:
            nnmat.set_num_threads(args.threads)
        except ValueError as error:
            parser.error(f"argument --threads: {error}")
    train, test = datasets.mnist()
    if args.limit is not None:
        train = train[: args.limit]
    if args.batch_size > len(train):
        parser.error(f"argument --batch-size: {args.batch_size} is more than the {len(train)} training samples")
    model = make_model(args)
    print(model.summary())
    steps = args.epochs * -(-len(train) // args.batch_size)
    lr = schedules.Cosine(args.lr, steps) if args.schedule == "cosine" else args.lr
    optimizer = OPTIMIZERS[args.optimizer](model, lr=lr, weight_decay=args.weight_decay, **momentum(args))
    loss = nnmat.SoftmaxCrossEntropy(label_smoothing=args.label_smoothing)
    trainer = nnmat.Trainer(model, loss, optimizer, metrics=["accuracy"])
    checkpoint = (
        args.save.with_suffix(".interrupted.npz") if args.save else Path(f"{Path(sys.argv[0]).stem}.interrupted.npz")
    )
    started = time.perf_counter()
    history = trainer.fit(
        train,
        epochs=args.epochs,
        batch_size=args.batch_size,
        validation=test,
        callbacks=[PrintEpoch()],
        seed=args.seed,
        progress=not args.quiet,
        checkpoint=checkpoint,
        resume=args.resume,
    )
    seconds = time.perf_counter() - started
    accuracy = history["validation_accuracy"][-1]
    print(f"Test accuracy after the last epoch: {100 * accuracy:.2f} %   ({seconds:.1f} s)")
    if args.save:
        nnmat.save(model, args.save)
        look = shown_command(Path(sys.argv[0]).with_name("evaluate.py"), args.save)
        print(f"Model written to {args.save}. Look at its mistakes: {look}")
    if args.json:
        settings = {
            k: str(v) if isinstance(v, Path) else v for k, v in vars(args).items() if k not in ("json", "quiet")
        }
        result = {
            "test_accuracy": accuracy,
            "epochs": len(history["epoch"]),
            "seconds": seconds,
            "seconds_per_epoch": sum(history["seconds"]) / len(history["seconds"]),
            "settings": settings,
            "history": history,
        }
        with atomic_write(args.json) as file:
            file.write((json.dumps(result, indent=1) + "\n").encode())


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


def shown_command(*words) -> str:
    """A line for the shell that runs `words` with this Python; a bare `python` may be another one."""
    python = Path(sys.executable)
    if python.is_relative_to(Path.cwd()):
        python = python.relative_to(Path.cwd())
    return shlex.join(map(str, [python, *words]))


def guarded(main) -> None:
    """Run `main()`; an error of the user's or of the machine's is one line on stderr, not a traceback."""
    name = Path(sys.argv[0]).name
    try:
        main()
        sys.stdout.flush()
    except nnmat.TrainingInterrupted as stopped:
        words = [w for i, w in enumerate(sys.argv) if not w.startswith("--resume") and sys.argv[i - 1] != "--resume"]
        print(f"\n{stopped.args[0].split('; go on')[0]}.", file=sys.stderr)
        print(f"To go on: {shown_command(*words, '--resume', stopped.checkpoint)}", file=sys.stderr)
        sys.exit(130)
    except KeyboardInterrupt:
        print(f"\n{name}: stopped by Ctrl-C.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except ERRORS as error:
        print(f"{name}: error: {error}", file=sys.stderr)
        sys.exit(1)
