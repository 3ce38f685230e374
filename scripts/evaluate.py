"""Look at what a trained model gets right and wrong on the MNIST test digits."""

import numpy as np

import nnmat
from cli import guarded, input_file, output_file, picture_file, positive_int, script_parser, write_json
from nnmat import datasets, metrics
from nnmat.plots.figures import picture

EXAMPLES = """\
examples:
  python scripts/train_cnn.py --save cnn.npz
  python scripts/evaluate.py cnn.npz                          accuracy, confusion matrix, worst mistakes
  python scripts/evaluate.py cnn.npz --picture mistakes.png   the worst mistakes as images (needs matplotlib)"""


def confusion_table(confusion: np.ndarray) -> str:
    """The confusion matrix as text: one row for each true digit."""
    head = "true \\ said" + "".join(f"{c:6}" for c in range(len(confusion))) + "   right"
    rows = [
        f"{t:11}" + "".join(f"{n:6}" if n else "     ." for n in row) + f"  {100 * row[t] / max(row.sum(), 1):5.1f} %"
        for t, row in enumerate(confusion)
    ]
    return "\n".join([head, *rows])


def worst_mistakes(P: np.ndarray, y: np.ndarray, count: int) -> list[dict]:
    """The samples whose true class got the smallest probability, among those that are classified wrongly."""
    said = P.argmax(1)
    wrong = np.flatnonzero(said != y)
    order = wrong[np.argsort(P[wrong, y[wrong]], kind="stable")][:count]
    return [
        {
            "index": int(i),
            "true": int(y[i]),
            "said": int(said[i]),
            "sure": float(P[i, said[i]]),
            "p_true": float(P[i, y[i]]),
        }
        for i in order
    ]


def draw(path, images: np.ndarray, mistakes: list[dict]) -> None:
    """A sheet of the mistakes: each image with the true and the chosen class."""
    columns = 6
    rows = max(1, -(-len(mistakes) // columns))
    with picture("--picture", path, columns, rows, (1.6 * columns, 2.0 * rows), dots=150) as axes:
        for axis in axes:
            axis.set_axis_off()
        for axis, m in zip(axes, mistakes, strict=False):
            axis.imshow(images[m["index"], :, :, 0], cmap="gray_r")
            axis.set_title(f"{m['true']}, said {m['said']}\n({100 * m['sure']:.0f} %, no. {m['index']})", fontsize=8)


def main() -> None:
    parser = script_parser(
        "Accuracy, confusion matrix and worst mistakes of a saved model on the MNIST test digits.", EXAMPLES
    )
    parser.add_argument("model", type=input_file, metavar="MODEL", help="a file that a training script saved (.npz)")
    parser.add_argument(
        "--worst", type=positive_int, default=18, metavar="N", help="how many mistakes to show (%(default)s)"
    )
    parser.add_argument("--picture", type=picture_file("--picture"), metavar="FILE", help="draw the mistakes into FILE")
    parser.add_argument("--batch-size", type=positive_int, default=256, help="samples at a time (%(default)s)")
    parser.add_argument("--json", type=output_file(".json"), metavar="FILE", help="write the results to FILE")
    args = parser.parse_args()

    model = nnmat.load(args.model)
    _, test = datasets.mnist()
    if model.input_shape != (28, 28, 1) or model.output_shape(model.input_shape) != (10,):
        raise nnmat.ShapeError(
            f"evaluate: the model in {args.model} maps {model.input_shape} to {model.output_shape(model.input_shape)}; "
            "MNIST needs (28, 28, 1) to (10,)."
        )
    trainer = nnmat.Trainer(model, nnmat.SoftmaxCrossEntropy(), nnmat.SGD(model, lr=0.0), metrics=["accuracy", "top_2"])
    figures = trainer.evaluate(test, batch_size=args.batch_size)
    P = trainer.predict_proba(test.X, batch_size=args.batch_size)
    confusion = metrics.confusion_matrix(P, test.y)
    mistakes = worst_mistakes(P, test.y, args.worst)

    print(model.summary() if isinstance(model, nnmat.Sequential) else model)
    print(f"\naccuracy {100 * figures['accuracy']:.2f} %, among the first two {100 * figures['top_2']:.2f} %, ", end="")
    print(f"loss {figures['loss']:.4f}\n\n{confusion_table(confusion)}\n\nworst mistakes:")
    for m in mistakes:
        print(
            f"  test image {m['index']:5}: a {m['true']}, taken for a {m['said']} "
            f"(p = {m['sure']:.3f}; p of the truth {m['p_true']:.1e})"
        )
    if args.picture:
        draw(args.picture, test.X, mistakes)
        print(f"Picture written to {args.picture}")
    if args.json:
        result = {"test_accuracy": figures["accuracy"], **figures, "confusion": confusion.tolist(), "worst": mistakes}
        write_json(args.json, result)


if __name__ == "__main__":
    guarded(main)
