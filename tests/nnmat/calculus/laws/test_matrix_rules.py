"""Rules for functions of matrices, spectra, powers by expressions and blocks, one at a time."""

import pytest

from nnmat.calculus import matrix, parse, scalar, simplify, vector
from nnmat.calculus.laws import matrix_rules
from nnmat.calculus.laws.matrix_rules import commutes
from tests.nnmat.calculus.laws.rules import equal_values

SYMBOLS = {
    **{name: matrix(name, "N", "N") for name in "ADE"},
    "B": matrix("B", "M", "N"),
    "R": matrix("R", "N", "N", invertible=True),
    "S": matrix("S", "N", "N", symmetric=True),
    "P": matrix("P", "N", "N", positive_definite=True),
    "Z": matrix("Z", "K", "K"),
    "Y": matrix("Y", "N", "K"),
    **{name: scalar(name) for name in "ac"},
    "s": scalar("s", positive=True),
    "u": vector("u", "M"),
}
CASES = [
    ("last_coefficient", "expm_frechet(D, 2 * E)", "2 expm_frechet(D, E)"),
    ("last_coefficient", "sylvester(P, P, zeros(N, N))", "0"),
    ("last_coefficient", "expm_frechet(2 * D, E)", None),
    ("matrix_power", "power(D, 1)", "D"),
    ("matrix_power", "power(D, 0)", "I"),
    ("matrix_power", "power(R, -1)", "R⁻¹"),
    ("matrix_power", "power(a, 3)", "a³"),
    ("matrix_power", "power(eye(N), n)", "I"),
    ("matrix_power", "power(power(D, n), 2)", "D^(2 n)"),
    ("matrix_power", "power(power(D, 3), -2)", None),
    ("matrix_power", "power(D, 2)", None),
    ("product_powers", "D @ power(D, n)", "D^(n + 1)"),
    ("product_powers", "power(D, 2) @ power(D, 3)", "D⁵"),
    ("product_powers", "D @ D", None),
    ("product_powers", "inv(power(R, n)) @ power(R, n - 1)", "R⁻¹"),
    ("product_powers", "inv(power(R, n)).T @ power(R, n - 1).T", "R⁻ᵀ"),
    ("product_powers", "power(R, n) @ inv(R)", None),
    ("product_powers", "power(R, n) @ power(R, n).T", None),
    ("product_powers", "power(R, 3) @ inv(R)", "R²"),
    ("function_transpose", "expm(D.T)", "expm(D)ᵀ"),
    ("function_transpose", "power(D.T, n)", "(D^n)ᵀ"),
    ("function_transpose", "pinv(B.T)", "(B⁺)ᵀ"),
    ("function_transpose", "polar(B.T)", "polar(B)ᵀ"),
    ("function_transpose", "expm_frechet(D.T, E.T)", "expm_frechet(D, E)ᵀ"),
    ("function_transpose", "expm_frechet(D.T, E)", None),
    ("function_transpose", "expm(D)", None),
    ("invariant", "nuclear(B.T)", "‖B‖_*"),
    ("invariant", "spectral(B.T)", "‖B‖₂"),
    ("invariant", "max(B.T)", "max(B)"),
    ("invariant", "max(B.T, axis=1)", None),
    ("of_one", "spectral(a)", "abs(a)"),
    ("of_one", "polar(a)", "sign(a)"),
    ("of_one", "eigenvalues(a)", "a"),
    ("of_one", "eigenvectors(a)", "1"),
    ("of_one", "cholesky(s)", "√(s)"),
    ("of_one", "nuclear(D)", None),
    ("sylvester_transpose", "sylvester(Z.T, R.T, Y.T)", "sylvester(R, Z, Y)ᵀ"),
    ("sylvester_transpose", "sylvester(R, Z, Y)", None),
    ("function_value", "expm(zeros(N, N))", "I"),
    ("function_value", "expm(logm(P))", "P"),
    ("function_value", "logm(eye(N))", "0"),
    ("function_value", "sqrtm(eye(N))", "I"),
    ("function_value", "sqrtm(s)", "√(s)"),
    ("function_value", "logm(expm(D))", None),  # not for eigenvalues beyond π i
    ("product_roots", "sqrtm(P) @ sqrtm(P)", "P"),
    ("product_roots", "sqrtm(P) @ sqrtm(S)", None),
    ("along_commuting", "expm_frechet(D, D)", "expm(D) D"),
    ("along_commuting", "power_frechet(D, eye(N), n)", "(n D^(n - 1))I"),
    ("along_commuting", "logm_frechet(P, inv(P))", "P⁻¹P⁻¹"),
    ("along_commuting", "expm_frechet(D, E)", None),
    ("along_short", "power_frechet(D, E, 2)", "ED + DE"),
    ("along_short", "power_frechet(D, E, 3)", "EDD + DED + DDE"),
    ("along_short", "power_frechet(D, E, 4)", None),
    ("sylvester_commuting", "sylvester(P, P, P)", "(1/2) P⁻¹P"),
    ("sylvester_commuting", "sylvester(P, P, S)", None),
    ("pseudo_inverse", "pinv(R)", "R⁻¹"),
    ("pseudo_inverse", "pinv(D)", None),
    ("determinant", "det(expm(D))", "exp(Tr(D))"),
    ("determinant", "logdet(expm(D))", "Tr(D)"),
    ("determinant", "det(power(D, 3))", "|D|³"),
    ("determinant", "logdet(power(R, n))", "n log|R|"),
    ("determinant", "det(sqrtm(P))", "√(|P|)"),
    ("determinant", "logdet(sqrtm(P))", "log|P|/2"),
    ("determinant", "det(power(D, n))", None),
    ("trace_of_logarithm", "trace(logm(P))", "log|P|"),
    ("trace_of_logarithm", "trace(expm(P))", None),
    ("sum_of_eigenvalues", "ones(1, N) @ eigenvalues(S)", "Tr(S)"),
    ("sum_of_eigenvalues", "ones(1, N) @ eigenvalues(S) * 2", None),
    ("sum_of_eigenvalues", "ones(1, N) @ log(eigenvalues(P))", "log|P|"),
    ("sum_of_eigenvalues", "ones(1, N) @ exp(eigenvalues(P))", None),
    ("exponential_of_logdet", "exp(logdet(P))", "|P|"),
    ("exponential_of_logdet", "exp(logdet(R))", None),
    ("of_spectrum", "eigenvectors(P) @ diagm(eigenvalues(P)) @ eigenvectors(P).T", "P"),
    ("of_spectrum", "eigenvectors(P) @ diagm(eigenvalues(P) ** -1) @ eigenvectors(P).T @ D", "P⁻¹D"),
    ("of_spectrum", "eigenvectors(S) @ diagm(exp(eigenvalues(S))) @ eigenvectors(S).T", "expm(S)"),
    ("of_spectrum", "eigenvectors(P) @ diagm(sqrt(eigenvalues(P))) @ eigenvectors(P).T", "sqrtm(P)"),
    ("of_spectrum", "eigenvectors(S) @ diagm(eigenvalues(P)) @ eigenvectors(S).T", None),
    ("of_spectrum", "eigenvectors(S) @ diagm(sin(eigenvalues(S))) @ eigenvectors(S).T", None),
    ("of_spectrum", "B @ diagm(padded(a, 1, 0, N, 1)) @ Y", "a B[:, 1] Y[1, :]"),
    ("number_power", "a ** c", None),
    ("nested_slice", "padded(B, 1, 0, M + 2, N)[1:M + 1, :]", "B"),
    ("nested_slice", "B[0:2, :][1, 0]", "B[1, 0]"),
    ("nested_slice", "hstack(B, u)[:, N]", "u"),
    ("nested_slice", "zeros(M, N)[0, :]", "0"),
    ("nested_slice", "B.T[0, 1]", "(B[1, 0])ᵀ"),
    ("nested_slice", "B[0, 0]", None),
    ("nested_embed", "padded(padded(B, 1, 0, M + 1, N), 1, 2, M + 4, N + 5)", "padded(B, 2, 2, M + 4, N + 5)"),
    ("nested_embed", "padded(zeros(M, N), 0, 0, M + 1, N)", "0"),
    ("nested_embed", "padded(B.T, 0, 1, N, M + 2)", "padded(B, 1, 0, M + 2, N)ᵀ"),
    ("nested_embed", "padded(B, 0, 0, M + 1, N)", None),
    ("linear_coefficient", "(a * B)[0, :]", "a B[0, :]"),
    ("linear_coefficient", "padded(2 * B, 0, 0, M + 1, N)", "2 padded(B, 0, 0, M + 1, N)"),
    ("linear_coefficient", "B[0, :]", None),
]


@pytest.mark.parametrize(("rule", "source", "form"), CASES)
def test_a_rule(rule, source, form):
    equal_values(getattr(matrix_rules, rule), parse(source, **SYMBOLS), form)


def test_every_rule_is_tried():
    assert {f.__name__ for rules in matrix_rules.RULES.values() for _, f in rules} == {rule for rule, *_ in CASES}


def test_an_exponent_that_turns_out_to_be_a_number():
    a = SYMBOLS["a"]
    assert simplify(a ** (a - a + 2)) is a**2


@pytest.mark.parametrize(
    ("source", "known"),
    [
        ("P", True),
        ("2 * P + eye(N)", True),
        ("inv(P) @ P @ sqrtm(P)", True),
        ("a * expm(P - eye(N))", True),
        ("S", False),
        ("P * P", False),
        ("P.T", False),
        ("P @ S", False),
    ],
)
def test_what_commutes(source, known):
    assert commutes(SYMBOLS["P"], parse(source, **SYMBOLS)) == known
