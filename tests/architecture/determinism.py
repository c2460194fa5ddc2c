"""What the deterministic rooms must not contain, found in the syntax tree of each file.

A set is recognised by how it is made or annotated in the same file; a set that comes out of another file's function
without an annotation here is not seen. Runs with two PYTHONHASHSEEDs look for the rest.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

FORBIDDEN_MODULES = {
    "time": "wall clock",
    "random": "chance",
    "secrets": "chance",
    "uuid": "chance",
    "os": "environment",
    "platform": "environment",
    "locale": "environment",
    "importlib": "environment",
    "pathlib": "disk",
    "io": "disk",
    "tempfile": "disk",
    "shutil": "disk",
    "sqlite3": "disk",
    "lmdb": "disk",
    "socket": "network",
    "ssl": "network",
    "http": "network",
    "urllib": "network",
    "select": "network",
    "asyncio": "concurrency",
    "threading": "concurrency",
    "multiprocessing": "concurrency",
    "concurrent": "concurrency",
    "subprocess": "concurrency",
    "signal": "concurrency",
    "gc": "environment",
    "weakref": "environment",
    "logging": "environment",
    "zoneinfo": "tables that differ between machines",
    "unicodedata": "tables that differ between Python versions",
    "decimal": "depends on a context",
    "statistics": "floats",
    "cmath": "floats",
}

FORBIDDEN_NAMES = {
    "float": "no floats",
    "complex": "no floats",
    "hash": "differs between processes",
    "id": "differs between processes",
    "open": "no disk",
    "input": "no console",
    "print": "no console",
    "eval": "no code from data",
    "exec": "no code from data",
    "__import__": "no hidden imports",
}

EXACT_MATH = {"isqrt", "gcd", "lcm", "comb", "perm", "factorial"}
EXACT_DATETIME = {"date", "timedelta"}
CLOCK_READS = {
    "now",
    "today",
    "utcnow",
    "fromtimestamp",
    "utcfromtimestamp",
    "time_ns",
    "perf_counter",
    "monotonic",
}
NUMPY_INEXACT = {
    *("float16", "float32", "float64", "float128", "longdouble", "double", "single", "half", "complex64"),
    *(
        "complex128",
        "random",
        "mean",
        "average",
        "std",
        "var",
        "median",
        "percentile",
        "divide",
        "true_divide",
    ),
    *("sqrt", "exp", "log", "log2", "log10", "power", "float_power", "linspace", "reciprocal"),
}
SET_METHODS = {"union", "intersection", "difference", "symmetric_difference"}
SET_TYPES = {"set", "frozenset", "Set", "AbstractSet", "MutableSet", "FrozenSet"}
ORDERED_BY_ITERATION = {
    "list",
    "tuple",
    "enumerate",
    "iter",
    "next",
    "zip",
    "map",
    "filter",
    "reversed",
    "dict",
}
ORDER_DOES_NOT_MATTER = {"sorted", "any", "all", "sum", "min", "max", "len", "set", "frozenset"}


@dataclass(frozen=True)
class Finding:
    line: int
    rule: str
    text: str


def findings(source: str, *, calendar: bool = False) -> list[Finding]:
    """Every breach in one file's source. `calendar` allows `datetime.date` and `timedelta` for date arithmetic."""
    tree = ast.parse(source)
    found = [*_values(tree), *_imports(tree, calendar), *_set_iteration(tree)]
    return sorted(found, key=lambda finding: (finding.line, finding.rule, finding.text))


def _values(tree: ast.AST) -> Iterator[Finding]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            yield Finding(node.lineno, "float", f"the literal {node.value!r}")
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            yield Finding(
                node.lineno, "float", "true division; use divide_down, divide_up or split_by_weight"
            )
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in FORBIDDEN_NAMES:
            yield Finding(node.lineno, "name", f"{node.id}: {FORBIDDEN_NAMES[node.id]}")
        elif isinstance(node, ast.Attribute) and node.attr in CLOCK_READS:
            yield Finding(node.lineno, "clock", f".{node.attr}")
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in {"np", "numpy"}
            and node.attr in NUMPY_INEXACT
        ):
            yield Finding(node.lineno, "float", f"numpy.{node.attr}")
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "math":
            if node.attr not in EXACT_MATH:
                yield Finding(node.lineno, "float", f"math.{node.attr}")
        elif isinstance(node, ast.Assert):
            yield Finding(node.lineno, "assert", "can be switched off; use ensure(...)")


def _imports(tree: ast.AST, calendar: bool) -> Iterator[Finding]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [(node.module, alias.name) for alias in node.names]
        else:
            continue
        for module, name in names:
            top = module.split(".")[0]
            if top in FORBIDDEN_MODULES:
                yield Finding(node.lineno, "import", f"{module}: {FORBIDDEN_MODULES[top]}")
            elif top == "datetime" and not (calendar and name in EXACT_DATETIME):
                yield Finding(node.lineno, "import", "datetime: only primitives, and only date and timedelta")
            elif top == "math" and name and name not in EXACT_MATH:
                yield Finding(node.lineno, "float", f"math.{name}")
            elif top == "numpy" and (name in NUMPY_INEXACT or module.startswith("numpy.random")):
                yield Finding(node.lineno, "float", f"{module}.{name}".rstrip("."))


