"""The lines of telemetry in one module, each where it has to be."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .applications import Application, applications
from .source import Source, UnsureError

SETUPS = ("setup_tracing", "setup_metrics")
MIDDLEWARES = ("TracingMiddleware", "MetricsMiddleware")
LIBRARY = "shared.telemetry"
FEW = 3  # names fit on a line of any width
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def used(trees: list[ast.Module]) -> set[str]:
    """The names of the library that the modules of a project call or pass on."""
    found = set()
    for tree in trees:
        imported = _imported(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                for one in (node.func, *node.args[:1]):
                    if isinstance(one, ast.Name) and one.id in imported:
                        found.add(imported[one.id])
                    elif ast.unparse(one).startswith(f"{LIBRARY}."):
                        found.add(ast.unparse(one).rpartition(".")[2])
    return found


def instrument(source: Source, app: Application, service: str, present: set[str]) -> bool:
    """Add what is missing: imports, set-up before the application is made, middlewares after all others.

    Args:
        source: gets the lines.
        app: the application in it.
        service: name of the service.
        present: names of the library that the project uses already.

    Returns:
        Whether anything was missing.

    Raises:
        UnsureError: the place is not certain.
    """
    tree = source.tree()
    setups = [name for name in SETUPS if name not in present]
    middlewares = [name for name in MIDDLEWARES if name not in present]
    if not setups and not middlewares:
        return False
    here = {theirs for name, theirs in _imported(tree).items() if name == theirs}
    needed = sorted({*setups, *middlewares} - here)
    _refuse_taken(source, tree, needed)
    _import(source, tree, app, needed)
    if setups:
        _set_up(source, tree, [f'{name}(service_name="{service}")' for name in setups])
    if middlewares:
        _wrap(
            source,
            app,
            [f'{app.name}.add_middleware({name}, service_name="{service}")' for name in middlewares],
        )
    if isinstance(app.made, ast.Return):
        _give_name(source, app)
        tree = _Named(app).visit(tree)
    _verify(source, tree)
    return True


def to_paste(service: str, app: str = "app") -> str:
    """The lines, for people to put in by hand."""
    return "\n".join(
        (
            *_import_lines(sorted((*SETUPS, *MIDDLEWARES))),
            "",
            *(f'{name}(service_name="{service}")' for name in SETUPS),
            "",
            f"{app} = FastAPI(...)  # as it is; the lines above come before it, these last",
            *(f'{app}.add_middleware({name}, service_name="{service}")' for name in MIDDLEWARES),
        )
    )


def _imported(tree: ast.Module) -> dict[str, str]:
    """What is imported of the library, by its name here."""
    return {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == LIBRARY
        for alias in node.names
    }


def _refuse_taken(source: Source, tree: ast.Module, names: list[str]) -> None:
    """A name of the library that means something else here would be overwritten."""
    for node in ast.walk(tree):
        own = {getattr(node, "name", "")} if isinstance(node, ast.FunctionDef | ast.ClassDef) else set()
        if isinstance(node, ast.Import | ast.ImportFrom):
            own = {alias.asname or alias.name for alias in node.names}
        for name in own.intersection(names):
            raise UnsureError(f"{source.path}:{getattr(node, 'lineno', 0)} has a {name} of its own")


def _import_lines(names: list[str]) -> list[str]:
    if len(names) < FEW:
        return [f"from {LIBRARY} import {', '.join(names)}"]
    # One name a line is what formatters make of it at any width.
    return [f"from {LIBRARY} import (", *(f"    {name}," for name in names), ")"]


def _import(source: Source, tree: ast.Module, app: Application, names: list[str]) -> None:
    """Beside the import of FastAPI, where sorting puts it."""
    if not names:
        return
    block = list(_block_of_fastapi(source, tree))
    earlier = [one for one in block if isinstance(one, ast.Import) or (one.module or "") < LIBRARY]
    if earlier:
        source.add(source.after(earlier[-1]), _import_lines(names))
    elif block:
        source.add(source.first_line(block[0]), _import_lines(names))
    else:
        source.add(source.first_line(app.top), [*_import_lines(names), ""])


def _block_of_fastapi(source: Source, tree: ast.Module) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports between two blank lines of which one is FastAPI's; comments belong to them."""
    imports = [one for one in tree.body if isinstance(one, ast.Import | ast.ImportFrom)]
    block: list[ast.Import | ast.ImportFrom] = []
    for one in imports:
        if block and source.first_line(one) != (block[-1].end_lineno or 0) + 1:
            if any(map(_is_fastapi, block)):
                break
            block = []
        block.append(one)
    if any(map(_is_fastapi, block)):
        # A relative import sorts behind all others, and `__future__` must come first.
        yield from (one for one in block if isinstance(one, ast.Import) or not one.level)


