"""Write text with a trained language model."""

import itertools
import sys
import time

import numpy as np

import nnmat
from cli import (
    guarded,
    input_file,
    nonnegative_float,
    nonnegative_int,
    positive_int,
    script_parser,
    use_threads,
)
from nnmat.datasets import Vocabulary
from train_transformer import vocabulary_of

EXAMPLES = """\
examples:
  python scripts/train_transformer.py --save plays.npz
  python scripts/sample.py plays.npz
  python scripts/sample.py plays.npz --start "HAMLET. " --length 300 --temperature 0.8 --top-k 10 --seed 1"""


def main() -> None:
    parser = script_parser(__doc__, EXAMPLES)
    parser.add_argument("model", type=input_file, help="what train_transformer.py --save wrote")
    parser.add_argument("--start", help="the text that is continued (default: a new line, or the first character)")
    parser.add_argument("--length", type=nonnegative_int, default=500, help="characters to write (%(default)s)")
    parser.add_argument("--temperature", type=nonnegative_float, default=0.8, help="0: the likeliest (%(default)s)")
    parser.add_argument("--top-k", type=positive_int, help="draw from the k likeliest only (default: from all)")
    parser.add_argument("--seed", type=nonnegative_int, default=0, help="of the draws (default: %(default)s)")
    parser.add_argument("--threads", type=positive_int, default=1, help="more gain nothing here (%(default)s)")
    parser.add_argument("--quiet", action="store_true", help="the text and nothing else")
    args = parser.parse_args()
    use_threads(parser, args.threads)
    if args.start == "":
        parser.error("argument --start: expected at least one character")
    model = nnmat.load(args.model)
    vocabulary = Vocabulary.load(vocabulary_of(args.model))
    start, given = start_of(args.start, vocabulary, nnmat.Decoder(model).tokens)
    options = {"temperature": args.temperature, "top_k": args.top_k, "seed": args.seed}
    tokens = nnmat.generate(model, given, args.length, **options)
    print(start.lstrip("\n"), end="")
    first = list(itertools.islice(tokens, 1))  # whose kernels may have to be compiled
    started, written = time.perf_counter(), 0
    for token in itertools.chain(first, tokens):
        print(vocabulary.decode([token]), end="", flush=not args.quiet)
        written += 1
    seconds = time.perf_counter() - started
    print()
    if not args.quiet and written > 1:
        print(f"{(written - 1) / seconds:,.0f} characters per second", file=sys.stderr)


def start_of(text: str | None, vocabulary: Vocabulary, known: int) -> tuple[str, np.ndarray]:
    """The text to begin with and its tokens; None: a new line, or the first character of a vocabulary without one."""
    if len(vocabulary) != known:
        raise nnmat.DataError(
            f"expected the vocabulary to have the {known} characters of the model, got {len(vocabulary)}. Is it "
            "the file of another model?"
        )
    if text is None:
        text = "\n" if "\n" in vocabulary.characters else vocabulary.characters[0]
    try:
        return text, vocabulary.encode(text)
    except nnmat.DataError as error:
        raise nnmat.DataError(f"argument --start: {error}") from None


if __name__ == "__main__":
    guarded(main)
