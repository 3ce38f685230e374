"""Section 2 of the Matrix Cookbook (Petersen and Pedersen, version of November 15, 2012), typed again by its numbers.

A row is a function f, the variable, and what the book says, all in the language. How the book's form is meant, `kind`
says: the gradient of f; the `differential`, with dX for the book's ∂X; the `Jacobian` or the `Hessian` as a matrix; or
`entries`, the gradient by the free entries of a symmetric matrix, of which the lower triangle is kept here, so
tril(...) of the book's form. `of` is what stands on the book's left side where that is no bare gradient: G is the
gradient there. Columns i, j, k, l stand for columns of I: what the book says of the entries kl and ij holds of any.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One equation of the book; `shapes` as "X=MN a=N t= S=NN:symmetric"; T is N + K."""

    number: str
    f: str
    book: str
    shapes: str
    wrt: str = "X"
    kind: str = "gradient"
    of: str = ""
    lets: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.number} {self.f} by {self.wrt}"


SQUARE = "X=NN"
REGULAR = "X=NN:invertible"
BASICS = [
    Row("32", "k.T @ X @ l", "(k.T @ i) * (l.T @ j)", "X=MN k=M l=N i=M j=N", of="i.T @ G @ j"),
    Row("33", "trace(A)", "zeros(M, N)", "A=NN X=MN"),
    Row("34", "alpha * X", "alpha * dX", "X=MN alpha=", kind="differential"),
    Row("35", "X + Y", "dX", "X=MN Y=MN", kind="differential"),
    Row("35", "X + Y", "dY", "X=MN Y=MN", "Y", kind="differential"),
    Row("36", "trace(X)", "trace(dX)", SQUARE, kind="differential"),
    Row("37", "X @ Y", "dX @ Y", "X=MN Y=NK", kind="differential"),
    Row("37", "X @ Y", "X @ dY", "X=MN Y=NK", "Y", kind="differential"),
    Row("38", "X * Y", "dX * Y", "X=MN Y=MN", kind="differential"),
    Row("38", "X * Y", "X * dY", "X=MN Y=MN", "Y", kind="differential"),
    Row("39", "kron(X, Y)", "kron(dX, Y)", "X=MN Y=PQ", kind="differential"),
    Row("39", "kron(X, Y)", "kron(X, dY)", "X=MN Y=PQ", "Y", kind="differential"),
    Row("40", "inv(X)", "-inv(X) @ dX @ inv(X)", SQUARE, kind="differential"),
    Row("41", "det(X)", "trace(adjugate(X) @ dX)", SQUARE, kind="differential"),
    Row("42", "det(X)", "det(X) * trace(inv(X) @ dX)", REGULAR, kind="differential"),
    Row("43", "log(det(X))", "trace(inv(X) @ dX)", REGULAR, kind="differential"),
    Row("44", "X.T", "dX.T", "X=MN", kind="differential"),
]
LINE = (("Y", "A + t * B"),)
CURVE = (("Y", "inv(A + t * B)"), ("D", "-Y @ B @ Y"), ("E", "2 * (Y @ B @ Y @ B @ Y)"))
DETERMINANTS = [
    Row("46", "det(Y)", "det(Y) * trace(inv(Y) @ B)", "A=NN:invertible B=NN t=", "t", lets=LINE),
    Row("47", "det(X)", "det(X) * eye(N)", REGULAR, of="G @ X.T"),
    Row(
        "48",
        "det(Y)",
        "det(Y) * (trace(inv(Y) @ E) + trace(inv(Y) @ D) * trace(inv(Y) @ D) - trace((inv(Y) @ D) @ (inv(Y) @ D)))",
        "A=NN B=NN t=",
        "t",
        kind="second derivative",
        lets=CURVE,
    ),
    Row("49", "det(X)", "det(X) * inv(X).T", REGULAR),
    Row("50", "det(X)", "det(X) * eye(N)", REGULAR, of="X @ G.T"),
    Row("51", "det(A @ X @ B)", "det(A @ X @ B) * inv(X).T", f"{REGULAR} A=NN:invertible B=NN:invertible"),
    Row("52", "det(X.T @ A @ X)", "2 * det(X.T @ A @ X) * inv(X).T", f"{REGULAR} A=NN:invertible"),
    Row(
        "53",
        "det(X.T @ A @ X)",
        "2 * det(X.T @ A @ X) * (A @ X @ inv(X.T @ A @ X))",
        "X=MN A=MM:positive_definite",
    ),
    Row(
        "54",
        "det(X.T @ A @ X)",
        "det(X.T @ A @ X) * (A @ X @ inv(X.T @ A @ X) + A.T @ X @ inv(X.T @ A.T @ X))",
        "X=MN A=MM",
    ),
    Row("55", "log(det(X.T @ X))", "2 * pinv(X).T", "X=MN"),
    Row("56", "log(det(X.T @ X))", "-2 * X.T", "P=NT", "P", lets=(("X", "pinv(P)"),)),
    Row("57", "log(abs(det(X)))", "inv(X).T", REGULAR),
    Row("57", "logdet(X)", "inv(X.T)", REGULAR),
]
DETERMINANTS += [Row("58", "det(power(X, k))", "dim(k) * det(power(X, k)) * inv(X).T", REGULAR)]
INVERSES = [
    Row("59", "inv(Y)", "-(inv(Y) @ B @ inv(Y)) * dt", "A=NN B=NN t=", "t", kind="differential", lets=LINE),
    Row(
        "60",
        "k.T @ inv(X) @ l",
        "-(k.T @ inv(X) @ i) * (j.T @ inv(X) @ l)",
        "X=NN k=N l=N i=N j=N",
        of="i.T @ G @ j",
    ),
    Row("61", "a.T @ inv(X) @ b", "-inv(X).T @ a @ b.T @ inv(X).T", "X=NN a=N b=N"),
    Row("62", "det(inv(X))", "-det(inv(X)) * inv(X).T", REGULAR),
    Row("63", "trace(A @ inv(X) @ B)", "-(inv(X) @ B @ A @ inv(X)).T", "X=NN A=MN B=NM"),
    Row("64", "trace(inv(X + A))", "-(inv(X + A) @ inv(X + A)).T", "X=NN A=NN"),
]
SPECTRA = [
    Row("65", "sum(eigenvalues(X))", "eye(N)", "X=NN:symmetric"),
    Row("66", "exp(sum(log(eigenvalues(X))))", "det(X) * inv(X).T", "X=NN:positive_definite"),
    Row(
        "67",
        "eigenvalues(A)[1]",
        "v.T @ dA @ v",
        "A=NN:symmetric",
        "A",
        kind="differential",
        lets=(("v", "eigenvectors(A)[:, 1]"),),
    ),
    Row(
        "68",
        "eigenvectors(A)[:, 1]",
        "pinv(c * eye(N) - A) @ dA @ v",
        "A=NN:symmetric dA=NN:symmetric",
        "A",
        kind="differential",
        lets=(("c", "eigenvalues(A)[1]"), ("v", "eigenvectors(A)[:, 1]")),
    ),
]
FIRST = [
    Row("69", "x.T @ a", "a", "x=N a=N", "x"),
    Row("69", "a.T @ x", "a", "x=N a=N", "x"),
    Row("70", "a.T @ X @ b", "a @ b.T", "X=MN a=M b=N"),
    Row("71", "a.T @ X.T @ b", "b @ a.T", "X=MN a=N b=M"),
    Row("72", "a.T @ X @ a", "a @ a.T", "X=NN a=N"),
    Row("72", "a.T @ X.T @ a", "a @ a.T", "X=NN a=N"),
    Row("73", "X", "dX", "X=MN", kind="differential"),
    Row("74", "X @ A", "dX @ A", "X=MN A=NK", kind="differential"),
    Row("75", "X.T @ A", "dX.T @ A", "X=MN A=MK", kind="differential"),
]
QUADRATIC = [
    Row("76", "sum(X) * sum(X)", "2 * sum(X) * ones(M, N)", "X=MN"),
    Row("77", "b.T @ X.T @ X @ c", "X @ (b @ c.T + c @ b.T)", "X=MN b=N c=N"),
    Row(
        "78",
        "(B @ x + b).T @ C @ (D @ x + d)",
        "B.T @ C @ (D @ x + d) + D.T @ C.T @ (B @ x + b)",
        "x=N B=MN b=M C=MK D=KN d=K",
        "x",
    ),
    Row(
        "79",
        "k.T @ X.T @ B @ X @ l",
        "(l.T @ j) * (k.T @ X.T @ B @ i) + (k.T @ j) * (i.T @ B @ X @ l)",
        "X=MN B=MM k=N l=N i=M j=N",
        of="i.T @ G @ j",
    ),
    Row("80", "X.T @ B @ X", "X.T @ B @ dX + dX.T @ B @ X", "X=MN B=MM", kind="differential"),
    Row("81", "x.T @ B @ x", "(B + B.T) @ x", "x=N B=NN", "x"),
    Row("82", "b.T @ X.T @ D @ X @ c", "D.T @ X @ b @ c.T + D @ X @ c @ b.T", "X=MN D=MM b=N c=N"),
    Row("83", "(X @ b + c).T @ D @ (X @ b + c)", "(D + D.T) @ (X @ b + c) @ b.T", "X=MN b=N c=M D=MM"),
    Row("84", "(x - A @ s).T @ W @ (x - A @ s)", "-2 * (A.T @ W @ (x - A @ s))", "x=M A=MN s=N W=MM:symmetric", "s"),
    Row("85", "(x - s).T @ W @ (x - s)", "2 * (W @ (x - s))", "x=N s=N W=NN:symmetric", "x"),
    Row("86", "(x - s).T @ W @ (x - s)", "-2 * (W @ (x - s))", "x=N s=N W=NN:symmetric", "s"),
    Row("87", "(x - A @ s).T @ W @ (x - A @ s)", "2 * (W @ (x - A @ s))", "x=M A=MN s=N W=MM:symmetric", "x"),
    Row("88", "(x - A @ s).T @ W @ (x - A @ s)", "-2 * (W @ (x - A @ s) @ s.T)", "x=M A=MN s=N W=MM:symmetric", "A"),
]
QUOTIENT = (
    "2 * (A.T @ A @ x) / (x.T @ B.T @ B @ x) - 2 * (x.T @ A.T @ A @ x) * (B.T @ B @ x) / (x.T @ B.T @ B @ x) ** 2"
)
HIGHER = [
    Row("90", "power(X, 3)", "dX @ X @ X + X @ dX @ X + X @ X @ dX", SQUARE, kind="differential"),
    Row(
        "91",
        "a.T @ power(X, 3) @ b",
        "a @ b.T @ power(X, 2).T + X.T @ a @ b.T @ X.T + power(X, 2).T @ a @ b.T",
        "X=NN a=N b=N",
    ),
    Row(
        "92",
        "a.T @ power(X, 2).T @ power(X, 2) @ b",
        "power(X, 2) @ b @ a.T @ X.T + power(X, 2) @ a @ b.T @ X.T"
        " + X.T @ power(X, 2) @ b @ a.T + X.T @ power(X, 2) @ a @ b.T",
        "X=NN a=N b=N",
    ),
    Row(
        "93",
        "s.T @ A @ r",
        "B.T @ A @ r + C.T @ A.T @ s",
        "x=N A=MK B=MN C=KN",
        "x",
        lets=(("s", "B @ x"), ("r", "C @ x")),
    ),
    Row("94", "((A @ x).T @ (A @ x)) / ((B @ x).T @ (B @ x))", QUOTIENT, "x=N A=MN B=KN", "x"),
    Row("95", "(x.T @ A.T @ A @ x) / (x.T @ B.T @ B @ x)", QUOTIENT, "x=N A=MN B=KN", "x"),
    Row("97", "x.T @ A @ x + b.T @ x", "(A + A.T) @ x + b", "x=N A=NN b=N", "x"),
    Row("98", "x.T @ A @ x + b.T @ x", "A + A.T", "x=N A=NN b=N", "x", kind="Hessian"),
]
TRACES = [
    Row("99", "trace(X)", "eye(N)", SQUARE),
    Row("100", "trace(X @ A)", "A.T", "X=MN A=NM"),
    Row("101", "trace(A @ X @ B)", "A.T @ B.T", "X=MN A=KM B=NK"),
    Row("102", "trace(A @ X.T @ B)", "B @ A", "X=MN A=KN B=MK"),
    Row("103", "trace(X.T @ A)", "A", "X=MN A=MN"),
    Row("104", "trace(A @ X.T)", "A", "X=MN A=MN"),
    Row("105", "trace(kron(A, X))", "trace(A) * eye(N)", "X=NN A=MM"),
    Row("106", "trace(X @ X)", "2 * X.T", SQUARE),
    Row("107", "trace(X @ X @ B)", "(X @ B + B @ X).T", "X=NN B=NN"),
    Row("108", "trace(X.T @ B @ X)", "B @ X + B.T @ X", "X=MN B=MM"),
    Row("109", "trace(B @ X @ X.T)", "B @ X + B.T @ X", "X=MN B=MM"),
    Row("110", "trace(X @ X.T @ B)", "B @ X + B.T @ X", "X=MN B=MM"),
    Row("111", "trace(X @ B @ X.T)", "X @ B.T + X @ B", "X=MN B=NN"),
    Row("112", "trace(B @ X.T @ X)", "X @ B.T + X @ B", "X=MN B=NN"),
    Row("113", "trace(X.T @ X @ B)", "X @ B.T + X @ B", "X=MN B=NN"),
    Row("114", "trace(A @ X @ B @ X)", "A.T @ X.T @ B.T + B.T @ X.T @ A.T", "X=MN A=NM B=NM"),
    Row("115", "trace(X.T @ X)", "2 * X", "X=MN"),
    Row("115", "trace(X @ X.T)", "2 * X", "X=MN"),
    Row("116", "trace(B.T @ X.T @ C @ X @ B)", "C.T @ X @ B @ B.T + C @ X @ B @ B.T", "X=MN B=NK C=MM"),
    Row("117", "trace(X.T @ B @ X @ C)", "B @ X @ C + B.T @ X @ C.T", "X=MN B=MM C=NN"),
    Row("118", "trace(A @ X @ B @ X.T @ C)", "A.T @ C.T @ X @ B.T + C @ A @ X @ B", "X=MN A=KM B=NN C=MK"),
    Row(
        "119",
        "trace((A @ X @ B + C) @ (A @ X @ B + C).T)",
        "2 * (A.T @ (A @ X @ B + C) @ B.T)",
        "X=MN A=KM B=NP C=KP",
    ),
    Row("120", "trace(kron(X, X))", "2 * trace(X) * eye(N)", SQUARE),
    Row("120", "trace(X) * trace(X)", "2 * trace(X) * eye(N)", SQUARE),
    Row("121", "trace(power(X, k))", "dim(k) * power(X, k - 1).T", SQUARE),
    Row("122", "trace(A @ power(X, 3))", "(A @ power(X, 2) + X @ A @ X + power(X, 2) @ A).T", "X=NN A=NN"),
    Row(
        "123",
        "trace(B.T @ X.T @ C @ X @ X.T @ C @ X @ B)",
        "C @ X @ X.T @ C @ X @ B @ B.T + C.T @ X @ B @ B.T @ X.T @ C.T @ X + C @ X @ B @ B.T @ X.T @ C @ X"
        " + C.T @ X @ X.T @ C.T @ X @ B @ B.T",
        "X=MN B=NK C=MM",
    ),
    Row("124", "trace(A @ inv(X) @ B)", "-inv(X).T @ A.T @ B.T @ inv(X).T", "X=NN A=MN B=NM"),
    Row(
        "125",
        "trace(inv(X.T @ C @ X) @ A)",
        "-(C @ X @ inv(X.T @ C @ X)) @ (A + A.T) @ inv(X.T @ C @ X)",
        "X=MN A=NN C=MM:positive_definite",
    ),
    Row(
        "126",
        "trace(inv(X.T @ C @ X) @ (X.T @ B @ X))",
        "-2 * (C @ X @ inv(X.T @ C @ X) @ X.T @ B @ X @ inv(X.T @ C @ X)) + 2 * (B @ X @ inv(X.T @ C @ X))",
        "X=MN B=MM:symmetric C=MM:positive_definite",
    ),
    Row(
        "127",
        "trace(inv(A + X.T @ C @ X) @ (X.T @ B @ X))",
        "-2 * (C @ X @ inv(A + X.T @ C @ X) @ X.T @ B @ X @ inv(A + X.T @ C @ X)) + 2 * (B @ X @ inv(A + X.T @ C @ X))",
        "X=MN A=NN:positive_definite B=MM:symmetric C=MM:positive_definite",
    ),
]
NORMS = [
    Row("129", "norm2(x - a)", "(x - a) / norm2(x - a)", "x=N a=N", "x"),
    Row(
        "130",
        "(x - a) / norm2(x - a)",
        "eye(N) / norm2(x - a) - (x - a) @ (x - a).T / norm2(x - a) ** 3",
        "x=N a=N",
        "x",
        kind="Jacobian",
    ),
    Row("131", "norm2(x) ** 2", "2 * x", "x=N", "x"),
    Row("132", "frobenius(X) ** 2", "2 * X", "X=MN"),
    Row("132", "trace(X @ X.T)", "2 * X", "X=MN"),
]
STRUCTURED = [
    Row("138", "inner(G, X)", "G + G.T - diagm(diag(G))", "X=NN:symmetric G=NN", kind="entries"),
    Row("139", "trace(A @ X)", "A + A.T - A * eye(N)", "X=NN:symmetric A=NN", kind="entries"),
    Row("140", "det(X)", "det(X) * (2 * inv(X) - inv(X) * eye(N))", "X=NN:symmetric,invertible", kind="entries"),
    Row("141", "log(det(X))", "2 * inv(X) - inv(X) * eye(N)", "X=NN:positive_definite", kind="entries"),
    Row("142", "trace(A @ X)", "A * eye(N)", "X=NN:diagonal A=NN"),
]
ROWS = [*BASICS, *DETERMINANTS, *INVERSES, *SPECTRA, *FIRST, *QUADRATIC, *HIGHER, *TRACES, *NORMS, *STRUCTURED]

