"""Train a character language model, a Transformer, on the plays of Shakespeare or any other text."""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import nnmat
from cli import guarded, input_file, positive_int, settings, shown_command, use_threads, write_json
from nnmat import Embedding, LayerNorm, PositionalEmbedding, Sequential, Tied, TransformerBlock, datasets
from nnmat.datasets import RandomWindows, Vocabulary, windows
from training_run import OPTIMIZERS, draw, fit_with, make_parser, momentum, rate_of

EXAMPLES = """\
examples:
  python scripts/train_transformer.py --save plays.npz        the small recipe for a processor, on the plays
  python scripts/train_transformer.py --optimizer muon
  python scripts/train_transformer.py --text book.txt --context 128 --layers 6
  python scripts/sample.py plays.npz                          text from the model

Ctrl-C, or SIGTERM, stops after the present step, keeps a checkpoint and prints how to go on (exit code 130, or 143)."""

RECIPES: dict[str, dict[str, Any]] = {
    "nano": {
        "layers": 4,
        "heads": 4,
        "width": 128,
        "context": 64,
        "batch_size": 12,
        "epochs": 8,
        "epoch_steps": 250,
        "warm_up": 100,
        "lr": 1e-3,
        "optimizer": "adamw",
        "weight_decay": 0.1,
        "dropout": 0.0,
    },
}
TRAINED = 0.9  # of the text; the rest is held out
FINAL = 0.1  # of the learning rate, at the end


def vocabulary_of(model: Path) -> Path:
    """The file of the characters that belongs to the file of a model."""
    return model.with_suffix(".vocabulary.json")


def language_model(tokens: int, args: argparse.Namespace) -> Sequential:
    """Blocks between an embedding and a head of the same weights; no biases."""
    embedding = Embedding(tokens, args.width)
    blocks = [
        TransformerBlock(args.width, args.heads, causal=True, bias=False, rate=args.dropout) for _ in range(args.layers)
    ]
    layers = [embedding, PositionalEmbedding(), *blocks, LayerNorm(args.width, bias=False)]
    return Sequential([*layers, Tied(embedding, transpose=True)], input_shape=(args.context,), seed=args.seed)


def schedule_of(args: argparse.Namespace):
    """A linear rise, and then a cosine or nothing, over all steps."""
    return rate_of(args, args.epochs * args.epoch_steps, FINAL)


def optimizer_for(model: Sequential, args: argparse.Namespace) -> nnmat.Optimizer:
    """The chosen one, clipped at a norm of 1; Muon for the matrices inside the blocks."""
    options = momentum(args)
    if args.optimizer in ("adam", "adamw", "nadam", "muon"):
        options["betas"] = (0.9, 0.99)
    if args.optimizer == "muon":
        tables = model.parameters()[0].name
        options["matrices"] = [p.name for p in model.parameters() if p.decay and p.name != tables]
    kind: Any = OPTIMIZERS[args.optimizer]
    return kind(model, lr=schedule_of(args), weight_decay=args.weight_decay, clip_norm=1.0, **options)


class PrintEpoch(nnmat.Callback):
    """One line per epoch, so that a log file tells the story too."""

    def on_epoch_end(self, trainer, epoch, figures):
        print(
            f"epoch {epoch:2}   loss {figures['loss']:.4f}   held-out loss {figures['validation_loss']:.4f}   "
            f"{figures['seconds']:.1f} s",
            flush=True,
        )


def parser_of() -> argparse.ArgumentParser:
    """The options of all training scripts, and those of the text and the network."""
    parser = make_parser(
        "Train a character language model: a Transformer whose gradients are those of docs/equations.md, section 3.",
        EXAMPLES,
        **RECIPES["nano"],
    )
    network = parser.add_argument_group("text and network")
    network.add_argument("--recipe", choices=RECIPES, help="the other options of a known run (default: nano)")
    network.add_argument("--text", type=input_file, metavar="FILE", help="UTF-8 text (default: plays of Shakespeare)")
    network.add_argument("--layers", type=positive_int, help="blocks (default: %(default)s)")
    network.add_argument("--heads", type=positive_int, help="of each block (default: %(default)s)")
    network.add_argument("--width", type=positive_int, help="features of a place (default: %(default)s)")
    network.add_argument("--context", type=positive_int, help="characters in a window (default: %(default)s)")
    network.add_argument("--epoch-steps", type=positive_int, help="batches in an epoch (default: %(default)s)")
    parser.set_defaults(**RECIPES["nano"])
    return parser


def read_text(path: Path | None) -> str:
    """The text of a file, or the plays."""
    if path is None:
        return datasets.shakespeare()
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise nnmat.FileFormatError(f"--text: expected {path} as UTF-8 text, got {error}.") from None


def main() -> None:
    parser = parser_of()
    recipe = parser.parse_known_args()[0].recipe
    parser.set_defaults(**RECIPES[recipe or "nano"])
    args = parser.parse_args()
    print(f"nnmat {nnmat.__version__}, {args.threads or nnmat.get_num_threads()} threads")
    use_threads(parser, args.threads)
    text = read_text(args.text)[: args.limit]
    vocabulary = Vocabulary(text)
    tokens = vocabulary.encode(text)
    cut = int(TRAINED * len(tokens))
    source = RandomWindows(tokens[:cut], args.context, args.batch_size, args.epoch_steps)
    held_out = windows(tokens[cut:], args.context)
    model = language_model(len(vocabulary), args)
    print(model.summary())
    print(f"{len(tokens):,} characters, {len(vocabulary)} distinct; {len(held_out):,} windows held out")
    loss = nnmat.SoftmaxCrossEntropy(label_smoothing=args.label_smoothing)
    trainer = nnmat.Trainer(model, loss, optimizer_for(model, args))
    started = time.perf_counter()
    history = fit_with(trainer, source, args, PrintEpoch(), validation=held_out)
    report(model, vocabulary, history, time.perf_counter() - started, args)


def report(model: Sequential, vocabulary: Vocabulary, history: dict, seconds: float, args: argparse.Namespace) -> None:
    """What came out, on the screen and in the files that were asked for."""
    held_out = history["validation_loss"][-1]
    print(f"Loss on the held-out tenth after the last epoch: {held_out:.4f}   ({seconds:.1f} s)")
    if args.save:
        nnmat.save(model, args.save)
        vocabulary.save(vocabulary_of(args.save))
        look = shown_command(Path(sys.argv[0]).with_name("sample.py"), args.save)
        print(f"Model written to {args.save}. Text from it: {look}")
    draw(args, history)
    if args.json:
        result = {
            "held_out_loss": held_out,
            "epochs": len(history["epoch"]),
            "seconds": seconds,
            "settings": settings(args, "json", "plot", "quiet"),
            "history": history,
        }
        write_json(args.json, result)


if __name__ == "__main__":
    guarded(main)
