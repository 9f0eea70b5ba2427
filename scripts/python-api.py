"""Writes docs/python-api.md from the docstrings and signatures of python/flame_object_cache.

It parses the sources and does not import them, so it needs nothing but Python 3.9. What the package exports in `__all__`
is documented, in that order: functions, classes with their public methods, errors, constants. With `--print` the page
goes to standard output and no file is written; a test compares it with the file.
"""

from __future__ import annotations

import ast
import copy
import inspect
import re
import sys
import textwrap
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Tuple, Union

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "python" / "flame_object_cache"
PAGE = ROOT / "docs" / "python-api.md"
WIDTH = 100
SIGNATURE_WIDTH = 88
ARGUMENT = re.compile(r"^([a-z_]+): ")

Function = Union[ast.FunctionDef, ast.AsyncFunctionDef]

OPENING = """\
# Python API

This page is the reference of the Python package `flame_object_cache`: every public function, class
and error. `npm run docs` generates it from the docstrings. For an introduction read
[python/README.md](../python/README.md); for a walk-through, [guide.md](guide.md).
"""


class Module:
    """One parsed file: what it defines at the top, and what it imports from its siblings."""

    def __init__(self, path: Path) -> None:
        self.body = ast.parse(path.read_text(encoding="utf-8")).body
        self.imports: Dict[str, Tuple[str, str]] = {}
        for node in self.body:
            if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module:
                for name in node.names:
                    self.imports[name.asname or name.name] = (node.module, name.name)

    def exported(self) -> List[str]:
        """`__all__`, also when it is assembled with `+=`."""
        names: List[str] = []
        for node in self.body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
                names += ast.literal_eval(node.value)  # type: ignore[attr-defined]
        return names

    def functions(self, name: str) -> List[Function]:
        return _functions(self.body, name)

    def class_named(self, name: str) -> Optional[ast.ClassDef]:
        return next((node for node in self.body if isinstance(node, ast.ClassDef) and node.name == name), None)

    def constant(self, name: str) -> Optional[ast.expr]:
        for node in self.body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                return node.value  # type: ignore[attr-defined]
        return None


_modules: Dict[Path, Module] = {}


def find(name: str, path: Path) -> Tuple[str, Module, Path]:
    """The name a definition has in the module that defines it, and that module."""
    if path not in _modules:
        _modules[path] = Module(path)
    module = _modules[path]
    if name not in module.imports:
        return name, module, path
    source, original = module.imports[name]
    return find(original, _path_of(path.parent, source))


def _path_of(folder: Path, module: str) -> Path:
    path = folder.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _functions(body: List[ast.stmt], name: str) -> List[Function]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in body if isinstance(node, kinds) and node.name == name]


def decorators(function: Function) -> List[str]:
    return [ast.unparse(each).rsplit(".", 1)[-1] for each in function.decorator_list]


def signature(function: Function, owner: str = "") -> str:
    """As a caller writes it: without `self`, on one line where it fits."""
    if "property" in decorators(function):
        returned = f": {ast.unparse(function.returns)}" if function.returns else ""
        return f"{owner}{function.name}{returned}"
    returned = f" -> {ast.unparse(function.returns)}" if function.returns else ""
    prefix = "async " if isinstance(function, ast.AsyncFunctionDef) else ""
    name = owner[:-1] if function.name == "__init__" else f"{owner}{function.name}"
    ending = "" if function.name == "__init__" else returned
    parts = list(_parameters(function, is_method=bool(owner) and "staticmethod" not in decorators(function)))
    line = f"{prefix}{name}({', '.join(parts)}){ending}"
    if len(line) <= SIGNATURE_WIDTH:
        return line
    return f"{prefix}{name}(\n" + "".join(f"    {part},\n" for part in parts) + f"){ending}"


