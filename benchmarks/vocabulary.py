"""``python -m benchmarks.vocabulary``: counts the words of error texts that many programs have in common.

Reads what is installed here: Python packages (``--packages``: a folder of them), message catalogs, programs and
libraries, Node's packages. Writes procedures_app/signatures/vocabulary.py. A word that few programs use is a name in an
error text. Another machine has other programs, so that the list changes a little at its end; each change of it is a new
``VERSION`` of the signatures.
"""

from __future__ import annotations

import argparse
import ast
import gettext
import re
import subprocess
import sysconfig
import textwrap
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

PROGRAMS = 15  #: a word of fewer is a name
TARGET = Path(__file__).parent.parent / "procedures_app" / "signatures" / "vocabulary.py"
_LONGEST, _SHORTEST, _MOST_FILES = 400, 8, 400
_SHORT_WORDS = frozenset({"no", "io", "ip", "id", "in", "on", "up", "os"})
_TELLS_OF_FAILURE = re.compile(
    r"(?i)\b(?:error|fail(?:ed|ure)?|can ?not|can't|couldn't|could not|unable|denied|refused|time[d]? ?out|not found"
    r"|invalid|unknown|missing|exceed(?:ed|s)|no such|abort(?:ed)?|reject|unauthori[sz]ed|forbidden|conflict"
    r"|not (?:permitted|allowed|supported|valid)|unsupported|unexpected|unresolved|undefined|expired|does not|doesn't"
    r"|already|mismatch|too \w+|out of|unreachable|unavailable|violat\w+|bad|broken|deadlock|must|illegal|corrupt\w*"
    r"|is not|no \w+)\b"
)
_VARIES = re.compile(
    r"%[-+ #0]*[\d*]*(?:\.[\d*]+)?[lhzj]*[a-zA-Z%]|%\([^)]*\)[sdr]|\{[^}]*\}|<[^>]*>|\$\w+|[\"'`‘“][^\"'`’”]*[\"'`’”]"
)
_WORD = re.compile(r"(?<![\w./\\$@:-])(?:[a-z]+|[A-Z][a-z]+)(?![\w/\\$@('])")
_QUOTED = re.compile(r"\"([^\"\n]{8,300})\"|'([^'\n]{8,300})'|`([^`\n]{8,300})`")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--packages", type=Path, default=Path(sysconfig.get_paths()["purelib"]))
    found = counted(parser.parse_args().packages)
    words = sorted(word for word, programs in found.items() if len(programs) >= PROGRAMS and counts(word))
    TARGET.write_text(module(words))
    print(f"{len(words)} words of at least {PROGRAMS} programs")


def counts(word: str) -> bool:
    return len(word) > 2 or word in _SHORT_WORDS


def counted(packages: Path) -> dict[str, set[str]]:
    """The programs that each word is in."""
    found: dict[str, set[str]] = defaultdict(set)
    for program, text in chain(of_python(packages), of_catalogs(), of_programs(), of_node()):
        for word in words_of(text):
            found[word].add(program)
    return found


def words_of(text: str) -> list[str]:
    if len(text) > _LONGEST or " " not in text.strip() or not _TELLS_OF_FAILURE.search(text):
        return []
    return [word.casefold() for word in _WORD.findall(_VARIES.sub(" ", text))]


def of_python(packages: Path) -> Iterator[tuple[str, str]]:
    standard = Path(sysconfig.get_paths()["stdlib"])
    for home in (packages, standard):
        for place in sorted(home.iterdir()):
            files = [place] if place.suffix == ".py" else sorted(place.rglob("*.py")) if place.is_dir() else []
            if place.name not in {"site-packages", "test"}:
                yield from ((place.name, text) for text in constants(files[:_MOST_FILES]))


def constants(files: Iterable[Path]) -> Iterator[str]:
    for file in files:
        try:
            tree = ast.parse(file.read_text(encoding="utf-8", errors="replace"))
        except (SyntaxError, ValueError, RecursionError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def of_catalogs() -> Iterator[tuple[str, str]]:
    """The English side of the catalogs; one language has all of them."""
    for language in ("de", "fr", "pl"):
        for file in sorted(Path("/usr/share/locale", language, "LC_MESSAGES").glob("*.mo")):
            yield from ((file.stem.rstrip("-0123456789."), text) for text in originals(file))


def originals(catalog: Path) -> list[str]:
    try:
        with catalog.open("rb") as opened:
            said = vars(gettext.GNUTranslations(opened))["_catalog"]
    except ValueError:  # in an old character set
        return []
    return [str(key[0] if isinstance(key, tuple) else key) for key in said]


def of_programs() -> Iterator[tuple[str, str]]:
    for folder in ("/usr/bin", "/usr/sbin", "/usr/lib/x86_64-linux-gnu"):
        for file in sorted({path.resolve() for path in Path(folder).glob("*") if path.is_file()}):
            name = file.name.split(".so")[0].rstrip("-0123456789.")
            yield from ((name, text) for text in printable(file))


def printable(file: Path) -> list[str]:
    with file.open("rb") as opened:
        kind = opened.read(4)
    if kind[:2] == b"#!":
        return quoted(file)
    if kind != b"\x7fELF":
        return []
    ran = subprocess.run(["strings", "-n", str(_SHORTEST), str(file)], capture_output=True, check=False)
    return ran.stdout.decode("ascii", "ignore").splitlines()


def of_node() -> Iterator[tuple[str, str]]:
    home = Path("/usr/lib/node_modules/npm/node_modules")
    for package in sorted(home.iterdir()) if home.is_dir() else []:
        for file in sorted(package.rglob("*.js"))[:_MOST_FILES]:
            yield from ((package.name, text) for text in quoted(file))


def quoted(file: Path) -> list[str]:
    return ["".join(parts) for parts in _QUOTED.findall(file.read_text(encoding="utf-8", errors="replace"))]


def module(words: list[str]) -> str:
    lines = "\n".join(f'    "{line} "' for line in textwrap.wrap(" ".join(words), 110))
    return (
        '"""Words that programs have in common: a word of an error text that is none of them is a name there.\n\n'
        f"Made by ``python -m benchmarks.vocabulary``: each is in error texts of at least {PROGRAMS} programs.\n"
        '"""\n\nfrom __future__ import annotations\n\n'
        f"_WORDS = (\n{lines}\n)\nVOCABULARY = frozenset(_WORDS.split())\n"
    )


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of old escapes in the packages that are read
    main()