# Rows that are printed longer than 1.2 times the book's form: its symbols, which may only shrink, and the book's.
LONGER = {
    "55 log(det(X.T @ X)) by X": (7, 5),  # the pseudo-inverse written out
    "56 log(det(X.T @ X)) by P": (48, 4),  # that P P⁺ = I nothing says
}

# As the book prints 92 at n = 2: the first terms of the sum have to be transposed, as 77 shows, where n = 1.
MISPRINTED = Row(
    "92",
    "a.T @ power(X, 2).T @ power(X, 2) @ b",
    "X @ a @ b.T @ power(X, 2).T + power(X, 2) @ a @ b.T @ X.T"
    " + a @ b.T @ power(X, 2).T @ X + X.T @ power(X, 2) @ a @ b.T",
    "X=NN a=N b=N",
)

# The numbers of section 2 that are no rows, each with its reason.
EXCEPTIONS = {
    "45": "the conjugate transpose of a complex matrix: values are real",
    "89": "a complex column: values are real",
    "96": "defines the f of 97 and 98",
    "128": "the sine of a matrix, which is not the sine of its entries, is no function of the language",
    "133": "a rule for a function without a formula",
    "134": "defines the structure matrix",
    "135": "states the name of a composition",
    "136": "the chain rule for functions without a formula; every derivation with `let` takes it",
    "137": "the chain rule for functions without a formula; `G` of a derivation is the ∂g/∂U in it",
    "143": "Toeplitz matrices: no attribute of a symbol says that its diagonals are constant",
    "144": "Toeplitz matrices: no attribute of a symbol says that its diagonals are constant",
}