def _parameters(function: Function, *, is_method: bool) -> Iterator[str]:
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + [*arguments.defaults]
    for place, (argument, default) in enumerate(zip(positional, defaults)):
        if not (is_method and place == 0):
            yield _parameter(argument, default)
        if arguments.posonlyargs and place == len(arguments.posonlyargs) - 1:
            yield "/"
    if arguments.vararg:
        yield "*" + _parameter(arguments.vararg, None)
    elif arguments.kwonlyargs:
        yield "*"
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults):
        yield _parameter(argument, default)
    if arguments.kwarg:
        yield "**" + _parameter(arguments.kwarg, None)


def _parameter(argument: ast.arg, default: Optional[ast.expr]) -> str:
    text = argument.arg if argument.annotation is None else f"{argument.arg}: {ast.unparse(argument.annotation)}"
    if default is None:
        return text
    shown = ast.unparse(default)
    # A private default only marks an argument that was left out.
    shown = "..." if shown.startswith("_") or shown == "NOT_GIVEN" else shown
    return f"{text} = {shown}" if argument.annotation else f"{text}={shown}"


def prose(node: Union[Function, ast.ClassDef]) -> str:
    """The docstring, its paragraphs filled to the page's width; what is indented in it stays as it is."""
    paragraphs = inspect.cleandoc(ast.get_docstring(node) or "").split("\n\n")
    return "\n\n".join(map(_filled, paragraphs))


def _filled(paragraph: str) -> str:
    lines = paragraph.split("\n")
    if ARGUMENT.match(lines[0]):
        return _arguments(lines)
    if any(line.startswith((" ", "- ", "* ", "|", ">>>")) for line in lines):
        return paragraph
    return textwrap.fill(paragraph, WIDTH, break_long_words=False, break_on_hyphens=False)


def _arguments(lines: List[str]) -> str:
    """`name: text` with its indented lines as an entry of a list; what comes after the list as a paragraph."""
    entries: List[str] = []
    after: List[str] = []
    for line in lines:
        if ARGUMENT.match(line):
            entries.append(ARGUMENT.sub(r"- `\1`: ", line))
        elif line.startswith(" "):
            entries[-1] += f" {line.strip()}"
        else:
            after.append(line)
    options = {"break_long_words": False, "break_on_hyphens": False}
    text = "\n".join(textwrap.fill(entry, WIDTH, subsequent_indent="  ", **options) for entry in entries)
    return "\n\n".join([text, textwrap.fill(" ".join(after), WIDTH, **options)]).rstrip()


def describe_function(functions: List[Function], title: str, owner: str = "", level: str = "###") -> str:
    overloads = [each for each in functions if "overload" in decorators(each)]
    shown = "\n".join(signature(each, owner) for each in overloads or functions[-1:])
    return _section(f"{level} {title}", f"```python\n{shown}\n```", prose(functions[-1]))


