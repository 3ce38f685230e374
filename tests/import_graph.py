"""Who imports whom, read from syntax trees: imports in functions and under TYPE_CHECKING count like any other."""

import ast
from pathlib import Path
from typing import NamedTuple


class Import(NamedTuple):
    """One imported name: the line, the module it comes from (absolute), and the name (None for `import module`)."""

    line: int
    module: str
    name: str | None


def module_name(path: Path, root: Path) -> str:
    """The dotted name of a file below the import root `root`; a package's is that of its folder."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, root: Path) -> list[Import]:
    """All imports of a file, relative ones resolved."""
    package = path.relative_to(root).parts[:-1]
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [Import(node.lineno, alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            found += [Import(node.lineno, module, alias.name) for alias in node.names]
    return found


class Graph:
    """Modules, and for each the modules among them that it imports, with the lines.

    `files`: paths, each with the folder that its imports are relative to.
    """

    def __init__(self, files: dict[Path, Path]):
        self.files = {module_name(path, root): path for path, root in files.items()}
        self.edges: dict[str, dict[str, int]] = {name: {} for name in self.files}
        for path, root in files.items():
            mine = module_name(path, root)
            for line, module, name in imports(path, root):
                # The module itself where the name is one, else the file that the name comes out of.
                target = f"{module}.{name}" if f"{module}.{name}" in self.files else module
                if target in self.files and target != mine:
                    self.edges[mine].setdefault(target, line)

    def circles(self) -> list[list[str]]:
        """The strongly connected components of more than one module (Tarjan), without recursion."""
        order: dict[str, int] = {}
        low: dict[str, int] = {}
        stack: list[str] = []
        found = []
        for start in self.edges:
            if start in order:
                continue
            work = [(start, iter(self.edges[start]))]
            order[start] = low[start] = len(order)
            stack.append(start)
            while work:
                node, rest = work[-1]
                following = next(rest, None)
                if following is None:
                    work.pop()
                    if work:
                        low[work[-1][0]] = min(low[work[-1][0]], low[node])
                    if low[node] == order[node]:
                        cut = stack.index(node)
                        component, stack = stack[cut:], stack[:cut]
                        if len(component) > 1:
                            found.append(component)
                elif following not in order:
                    order[following] = low[following] = len(order)
                    stack.append(following)
                    work.append((following, iter(self.edges[following])))
                elif following in stack:
                    low[node] = min(low[node], order[following])
        return found

    def shown(self, circle: list[str]) -> str:
        """The imports that make a circle, a line each."""
        lines = []
        for mine in circle:
            for theirs, line in self.edges[mine].items():
                if theirs in circle:
                    lines.append(f"{self.files[mine]}:{line}: {mine} imports {theirs}")
        return "\n".join(lines)