def _is_fastapi(node: ast.Import | ast.ImportFrom) -> bool:
    names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names]
    return any(name.partition(".")[0] == "fastapi" for name in names)


def _set_up(source: Source, tree: ast.Module, calls: list[str]) -> None:
    """Before the first application is made, at the level of the module: each process sets up once."""
    top = min((app.top for app in applications(tree)), key=lambda node: node.lineno)
    line = source.first_line(top)
    before = next((node for node in reversed(tree.body) if node.lineno < top.lineno), None)
    if isinstance(top, _DEFINITIONS):
        # Two blank lines stand before a definition: one of them is enough before the calls.
        if source.is_blank(line - 1) and source.is_blank(line - 2) and not isinstance(before, _DEFINITIONS):
            source.add(line - 1, [*calls, ""])
        else:
            source.add(line, [*calls, "", ""])
        return
    source.add(line, [*([] if source.is_blank(line - 1) else [""]), *calls, ""])


def _wrap(source: Source, app: Application, calls: list[str]) -> None:
    """After the last middleware: what is added last is outermost, and sees what the others refuse."""
    last = app.last_touched()
    indent = source.indent(app.made)
    line = source.after(last)
    lines = [f"{indent}{call}" for call in calls]
    if isinstance(last, ast.FunctionDef | ast.AsyncFunctionDef):
        lines = [*([""] * (2 if app.is_module_level else 1)), *lines]
    elif isinstance(last, ast.Return):
        lines.append(f"{indent}return {app.name}")
    elif last.end_lineno != last.lineno and isinstance(last, ast.If | ast.For | ast.Try | ast.With):
        lines = ["", *lines]
    source.add(line, lines)


def _give_name(source: Source, app: Application) -> None:
    """Make `return FastAPI()` an assignment."""
    line = source.lines[app.made.lineno - 1]
    start = len(source.indent(app.made))
    source.lines[app.made.lineno - 1] = f"{line[:start]}{app.name} ={line[start + len('return') :]}"


def _verify(source: Source, before: ast.Module) -> None:
    """What was there is there unchanged and in order: the new tree without the new statements is the old one.

    Raises:
        UnsureError: it is not.
    """
    try:
        after = ast.parse(source.result())
    except SyntaxError as problem:
        raise UnsureError(f"the lines do not fit at {source.path}:{problem.lineno}") from None
    if ast.dump(_Without().visit(after)) != ast.dump(_Without().visit(before)):
        raise UnsureError(f"the lines would change something else in {source.path}")


class _Without(ast.NodeTransformer):
    """Takes out every statement of ours."""

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom | None:
        return None if node.module == LIBRARY else node

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        if isinstance(node.value, ast.Call):
            function, *arguments = node.value.func, *node.value.args
            names = [getattr(one, "id", getattr(one, "attr", "")) for one in (function, *arguments[:1])]
            if names[0] in SETUPS or (names[0] == "add_middleware" and names[-1] in MIDDLEWARES):
                return None
        return node


class _Named(ast.NodeTransformer):
    """Gives the application that a function returns at once its name."""

    def __init__(self, app: Application) -> None:
        self.app = app

    def visit_Return(self, node: ast.Return) -> list[ast.stmt] | ast.Return:
        if node.lineno != self.app.made.lineno or node.value is None:
            return node
        made = ast.Assign([ast.Name(self.app.name, ast.Store())], node.value)
        return [made, ast.Return(ast.Name(self.app.name, ast.Load()))]
