"""The FastAPI applications of a module: where they are made, and what is done to them before they serve."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from .source import UnsureError

Scope: TypeAlias = "ast.Module | ast.FunctionDef | ast.AsyncFunctionDef"
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass(frozen=True)
class Application:
    """One application.

    Attributes:
        name: what it is assigned to, `app` or `self.app`, or is to be where a function returns it at once.
        scope: the module, or the function that makes it.
        body: the statements among which it is made: the scope's own, or those of a block that returns it.
        made: the one of them in which it is made, which may be the `return`.
        top: the statement of the module's body in which it is made.
        mounted: it is part of another application of the module.
    """

    name: str
    scope: Scope
    body: list[ast.stmt]
    made: ast.stmt
    top: ast.stmt
    mounted: bool

    @property
    def is_module_level(self) -> bool:
        """Whether it is made when the module is imported."""
        return isinstance(self.scope, ast.Module)

    @property
    def label(self) -> str:
        """How people call it: `app`, or `create_app` after the function that makes it."""
        return self.name if isinstance(self.scope, ast.Module) else self.scope.name

    def last_touched(self) -> ast.stmt:
        """The last statement that adds a middleware or hands the application on; then comes the outermost."""
        start = self.body.index(self.made)
        last = self.made
        for statement in self.body[start + 1 :]:
            if isinstance(statement, ast.Return) or _serves(statement) or self._rebinds(statement):
                break
            if self._touches(statement):
                last = statement
        return last

    def _rebinds(self, statement: ast.stmt) -> bool:
        return any(self.name == one for one in _targets(statement))

    def _touches(self, statement: ast.stmt) -> bool:
        for decorator in getattr(statement, "decorator_list", []):
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            if _dotted(called) == f"{self.name}.middleware":
                return True
        for node in _walk(statement):
            if not isinstance(node, ast.Call):
                continue
            function = _dotted(node.func)
            if function == f"{self.name}.add_middleware":
                return True
            given = [*node.args, *(word.value for word in node.keywords)]
            handed_on = any(_dotted(one) == self.name for one in given)
            # An assignment such as `handler = Mangum(app)` wraps it and is asked for nothing.
            if handed_on and isinstance(statement, ast.Expr | ast.If | ast.For | ast.Try | ast.With):
                return function.rpartition(".")[2] not in {"print", "mount"}
        return False


def applications(tree: ast.Module) -> list[Application]:
    """Every application that is assigned to a name, in the order of the source.

    Raises:
        UnsureError: one is made where no statement can follow that names it, or a function returns several.
    """
    makers = _makers(tree)
    if not makers:
        return []
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    mounted = _mounted(tree)
    found: dict[tuple[str, Scope], Application] = {}
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and _dotted(node.func) in makers):
            continue
        statement = _statement(node, parents)
        returned = isinstance(statement, ast.Return)
        names = list(_targets(statement))
        if getattr(statement, "value", None) is not node or not (names or returned):
            if returned:
                raise UnsureError(f"line {node.lineno} returns an application without giving it a name")
            continue
        scope = _scope(statement, parents)
        made, body = _place(statement, scope, parents)
        name = _free_name(scope) if returned else names[0]
        app = Application(name, scope, body, made, _top(made, parents), name in mounted)
        # One that is made in each of two branches is the same one where they meet again.
        first = found.setdefault((name, scope), app)
        if first.body is not body or (returned and first.made is not made):
            raise UnsureError(f"{app.label}() returns several applications; make and return one")
    return sorted(found.values(), key=lambda one: one.made.lineno)


def made_by(tree: ast.Module, app: Application) -> str | None:
    """The module's name for what a factory or a class makes, `app = create_app()`; None where it has none."""
    held_as = app.name.rpartition(".")[2] if "." in app.name else None
    for statement in tree.body:
        value = getattr(statement, "value", None)
        called = isinstance(value, ast.Call) and _dotted(value.func) == app.label
        held = isinstance(value, ast.Attribute) and value.attr == held_as
        if called or held:
            return next(_targets(statement), None)
    return None


def _makers(tree: ast.Module) -> set[str]:
    """What FastAPI is called here, with the classes that are made of it."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in {"fastapi", "fastapi.applications"}:
            names |= {alias.asname or alias.name for alias in node.names if alias.name == "FastAPI"}
        elif isinstance(node, ast.Import):
            names |= {f"{one.asname or one.name}.FastAPI" for one in node.names if one.name == "fastapi"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and any(_dotted(base) in names for base in node.bases):
            names.add(node.name)
    return names


def _mounted(tree: ast.Module) -> set[str]:
    return {
        _dotted(argument)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _dotted(node.func).endswith(".mount")
        for argument in (*node.args[1:2], *(word.value for word in node.keywords if word.arg == "app"))
    }


def _targets(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, ast.Assign):
        yield from (_dotted(target) for target in statement.targets)
    elif isinstance(statement, ast.AnnAssign):
        yield _dotted(statement.target)


def _dotted(node: ast.expr) -> str:
    """`a.b.c` of a name; an attribute of any other expression starts with a dot, the rest is empty."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return ""


def _statement(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> ast.stmt:
    while not isinstance(node, ast.stmt):
        node = parents[node]
    return node


def _scope(node: ast.stmt, parents: dict[ast.AST, ast.AST]) -> Scope:
    """The function or module that runs a statement."""
    above = parents[node]
    while not isinstance(above, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef):
        if isinstance(above, ast.ClassDef):
            raise UnsureError(f"line {node.lineno} makes an application in the body of a class")
        above = parents[above]
    return above


def _place(node: ast.stmt, scope: Scope, parents: dict[ast.AST, ast.AST]) -> tuple[ast.stmt, list[ast.stmt]]:
    """The statement that holds a node, and those beside it: of the scope, or of a block that returns."""
    while True:
        above = parents[node]
        blocks = (value for _, value in ast.iter_fields(above) if isinstance(value, list))
        block = next((one for one in blocks if node in one), None)
        if above is scope:
            return node, scope.body
        if block is not None and any(isinstance(one, ast.Return) for one in block):
            return node, block
        node = _statement(above, parents)


def _free_name(scope: Scope) -> str:
    """What an application can be called that has no name in the function that returns it."""
    taken = {getattr(node, "id", getattr(node, "arg", getattr(node, "name", ""))) for node in ast.walk(scope)}
    return next(name for name in ("app", "application", "fastapi_app", "the_app") if name not in taken)


def _top(node: ast.stmt, parents: dict[ast.AST, ast.AST]) -> ast.stmt:
    while not isinstance(above := parents[node], ast.Module):
        node = _statement(above, parents)
    return node


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """A node and what is in it, without the bodies of functions."""
    stack = [node]
    while stack:
        top = stack.pop()
        yield top
        if not isinstance(top, _FUNCTIONS):
            stack.extend(ast.iter_child_nodes(top))


def _serves(statement: ast.stmt) -> bool:
    """Whether the application is in use from here on."""
    if isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test):
        return True
    calls = (node.func for node in _walk(statement) if isinstance(node, ast.Call))
    return any(_dotted(function).rpartition(".")[2] in {"run", "serve"} for function in calls)
