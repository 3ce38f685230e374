"""The reference: a page for each family of public names, a section for each room, read from the packages' faces.

A face is an `__init__.py` with an `__all__`. Where a name comes from (its home) says to which page it belongs, so a new
name in a known room has its place already.
"""

import ast
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BASES = {"nnmat": ROOT, "nnmat_kernels": ROOT / "kernels"}


@dataclass
class Page:
    """A page, and the homes of what stands on it: modules or rooms, the longest that fits a name wins."""

    title: str
    intro: str
    homes: tuple[str, ...]
    rooms: bool = False  # a section for each room
    faces: tuple[str, ...] = ()  # whose docstrings begin the page


@dataclass
class Name:
    """A public name, where it is defined, and by which paths it can be imported."""

    path: str
    home: str
    also: list[str] = field(default_factory=list)

    @property
    def short(self) -> str:
        return self.path.rpartition(".")[2]


PAGES = {
    "contract": Page(
        "A layer's contract",
        "What every layer has, what a layer of your own implements, and how to look on. "
        "How to write one: [a layer of your own](../notebooks/own_layer.md), [the tour](../tour.md).",
        ("nnmat.layers.base", "nnmat.layers.observing", "nnmat.calls", "nnmat.parameters"),
    ),
    "dense": Page(
        "Dense layers", "Every layer's equations stand in [equations](../equations.md).", ("nnmat.layers.dense",)
    ),
    "convolution": Page(
        "Convolution",
        "The laws behind them: [the laws of convolution at work](../convolution.md).",
        ("nnmat.layers.convolution", "nnmat.layers.resampling", "nnmat.explicit_convolution"),
    ),
    "pooling": Page("Pooling", "", ("nnmat.layers.pooling",)),
    "activations": Page("Activations", "", ("nnmat.layers.activations", "nnmat_kernels.softmax")),
    "normalisation": Page(
        "Normalisation",
        "What BatchNorm does to a gradient: [what the equations tell](../analysis.md).",
        ("nnmat.layers.normalisation",),
    ),
    "attention": Page("Attention", "", ("nnmat.layers.attention",)),
    "recurrent": Page("Recurrent layers", "", ("nnmat.layers.recurrent",)),
    "containers": Page("Containers", "Layers made of layers.", ("nnmat.layers.containers",)),
    "expressions": Page(
        "Expressions as layers",
        "The way there: [from a derivation to a layer](../notebooks/derivation_to_layer.md).",
        ("nnmat.layers.derived",),
    ),
    "losses": Page("Losses", "Write one: [how to](../howto/own_loss.md).", ("nnmat.losses",), faces=("nnmat.losses",)),
    "optimizers": Page(
        "Optimizers and schedules",
        "",
        ("nnmat.optimizers", "nnmat.schedules", "nnmat.initializers"),
        faces=("nnmat.optimizers",),
    ),
    "descent": Page("Descent", "", ("nnmat.descent",), faces=("nnmat.descent",)),
    "training": Page(
        "Training",
        "What a run does besides the mathematics: [a run from its start to its end](../training.md).",
        ("nnmat.training", "nnmat.adversarial"),
    ),
    "metrics": Page("Metrics", "", ("nnmat.metrics",)),
    "datasets": Page("Data sets", "", ("nnmat.datasets",), faces=("nnmat.datasets",)),
    "files": Page("Files", "Step by step: [save and load](../howto/save_and_load.md).", ("nnmat.formats",)),
    "generation": Page("Text made by models", "", ("nnmat.generation",)),
    "analysis": Page("Analysis", "Gradients and Jacobians, measured.", ("nnmat.analysis",)),
    "programs": Page(
        "Programs and threads",
        "How a step is recorded and run: [steps as programs](../program.md); "
        "how many threads: [train faster](../howto/speed.md).",
        ("nnmat.programs", "nnmat.warmup", "nnmat_kernels.runtime.config"),
    ),
    "errors": Page(
        "Errors", "What they mean and what to do: [understand an error](../howto/errors.md).", ("nnmat.errors",)
    ),
    "sklearn": Page("nnmat.sklearn", "", ("nnmat.sklearn",), faces=("nnmat.sklearn",)),
    "onnx": Page("nnmat.onnx", "", ("nnmat.onnx",), faces=("nnmat.onnx",)),
    "plots": Page("nnmat.plots", "", ("nnmat.plots",), faces=("nnmat.plots",)),
    "calculus": Page(
        "Deriving and checking",
        "The method and the language: [matrix gradients, step by step](../calculus.md).",
        ("nnmat.calculus",),
        faces=("nnmat.calculus",),
    ),
    "language": Page(
        "The language of the calculus", "What functions are made of.", ("nnmat.calculus.language",), rooms=True
    ),
    "kernels": Page(
        "Kernels",
        "NumPy arrays in and out. What all of them promise: [their contracts](contracts.md).",
        ("nnmat_kernels",),
        rooms=True,
        faces=("nnmat_kernels",),
    ),
}
FACES = (
    "nnmat",
    "nnmat.layers",
    "nnmat.losses",
    "nnmat.optimizers",
    "nnmat.descent",
    "nnmat.datasets",
    "nnmat.sklearn",
    "nnmat.onnx",
    "nnmat.plots",
    "nnmat.calculus",
    "nnmat_kernels",
)
# Modules that are public names themselves, and what users call there.
MODULES = {
    "nnmat.convert": ("from_torch", "to_torch", "from_keras"),
    "nnmat.initializers": (),
    "nnmat.metrics": (
        "accuracy",
        "top_k_accuracy",
        "top_k",
        "binary_accuracy",
        "accuracy_ignoring",
        "confusion_matrix",
    ),
    "nnmat.schedules": ("Schedule", "Constant", "Step", "Cosine", "WarmUp", "Scaled"),
}
ELEMENTWISE = "nnmat.calculus.language.elementwise"