def _set_iteration(tree: ast.Module) -> Iterator[Finding]:
    known_attributes = _known_sets(tree, attributes=True)
    scopes: list[ast.AST] = [
        tree,
        *(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.Lambda)),
    ]
    module_names = _known_sets(tree, attributes=False)
    seen: set[tuple[int, int]] = set()
    for scope in reversed(scopes):
        names = module_names | _known_sets(scope, attributes=False) if scope is not tree else module_names
        names = names - (_rebound(scope, module_names) if scope is not tree else frozenset())
        for node in _own_nodes(scope):
            for iterated in _iterated(node, scope):
                where = (iterated.lineno, iterated.col_offset)
                if where not in seen and _is_set(iterated, names, known_attributes):
                    seen.add(where)
                    yield Finding(
                        iterated.lineno,
                        "set",
                        f"iterates over the set {ast.unparse(iterated)}; sort it first",
                    )


def _own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of one scope, without those of the functions inside it."""
    waiting = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.Lambda):
            waiting.extend(ast.iter_child_nodes(node))


def _iterated(node: ast.AST, scope: ast.AST) -> Iterator[ast.expr]:
    """The expressions whose order of iteration can be seen at `node`."""
    if isinstance(node, ast.For):
        yield node.iter
    elif isinstance(node, ast.ListComp | ast.GeneratorExp | ast.DictComp | ast.SetComp):
        if isinstance(node, ast.SetComp) or _order_is_lost(node, scope):
            return
        for generator in node.generators:
            yield generator.iter
    elif isinstance(node, ast.Starred | ast.YieldFrom):
        yield node.value
    elif isinstance(node, ast.Call):
        function = node.func
        if isinstance(function, ast.Name) and function.id in ORDERED_BY_ITERATION:
            yield from node.args
        elif isinstance(function, ast.Attribute) and function.attr in {
            "join",
            "extend",
            "fromkeys",
            "from_iterable",
        }:
            yield from node.args
        elif isinstance(function, ast.Attribute) and function.attr == "pop" and not node.args:
            yield function.value
    elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple | ast.List):
        yield node.value


def _order_is_lost(comprehension: ast.expr, scope: ast.AST) -> bool:
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ORDER_DOES_NOT_MATTER
        and node.args[:1] == [comprehension]
        for node in ast.walk(scope)
    )


def _is_set(node: ast.expr, names: frozenset[str], attributes: frozenset[str]) -> bool:
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    if isinstance(node, ast.Name):
        return node.id in names
    if isinstance(node, ast.Attribute):
        return node.attr in attributes
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name):
            return node.func.id in {"set", "frozenset"}
        return isinstance(node.func, ast.Attribute) and node.func.attr in SET_METHODS
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr | ast.BitAnd | ast.Sub | ast.BitXor):
        return any(_is_set(side, names, attributes) or _is_view(side) for side in (node.left, node.right))
    if isinstance(node, ast.IfExp):
        return _is_set(node.body, names, attributes) or _is_set(node.orelse, names, attributes)
    if isinstance(node, ast.BoolOp):
        return any(_is_set(value, names, attributes) for value in node.values)
    return False


def _is_view(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"keys", "items"}
    )


def _is_set_type(annotation: ast.expr | None) -> bool:
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        annotation = ast.parse(annotation.value, mode="eval").body
    if isinstance(annotation, ast.Subscript):
        annotation = annotation.value
    name = annotation.attr if isinstance(annotation, ast.Attribute) else getattr(annotation, "id", "")
    return name in SET_TYPES


def _known_sets(scope: ast.AST, *, attributes: bool) -> frozenset[str]:
    """Names (or attribute names, anywhere in the file) that are annotated as sets or assigned a set."""
    found: set[str] = set()
    nodes = list(ast.walk(scope) if attributes else _own_nodes(scope))
    in_class_bodies = {id(s) for n in nodes if isinstance(n, ast.ClassDef) for s in n.body}
    for node in nodes:
        if isinstance(node, ast.AnnAssign) and (
            _is_set_type(node.annotation)
            or (node.value is not None and _is_set(node.value, frozenset(), frozenset()))
        ):
            targets: list[ast.expr] = [node.target]
        elif isinstance(node, ast.Assign) and _is_set(node.value, frozenset(), frozenset()):
            targets = node.targets
        elif isinstance(node, ast.arg) and not attributes and _is_set_type(node.annotation):
            found.add(node.arg)
            continue
        else:
            continue
        for target in targets:
            if attributes and isinstance(target, ast.Attribute):
                found.add(target.attr)
            elif isinstance(target, ast.Name) and attributes == (id(node) in in_class_bodies):
                found.add(target.id)
    return frozenset(found)


def _rebound(scope: ast.AST, names: frozenset[str]) -> frozenset[str]:
    """Those of `names` that this function binds anew to something that is not known to be a set."""
    bound = {
        node.id
        for node in _own_nodes(scope)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    } | {node.arg for node in ast.walk(scope) if isinstance(node, ast.arg)}
    return (names & bound) - _known_sets(scope, attributes=False)
