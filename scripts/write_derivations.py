"""Write docs/derivations: how the gradients of every layer and loss are derived, as records and as pages."""

import sys
from pathlib import Path

from cli import guarded, script_parser
from nnmat import ConfigError
from nnmat.calculus.builtin.pages import HEAD, files

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "derivations"
EXAMPLES = """\
examples:
  python scripts/write_derivations.py          after a layer, its description or the calculus has changed
  python scripts/write_derivations.py --check  whether what is stored is what would be written; 1 if not"""


def stored_in(folder: Path) -> dict[str, str]:
    """The texts of a folder by their names. Raises ConfigError for one with other things: they would be deleted."""
    if not folder.exists() or not any(folder.iterdir()):
        return {}
    index, title = folder / "README.md", HEAD.partition("\n")[0]
    if not index.is_file() or not index.read_text(encoding="utf-8", errors="replace").startswith(title):
        raise ConfigError(f"--folder: expected a new folder, or one written before, got {folder} with other files.")
    return {p.name: p.read_text(encoding="utf-8") for p in folder.iterdir() if p.suffix in (".json", ".md")}


def main() -> None:
    parser = script_parser(__doc__, EXAMPLES)
    parser.add_argument("--check", action="store_true", help="write nothing, name the files that differ")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="(default: docs/derivations)")
    args = parser.parse_args()
    made = files()
    stored = stored_in(args.folder)
    different = sorted(name for name in {*made, *stored} if made.get(name) != stored.get(name))
    if args.check:
        for name in different:
            how = "missing" if name not in stored else "of no layer" if name not in made else "different"
            print(f"{args.folder / name}: {how}")
        print(f"{len(made)} files, {len(different)} not as they are derived now.")
        sys.exit(1 if different else 0)
    args.folder.mkdir(parents=True, exist_ok=True)
    for name in different:
        if name in made:
            (args.folder / name).write_text(made[name], encoding="utf-8")
        else:
            (args.folder / name).unlink()
    print(f"{len(made)} files in {args.folder}, {len(different)} of them changed.")


if __name__ == "__main__":
    guarded(main)
