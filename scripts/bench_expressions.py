"""Train a network with a loss and an activation given as expressions beside the built-in ones.

Both have the same first values and see the same batches of MNIST, in turn; the fastest training of each counts.
"""

import time

import numpy as np

import nnmat
from cli import guarded, output_file, positive_int, script_parser, write_json

EPILOG = """\
bars:
  curves  the losses of all epochs agree to 1e-5 relative: float32, and sums in another order
  time    at most 1.3 times that of the built-in ones

examples:
  python scripts/bench_expressions.py
  python scripts/bench_expressions.py --rounds 5 --epochs 3 --json expressions.json"""
ACTIVATION = "sigmoid(X)"
LOSS = "-inner(Y, log_softmax_rows(H)) / dim(B)"
AGREE, SLOWER = 1e-5, 1.3


def trained(expressions: bool, data, epochs: int) -> tuple[list[float], float, bool]:
    """(the losses of the epochs, seconds, whether the steps ran as programs) of 784-128-10."""
    unit = nnmat.Expression(ACTIVATION) if expressions else nnmat.Sigmoid()
    layers = [nnmat.Flatten(), nnmat.Linear(784, 128), unit, nnmat.Linear(128, 10)]
    model = nnmat.Sequential(layers, input_shape=(28, 28, 1), seed=0)
    loss = nnmat.ExpressionLoss(LOSS, labels=True) if expressions else nnmat.SoftmaxCrossEntropy()
    trainer = nnmat.Trainer(model, loss, nnmat.SGD(model, lr=0.5, momentum=0.9))
    started = time.perf_counter()
    losses = trainer.fit(data, epochs=epochs, batch_size=128, seed=0, progress=False)["loss"]
    return losses, time.perf_counter() - started, trainer.program is not None


def main() -> None:
    parser = script_parser(__doc__, EPILOG)
    parser.add_argument("--epochs", type=positive_int, default=3, help="of each training (default: %(default)s)")
    parser.add_argument("--rounds", type=positive_int, default=5, help="alternations (default: %(default)s)")
    parser.add_argument("--json", type=output_file(".json"), metavar="FILE", help="write the figures to FILE")
    args = parser.parse_args()
    train, _ = nnmat.datasets.mnist()
    best = {False: float("inf"), True: float("inf")}
    curves: dict[bool, list[float]] = {}
    programs = True
    for _ in range(args.rounds + 1):  # the first one compiles kernels
        for expressions in (False, True):
            curves[expressions], seconds, program = trained(expressions, train, args.epochs)
            best[expressions] = min(best[expressions], seconds)
            programs = programs and program
    difference = float(np.max(np.abs(np.divide(curves[True], curves[False]) - 1)))
    ratio = best[True] / best[False]
    holds = difference <= AGREE and ratio <= SLOWER
    print(f"losses by epoch: {', '.join(f'{v:.6f}' for v in curves[False])}; they differ by {difference:.0e} relative")
    print(
        f"built-in {best[False]:.2f} s, expressions {best[True]:.2f} s: {ratio:.2f}, "
        f"{'as programs' if programs else 'by hand'}: {'PASS' if holds else 'MISSED'}"
    )
    if args.json:
        write_json(args.json, {"difference": difference, "ratio": ratio, "programs": programs, "holds": holds})


if __name__ == "__main__":
    guarded(main)