def file_of(module: str) -> Path:
    """The file of a module or package."""
    base = BASES[module.split(".")[0]].joinpath(*module.split("."))
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


def exported(face: str) -> dict[str, str]:
    """The names of a face's `__all__`, and the module and name (`module:name`) that each one is imported from."""
    tree = ast.parse(file_of(face).read_text(encoding="utf-8"))
    names: list[str] = []
    origin: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            names = ast.literal_eval(node.value)
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                parents = face.split(".")[: len(face.split(".")) + 1 - node.level]
                module = ".".join([*parents, module] if module else parents)
            for alias in node.names:
                origin[alias.asname or alias.name] = f"{module}:{alias.name}"
    return {name: origin.get(name, f"{face}:{name}") for name in names}


def home_of(origin: str) -> str:
    """Where a name is defined, as `module:name`: faces are looked through."""
    module, _, name = origin.partition(":")
    if file_of(f"{module}.{name}").is_file():
        return f"{module}.{name}:"
    if file_of(module).name == "__init__.py":
        further = exported(module).get(name)
        if further and further != origin:
            return home_of(further)
    return origin


def public() -> list[Name]:
    """Every public name once for each package, under its shortest path."""
    found: dict[tuple[str, str], Name] = {}
    for face in FACES:
        for name, origin in exported(face).items():
            home, path = home_of(origin), f"{face}.{name}"
            if home.removesuffix(":") in FACES:  # a package: it has a page
                continue
            key = (face.split(".")[0], home)
            if key in found:
                found[key].also.append(path)
            else:
                found[key] = Name(path, home)
    return list(found.values())


def page_of(name: Name) -> str:
    """The page that a name stands on."""
    module = name.home.partition(":")[0]
    if name.path == "nnmat.softmax":
        return "activations"
    if name.path.startswith("nnmat_kernels."):
        return "kernels"
    fits = [(len(home), page) for page, p in PAGES.items() for home in p.homes if f"{module}.".startswith(f"{home}.")]
    if not fits:
        raise LookupError(f"website/reference.py: {name.path} of {module} has no page. Add its room to PAGES.")
    return max(fits)[1]


def entry(name: Name) -> str:
    """What mkdocstrings makes a section of."""
    if name.path not in MODULES:
        return f"::: {name.path}"
    members = "".join(f"\n        - {member}" for member in MODULES[name.path])
    return f"::: {name.path}\n    options:\n      members:{members or ' []'}"


def functions(names: list[Name]) -> str:
    """The functions of single numbers: a line for each, with its derivative as the calculus prints it."""
    from nnmat import calculus

    x = calculus.scalar("x")
    lines = ["| `nnmat.calculus.` | f′(x) |", "|---|---|"]
    for name in names:
        f = getattr(calculus, name.short)
        slope = calculus.derive(f(x), x, check=False).gradient
        shown = str(slope).replace("\n", "; ").replace("|", "\\|")
        lines.append(f'| <span id="{name.path}"></span>`{name.short}` | `{shown}` |')
    return "\n".join(lines)


def room_of(name: Name) -> str:
    """The heading that a name stands under on a page with a section for each room."""
    module = name.home.partition(":")[0].split(".")
    if module[0] == "nnmat_kernels":
        return module[1] if len(module) > 2 else "kernels"
    return module[3].replace("_", " ") if len(module) > 3 else module[-1]


def page(key: str, names: list[Name]) -> str:
    """One page of the reference."""
    spec = PAGES[key]
    parts = [f"# {spec.title}"]
    for face in spec.faces:
        text = ast.get_docstring(ast.parse(file_of(face).read_text(encoding="utf-8"))) or ""
        parts.append(" ".join(text.split("\n\n")[0].split()))
    parts += [spec.intro] if spec.intro else []
    rooms: dict[str, list[Name]] = defaultdict(list)
    for name in names:
        rooms[room_of(name) if spec.rooms else ""].append(name)
    for room, inside in rooms.items():
        if room:
            parts.append(f"## {room[0].upper()}{room[1:]}")
        numbers = [name for name in inside if name.home.startswith(f"{ELEMENTWISE}:")]
        if numbers:
            parts.append("Each is applied entry by entry; LAW-8 makes its differential of its derivative.")
            parts.append(functions(numbers))
        level = "\n    options:\n      heading_level: 3" if spec.rooms else ""
        parts += [f"{entry(name)}{level}" for name in inside if name not in numbers]
    return "\n\n".join(parts) + "\n"


def index(placed: dict[str, list[Name]]) -> str:
    """All names, by page."""
    parts = [
        "# Every public name",
        "What can be imported, by family. Names of `nnmat` come first; those of its rooms and packages have theirs in "
        "front. The same search finds them: press `/`.",
    ]
    for key, spec in PAGES.items():
        if not placed[key]:
            continue
        parts.append(f"## [{spec.title}]({key}.md)")
        links = [
            f"[`{path.removeprefix('nnmat.')}`]({key}.md#{name.path})"
            for name in placed[key]
            for path in [name.path, *(p for p in name.also if not p.startswith("nnmat.layers."))]
        ]
        parts.append(", ".join(links))
    return "\n\n".join(parts) + "\n"


def pages() -> dict[str, str]:
    """The pages of the reference by their place in the site."""
    placed: dict[str, list[Name]] = {key: [] for key in PAGES}
    for name in public():
        placed[page_of(name)].append(name)
    made = {f"reference/{key}.md": page(key, names) for key, names in placed.items()}
    return {"reference/index.md": index(placed), **made}