def _section(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"


def _members(kind: ast.ClassDef, module: Module, path: Path, public: List[str]) -> Dict[str, List[Function]]:
    """Public methods by name, those of base classes that are not public themselves included."""
    members: Dict[str, List[Function]] = {}
    for base in map(ast.unparse, kind.bases):
        name, base_module, base_path = find(base, path)
        found = None if base in public else base_module.class_named(name)
        if found is not None:
            members.update(_members(found, base_module, base_path, public))
    for node in kind.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and _is_shown(node):
            members[node.name] = _functions(kind.body, node.name)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            twin = _method_of(node.value, node.targets[0].id, ast.AsyncFunctionDef)
            members.update({} if twin is None else {twin.name: [twin]})
    return members


def _method_of(value: Optional[ast.expr], name: str, kind: type) -> Optional[Function]:
    """For `name = _function(..., FlameCache.put)` the method, as a definition of that name and kind."""
    method = value.args[-1] if isinstance(value, ast.Call) and value.args else None
    if not isinstance(method, ast.Attribute):
        return None
    owner = ast.unparse(method.value).rsplit(".", 1)[-1]
    found, module, _ = find(owner, PACKAGE / "__init__.py")
    class_ = module.class_named(found)
    functions = [] if class_ is None else _functions(class_.body, method.attr)
    if not functions:
        return None
    made = copy.deepcopy(functions[-1])
    title = f"{owner}.{method.attr}"
    text = f"As [{title}](#{title.replace('.', '').lower()})."
    return kind(**{**vars(made), "name": name, "body": [ast.Expr(ast.Constant(text))]})


def _as_function(method: Function) -> Function:
    """Without `self`."""
    del method.args.args[0]
    return method


def _is_shown(function: Function) -> bool:
    return not function.name.startswith("_") or (function.name == "__init__" and len(function.args.args) > 1)


def describe_class(name: str, kind: ast.ClassDef, module: Module, path: Path, public: List[str]) -> str:
    bases = [base for base in map(ast.unparse, kind.bases) if base in public or base in dir(__builtins__)]
    head = f"class {name}({', '.join(bases)})" if bases else f"class {name}"
    fields = [ast.unparse(node) for node in kind.body if isinstance(node, ast.AnnAssign)]
    shown = "\n".join([f"{head}:" if fields else head, *(f"    {field}" for field in fields if not field.startswith("_"))])
    sections = [_section(f"### {name}", f"```python\n{shown}\n```", prose(kind))]
    for method, functions in _members(kind, module, path, public).items():
        title = f"{name}()" if method == "__init__" else f"{name}.{method}"
        sections.append(describe_function(functions, title, f"{name}.", "####"))
    return "\n".join(sections)


def describe_aliases(text: str, public: List[str]) -> List[str]:
    """Names of types that signatures use and the package does not export: what they stand for."""
    shown: Dict[str, str] = {}
    for module in _modules.values():
        for node in module.body:
            if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)):
                continue
            name, value = node.targets[0].id, ast.unparse(node.value)
            is_type = re.fullmatch(r"[A-Z][a-z]\w*", name) and name not in public
            if is_type and re.search(rf"[:>\[] ?{name}\b", text):
                shown[name] = f"{name} = {value}"
    return [f"```python\n{line}\n```\n" for _, line in sorted(shown.items())]


def _is_error(name: str, public: List[str]) -> bool:
    found, module, path = find(name, PACKAGE / "__init__.py")
    kind = module.class_named(found)
    bases = [] if kind is None else list(map(ast.unparse, kind.bases))
    return any(base in ("Exception", "UserWarning") or (base in public and _is_error(base, public)) for base in bases)


def render() -> str:
    start = PACKAGE / "__init__.py"
    public = find("__all__", start)[1].exported()
    sections: Dict[str, List[str]] = {"Functions": [], "Classes": [], "Errors": [], "Constants": []}
    for name in public:
        original, module, path = find(name, start)
        kind, functions = module.class_named(original), module.functions(original)
        if kind is not None:
            heading = "Errors" if _is_error(name, public) else "Classes"
            sections[heading].append(describe_class(name, kind, module, path, public))
        elif functions:
            sections["Functions"].append(describe_function(functions, name))
        else:
            value = module.constant(original)
            method = _method_of(value, name, ast.FunctionDef)
            if method is not None:
                sections["Functions"].append(describe_function([_as_function(method)], name))
                continue
            shown = name if value is None or not isinstance(value, ast.Constant) else f"{name} = {ast.unparse(value)}"
            sections["Constants"].append(_section(f"### {name}", f"```python\n{shown}\n```"))
    text = "\n".join(entry for entries in sections.values() for entry in entries)
    sections["Types in the signatures"] = describe_aliases(text, public)
    parts = [f"## {title}\n\n" + "\n".join(entries) for title, entries in sections.items() if entries]
    return "\n".join([OPENING, *parts])


if __name__ == "__main__":
    if "--print" in sys.argv:
        sys.stdout.write(render())
    else:
        PAGE.write_text(render(), encoding="utf-8")
