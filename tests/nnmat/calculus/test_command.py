"""The command line: output, files, exit codes, errors with the column."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest

from nnmat.calculus.command import main

SIGMOID = ["derive", "x.T @ A @ y", "--wrt", "B", "--let", "h=inv(B) @ z + b", "--let", "y=sigmoid(h)"]


def test_a_derivation(capsys):
    assert main([*SIGMOID, "--check"]) == 0
    out = capsys.readouterr().out
    assert "∇_B f = -B⁻ᵀ(((Aᵀx) ⊙ y ⊙ (1 - y)) zᵀ)B⁻ᵀ" in out
    assert "∇_h f = (∇_y f) ⊙ y ⊙ (1 - y)" in out
    assert "LAW-5" in out
    assert "steps at 3 random points, largest relative error" in out


def test_latex_to_a_file(tmp_path, capsys):
    file = tmp_path / "gradient.tex"
    assert main([*SIGMOID, "--format", "latex", "--full", "-o", str(file)]) == 0
    assert capsys.readouterr().out == ""
    text = file.read_text(encoding="utf-8")
    assert text.count(r"\begin{align*}") == text.count(r"\end{align*}") > 2
    assert r"B^{-\top}" in text


def test_shapes_attributes_and_upstream(capsys):
    shapes = ["--shape", "S=D,D,positive_definite", "--shape", "R=D,D,symmetric", "--shape", "N=1"]
    assert main(["derive", "N*logdet(S) + trace(inv(S) @ R)", "--wrt", "S", *shapes]) == 0
    assert "∇_S f = N S⁻¹ - S⁻¹RS⁻¹    (on the symmetric matrices)" in capsys.readouterr().out
    assert main(["derive", "trace(S @ R)", "--wrt", "S", *shapes[:4], "--symmetric", "entries"]) == 0
    assert "free entries" in capsys.readouterr().out
    assert main(["derive", "X @ W.T", "--wrt", "W", "--upstream", "G"]) == 0
    assert "∇_W f = GᵀX" in capsys.readouterr().out
    upstream = ["--upstream", "G", "--shape", "G=B,M", "--shape", "X=B,N", "--shape", "W=M,N"]
    assert main(["derive", "X @ W.T", "--wrt", "W", *upstream]) == 0
    assert "G (B, M), W (M, N), X (B, N)" in capsys.readouterr().out
    assert main(["derive", "W @ X", "--wrt", "W", "--upstream", "G", "--shape", "G=B,M"]) == 2
    assert "expected G of the shape of WX of shape (N, P)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["derive", "x.T @ (A", "--wrt", "A"], 2, "column 9"),
        (["derive", "x.T @ A @ y", "--wrt", "Q"], 2, "expected wrt among A, x, y"),
        (["derive", "A @ B", "--wrt", "A"], 2, "Pass its upstream gradient"),
        (["derive", "x.T @ x", "--wrt", "x", "--shape", "x"], 2, "expected --shape as NAME=VALUE"),
        (["derive", "x.T @ x", "--wrt", "x", "--shape", "x=1,2,3"], 2, "expected --shape x=M,N"),
        (
            ["derive", "x.T @ x", "--wrt", "x", "--shape", "x=N,positive,foo"],
            2,
            "got the attribute 'foo'. There are sym",
        ),
        (["derive", "x.T @ x", "--wrt", "x", "--shape", "x=positive"], 2, "expected --shape x=M,N or x=N, then"),
        (["derive", "x.T @ x", "--wrt", "x", "--shape", "x="], 2, "expected --shape x=M,N"),
        (["derive", "x.T @ x", "--wrt", "x", "--shape", "x=0"], 2, "expected a positive size, got 0"),
        (["derive", "x.T @ x", "--wrt", "x", "--shape", "x=N/2"], 2, "column 2: expected a dimension"),
        (["derive", "h.T @ h", "--wrt", "x", "--let", "h=exp(k)", "--let", "k=sin(h)"], 2, "named before, got k"),
        (["derive", "h.T @ h", "--wrt", "h", "--let", "h=exp(h)"], 2, "named before, got h. Name it first"),
        (["derive", "h.T @ h", "--wrt", "h", "--let", "h=exp(x)"], 2, "stands in the chain"),
        (["derive", "x" + 400 * " ** 2", "--wrt", "x"], 2, "expected a number as exponent"),
        (["derive", "1e999 * x.T @ x", "--wrt", "x"], 2, "column 1: expected a number from 1e-308 to 1e308"),
        (["laws", "--seed", "-1"], 2, "expected seed as a seed"),
        (["derive", "x.T @ A @ y", "--wrt", "A", "--shape", "x=M", "--shape", "A=N,M"], 2, "column 5"),
        (["derive", "x.T @ x", "--wrt", "x", "--let", "x=y", "--shape", "x=N"], 2, "expected x in --let or in --shape"),
        (
            ["derive", "x.T @ x", "--wrt", "x", "-o", "/nowhere/at/all"],
            2,
            "nnmat: expected an output to write to, got '/nowhere/at/all': No such file or directory. Try -o FILE.",
        ),
        (["derive", "x.T @ x", "--wrt", "x", "-o", ""], 2, "got ''"),
        (["derive", "x.T @ x", "--wrt", "x", "--shape", "y=N"], 2, "names in the expression, x, got y. Check the spel"),
        (["derive", "x.T @ x", "--wrt", "x", "--let", "X=sin(y)"], 2, "names in the expression, x, got X. Check the"),
        (["derive", "sum(log(x))", "--wrt", "x", "--shape", "x=N,positve"], 2, "attribute 'positve'. There are"),
        (["derive", "x.T @ x", "--wrt", "x", "--shape", "x=N,constant"], 1, "declared constant"),
        (["derive", "sum(log(-exp(x)))", "--wrt", "x"], 1, "points of the domain"),
    ],
)
def test_exit_codes(arguments, code, message, capsys):
    assert main(arguments) == code
    assert message in capsys.readouterr().err


def test_sizes_that_are_computed(capsys):
    assert main(["derive", "sum(A)", "--wrt", "A", "--shape", "A=2*M + 1,floor((N - 1)/2)"]) == 0
    assert "A (2*M + 1, floor((N - 1)/2))" in capsys.readouterr().out


def nnmat(command, **environment):
    """A process of its own: the whole line by the shell."""
    return subprocess.run(
        ["sh", "-c", command.replace("nnmat", f"'{sys.executable}' -m nnmat", 1)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
    )


def test_an_output_that_cannot_show_the_signs():
    plain = nnmat("nnmat derive 'x.T @ x' --wrt x", PYTHONIOENCODING="ascii")
    assert (plain.returncode, plain.stdout) == (2, "")
    assert plain.stderr.startswith("nnmat: expected an output that shows")
    assert plain.stderr.endswith("Set PYTHONIOENCODING=utf-8, or use --format latex, or -o FILE.\n")
    tex = nnmat("nnmat derive '(-x.T @ x)' --wrt x --format latex", PYTHONIOENCODING="ascii")
    assert (tex.returncode, tex.stderr) == (0, "")
    assert r"\nabla_{x} f &= -2 x" in tex.stdout


def test_a_reader_that_stops_reading_is_no_error():
    assert nnmat("nnmat derive 'x.T @ x' --wrt x | true").stderr == ""


def test_wrong_options_exit_with_2(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["derive", "x", "--wrt", "x", "--format", "word"])
    with pytest.raises(SystemExit, match="2"):
        main([])


def test_the_table(capsys):
    assert main(["laws"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 60
    assert any(line.startswith("LAW-5 ") and "d(A⁻¹) = -A⁻¹ dA A⁻¹" in line for line in lines)


def test_assumptions_and_questions(capsys):
    assert main(["derive", "sum(tanh(X @ W.T + b.T))", "--wrt", "b"]) == 0
    out = capsys.readouterr().out
    assert "h = XWᵀ + 1 bᵀ" in out
    assert "assumed, from their use: the shapes of W, X, b\n" in out
    mean = ["derive", "(x - mu).T @ inv(Sigma) @ (x - mu)", "--wrt", "mu"]
    assert main(mean) == 2
    assert "Declare mu: a column as mu=('N',) or --shape mu=N, a scalar as mu=() or --shape mu=1." in (
        capsys.readouterr().err
    )
    assert main([*mean, "--shape", "mu=N"]) == 0
    assert "∇_μ f = -(Σ⁻¹ + Σ⁻ᵀ)(x - μ)" in capsys.readouterr().out
    assert main(["derive", "norm2(X @ w - y)**2 / N", "--wrt", "w"]) == 2
    assert "N is a matrix or a scalar here, got no sign of it. Declare N" in capsys.readouterr().err
    assert main(["derive", "A * B", "--wrt", "B"]) == 2
    assert "declare a scalar as A=() in parse, --shape A=1 in the command" in capsys.readouterr().err


def test_a_page_to_a_file(tmp_path, capsys):
    file = tmp_path / "gradient.html"
    assert main([*SIGMOID, "--format", "html", "-o", str(file)]) == 0
    assert capsys.readouterr().out == ""
    text = file.read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert "LAW-5" in text


def test_a_record_is_written_and_verified(tmp_path, capsys):
    file = tmp_path / "r.json"
    words = ["derive", "x.T @ A @ sigmoid(h)", "--let", "h=B @ z", "--wrt", "B", "--format", "json"]
    assert main([*words, "-o", str(file)]) == 0
    assert main(["verify", str(file)]) == 0
    assert capsys.readouterr().out.startswith("verified: ")
    file.write_text(file.read_text(encoding="utf-8").replace("LAW-8", "LAW-9", 1), encoding="utf-8")
    assert main(["verify", str(file)]) == 1
    assert "seal: the record was changed" in capsys.readouterr().err
    assert main(["verify", str(tmp_path / "none")]) == 2
    assert "expected a file of text" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "verify: file: expected the JSON of a record, got none"),
        ("no record", "verify: file: expected the JSON of a record, got none"),
        ("[" + "1" * 5000 + "]", "verify: file: expected the JSON of a record, got none"),  # more than Python reads
        ("[]", "verify: file: expected records, got an empty list."),
        ("[3]", "verify: [0].file: expected a record, as --format json writes it, got 3."),
        ('[{"format": 3}]', "verify: [0].format: expected 'nnmat derivation', got 3."),
        ("null", "as --format json writes it, got null."),
        ('"text"', 'got "text".'),
        ("{}", "verify: format: expected 'nnmat derivation', got none."),
        ('{"format": []}', "verify: format: expected 'nnmat derivation', got []."),
        ('{"format": "nnmat derivation", "version": 99}', "verify: version: expected 1, got 99."),
    ],
)
def test_what_is_no_record_is_wrong_input(text, said, tmp_path, capsys):
    file = tmp_path / "r.json"
    file.write_text(text, encoding="utf-8")
    assert main(["verify", str(file)]) == 2
    assert said in capsys.readouterr().err


def test_the_compiled_function_is_printed(capsys):
    assert main(["derive", "x.T @ A @ y", "--wrt", "A", "--compile"]) == 0
    text = capsys.readouterr().out
    space = {}
    exec(text, space)
    assert space["value_and_gradients"](np.ones((2, 2)), np.ones(2), np.ones(2))[0] == 4.0
    assert "# 3 steps" in text or "# 4 steps" in text
    assert main(["derive", "x.T @ A @ y", "--wrt", "A", "--compile", "--format", "latex"]) == 2
    assert "expected --compile without" in capsys.readouterr().err


def test_claims_are_checked(capsys):
    assert main(["check", "norm2(A @ y - x) ** 2", "--wrt", "y", "--claim", "2 * A.T @ (A @ y - x)"]) == 0
    assert capsys.readouterr().out == "right: 1 line holds\n"
    assert main(["check", "norm2(A @ y - x) ** 2", "--wrt", "y", "--claim", "2 * A @ (A @ y - x)"]) == 1
    assert "probably a lost transpose" in capsys.readouterr().out
    assert main(["check", "norm2(A @ y - x) ** 2", "--wrt", "y", "--claim", "2 * Q"]) == 2
    assert "got Q" in capsys.readouterr().err


def test_a_sheet_is_graded(tmp_path, capsys):
    file = tmp_path / "sheet.txt"
    file.write_text("f = x.T @ A @ y\nwrt A\nshape A = M, N\n\ndf = x.T @ dA @ y\ngradient = x @ y\n")
    assert main(["grade", str(file)]) == 1
    assert "line 6 is wrong: gradient = x @ y" in capsys.readouterr().out
    file.write_text("f = x.T @ A @ y\ndf = x.T @ dA @ y\ngradient = x @ y.T\n")
    assert main(["grade", str(file), "--wrt", "A"]) == 0
    assert main(["grade", str(file)]) == 2
    assert "expected one line wrt NAME" in capsys.readouterr().err
    file.write_text("f = x.T @ A @ y\nwrt A\nshape A\ngradient = x @ y.T\n")
    assert main(["grade", str(file)]) == 2
    assert "nnmat grade: expected shape as NAME=VALUE, each name once, got 'A'." in capsys.readouterr().err
    assert main(["check", "x.T @ x", "--wrt", "x", "--claim", "x", "--shape", "x=N,1,red"]) == 2
    assert "nnmat check: expected --shape x=M,N or x=N, then attributes" in capsys.readouterr().err


def test_all_gradients_at_once(capsys):
    assert main(["derive", "x.T @ A @ y", "--wrt", "all"]) == 0
    out = capsys.readouterr().out
    assert out.count("DEF-6") == 3
    assert "∇_x f = Ay" in out
    assert main(["derive", "x.T @ A @ y", "--wrt", "all", "--compile"]) == 0
    assert "'A': grad_A, 'x': " in capsys.readouterr().out
    assert main(["derive", "x.T @ A @ y", "--wrt", "all", "--format", "html"]) == 2
    said = capsys.readouterr().err
    assert "expected one name of A, x, y as --wrt with --format html, got all" in said
    assert "--compile is one function of all gradients" in said


def test_records_of_all_gradients_are_judged_together(tmp_path, capsys):
    record = tmp_path / "records.json"
    assert main(["derive", "x.T @ A @ y", "--wrt", "all", "--format", "json", "-o", str(record)]) == 0
    assert main(["verify", str(record)]) == 0
    assert re.findall(r"^\[(\d)\] verified: \d+ lines", capsys.readouterr().out, re.MULTILINE) == ["0", "1", "2"]
    record.write_text(record.read_text(encoding="utf-8").replace("LAW-2", "LAW-3", 1), encoding="utf-8")
    assert main(["verify", str(record)]) == 1
    assert "verify: [0].seal: the record was changed" in capsys.readouterr().err


def test_quantities_in_any_order(capsys):
    assert main(["derive", "x.T @ y", "--wrt", "B", "--let", "y=sigmoid(h)", "--let", "h=B @ z"]) == 0
    assert "∇_B f = " in capsys.readouterr().out
    assert main(["derive", "x.T @ y", "--wrt", "B", "--let", "y=sigmoid(h)", "--let", "h=B @ y"]) == 2
    assert "expected quantities that were named before" in capsys.readouterr().err


def test_a_file_with_a_byte_order_mark_is_read(tmp_path, capsys):
    file = tmp_path / "sheet.txt"
    file.write_text("f = x.T @ A @ y\nwrt A\ngradient = x @ y.T\n", encoding="utf-8-sig")
    assert main(["grade", str(file)]) == 0
    assert capsys.readouterr().out == "right: 1 line holds\n"


def test_a_seed_below_zero(tmp_path, capsys):
    record = str(tmp_path / "record.json")
    assert main(["derive", "x.T @ A @ y", "--wrt", "A", "--format", "json", "-o", record]) == 0
    assert main(["verify", record, "--seed", "-1"]) == 2
    assert "verify: expected seed as a seed (an integer >= 0)" in capsys.readouterr().err


def test_a_layer_in_the_place_of_an_expression(tmp_path, capsys):
    assert main(["derive", "--layer", "Linear"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Linear\nY = X @ W.T + b.T\n    X  R, D  input\n")
    assert all(f"{gradient}\n" in out for gradient in ("∇_X f = GW", "∇_W f = GᵀX", "∇_b f = Gᵀ1"))
    assert main(["derive", "--layer", "Linear", "--wrt", "W", "--format", "latex"]) == 0
    assert "G^{\\top} X" in capsys.readouterr().out
    assert main(["derive", "--layer", "GELU-tanh", "--format", "html"]) == 0
    assert capsys.readouterr().out.startswith("<!DOCTYPE html>")
    assert main(["derive", "--layer", "SoftmaxCrossEntropy", "--compile"]) == 0
    assert "return value, {'H': grad_H}" in capsys.readouterr().out
    record = str(tmp_path / "l1.json")
    assert main(["derive", "--layer", "L1", "--format", "json", "-o", record]) == 0
    assert main(["verify", record]) == 0
    assert main(["derive", "--layer", "AdversarialLoss", "--check"]) == 0
    assert capsys.readouterr().out.count("checked: ") == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--layer", "Liner"], "got 'Liner'. Did you mean Linear"),
        (["--layer", "softmaxcrossentropy"], "Did you mean SoftmaxCrossEntropy"),
        (["--layer", "zzz"], "nnmat derive --layers lists them"),
        (["--layer", "Layer"], "Layer has no derivation: what layers are made from"),
        (["--layers", "--layer", "Linear"], "expected --layers alone, got more"),
        (["x.T @ x", "--layers"], "expected --layers alone, got more"),
        (["--layer", "Conv2d", "--wrt", "Q"], "Conv2d: expected wrt among X, W1, W2, W3, W4, b, or all, got 'Q'"),
        (["--layer", "Linear", "x.T @ x"], "expected --layer Linear with --wrt and formats only"),
        (["--layer", "Linear", "--symmetric", "entries"], "expected --layer Linear with --wrt and formats only"),
        (["--layer", "Linear", "--wrt", "all", "--format", "html"], "one name of X, W, b as --wrt with --format html"),
        ([], "expected an expression and --wrt NAME, or --layer NAME"),
        (["x.T @ x"], "expected an expression and --wrt NAME, or --layer NAME"),
    ],
)
def test_layers_that_are_none(words, message, capsys):
    assert main(["derive", *words]) == 2
    assert message in capsys.readouterr().err


def test_the_layers_are_listed(capsys):
    assert main(["derive", "--layers"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert any(re.fullmatch(r"Linear +Y = X @ W.T \+ b.T", row) for row in rows)
    assert any(row.startswith("Layer ") and "none: what layers are made from" in row for row in rows)
