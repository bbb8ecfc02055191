"""A derived parameter's expression: a small part of Python that can compute and nothing else.

Names of parameters, numbers, arithmetic, comparisons, ``and``, ``or``, ``not``, ``a if b else c``, the constants
``pi`` and ``e``, and the functions of `FUNCTIONS`. A parameter of states is its number, and may be compared with the
name of one: ``mode == "SAFE"``. What is not in this list is refused with its line and column, before anything runs; no
attribute, subscript, loop or text is left that could reach further.
"""

import ast
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import CodeType
from typing import Any

from ccsds.errors import MisuseError

# An expression that a person can check; evaluation is linear in it.
CHARACTERS_MAX = 1_000
NODES_MAX = 200

# As far as a 64-bit float knows each of them.
WHOLE_MAX = 1 << 53

Number = int | float

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "min": min,
    "max": max,
    "round": lambda value: float(round(value)),
    "sqrt": math.sqrt,
    "exp": math.exp,
    "log": math.log,
    "log10": math.log10,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "asin": math.asin,
    "acos": math.acos,
    "atan": math.atan,
    "atan2": math.atan2,
    "hypot": math.hypot,
    "degrees": math.degrees,
    "radians": math.radians,
    "floor": math.floor,
    "ceil": math.ceil,
    "pow": math.pow,
    "is_number": lambda value: not math.isnan(value),
}
"""What may be called."""

CONSTANTS: dict[str, Number] = {"pi": math.pi, "e": math.e}

_BINARY = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
_UNARY = (ast.UAdd, ast.USub, ast.Not)
_COMPARISONS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)


@dataclass(frozen=True, kw_only=True)
class Expression:
    """An expression that was found good; `compile_expression` makes it."""

    text: str
    inputs: frozenset[str]
    """The parameters that it reads."""
    code: CodeType

    def value(self, inputs: Mapping[str, Number]) -> float:
        """Give what it comes to.

        Raises:
            ValueError: It comes to no real number; with the reason.
        """
        try:
            # The tree was checked, node by node; there is nothing in it but arithmetic on these names.
            found = eval(self.code, {"__builtins__": {}, **FUNCTIONS, **CONSTANTS}, dict(inputs))
            return float(found)
        except (ArithmeticError, ValueError, TypeError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from None


def compile_expression(text: str, states: Mapping[str, Mapping[str, int]], *, line: int = 1) -> Expression:
    """Check an expression, and make it ready.

    Args:
        text: As an operator wrote it.
        states: Every parameter that may be read; of one of states their numbers by name, of others nothing.
        line: Where it begins in its file, for messages.

    Raises:
        MisuseError: It cannot be; with line, column and reason.
    """
    if len(text) > CHARACTERS_MAX:
        raise MisuseError(f"line {line}: expected at most {CHARACTERS_MAX} characters, found {len(text)}")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        at = getattr(error, "lineno", None) or 1
        column = getattr(error, "offset", None) or 1
        reason = getattr(error, "msg", None) or str(error)
        raise MisuseError(f"line {line + at - 1}, column {column}: expected an expression, found: {reason}") from None
    if sum(1 for _ in ast.walk(tree)) > NODES_MAX:
        raise MisuseError(f"line {line}: expected at most {NODES_MAX} operations and names, found more")
    checker = _Checker(states, line)
    checked = ast.fix_missing_locations(ast.Expression(checker.visit(tree.body)))
    return Expression(text=text, inputs=frozenset(checker.inputs), code=compile(checked, "<derived>", "eval"))


class _Checker(ast.NodeTransformer):
    """Lets through what is allowed, and puts numbers for the names of states and a real power for powers."""

    def __init__(self, states: Mapping[str, Mapping[str, int]], line: int) -> None:
        self._states = states
        self._line = line
        self.inputs: set[str] = set()

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self._require(node, node.op, _BINARY)
        left, right = self.visit(node.left), self.visit(node.right)
        if isinstance(node.op, ast.Pow):
            # A power of whole numbers has no bound; of real ones it has.
            return ast.copy_location(ast.Call(ast.Name("pow", ast.Load()), [left, right], []), node)
        return ast.copy_location(ast.BinOp(left, node.op, right), node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self._require(node, node.op, _UNARY)
        return ast.copy_location(ast.UnaryOp(node.op, self.visit(node.operand)), node)

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        return ast.copy_location(ast.BoolOp(node.op, [self.visit(each) for each in node.values]), node)

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        parts = (self.visit(each) for each in (node.test, node.body, node.orelse))
        return ast.copy_location(ast.IfExp(*parts), node)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        for each in node.ops:
            self._require(node, each, _COMPARISONS)
        sides = [node.left, *node.comparators]
        numbers = [self._state_or_visit(side, sides) for side in sides]
        return ast.copy_location(ast.Compare(numbers[0], node.ops, numbers[1:]), node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS:
            raise self._refusal(node, f"one of the functions {', '.join(FUNCTIONS)}", ast.unparse(node.func))
        if node.keywords or any(isinstance(each, ast.Starred) for each in node.args):
            raise self._refusal(node, "arguments by their place", ast.unparse(node))
        return ast.copy_location(ast.Call(node.func, [self.visit(each) for each in node.args], []), node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in CONSTANTS:
            return node
        if node.id not in self._states:
            raise self._refusal(node, "the name of a parameter", node.id)
        self.inputs.add(node.id)
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if type(node.value) not in (int, float, bool):
            raise self._refusal(node, "a number", repr(node.value))
        # Whole numbers of any size would take any time.
        if isinstance(node.value, int) and abs(node.value) > WHOLE_MAX:
            raise self._refusal(node, f"a whole number of at most {WHOLE_MAX}", ast.unparse(node))
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        raise self._refusal(node, "arithmetic, comparisons and named functions", ast.unparse(node))

    def _state_or_visit(self, side: ast.expr, sides: list[ast.expr]) -> ast.expr:
        if not isinstance(side, ast.Constant) or not isinstance(side.value, str):
            return self.visit(side)
        for other in sides:
            if isinstance(other, ast.Name) and self._states.get(other.id):
                known = self._states[other.id]
                if side.value not in known:
                    raise self._refusal(side, f"a state of {other.id}, one of {', '.join(known)}", repr(side.value))
                return ast.copy_location(ast.Constant(known[side.value]), side)
        raise self._refusal(side, "a parameter of states beside the name of one", repr(side.value))

    def _require(self, node: ast.AST, found: ast.AST, kinds: tuple[type, ...]) -> None:
        if not isinstance(found, kinds):
            raise self._refusal(node, "arithmetic or a comparison", ast.unparse(node))

    def _refusal(self, node: ast.AST, expected: str, found: str) -> MisuseError:
        at = self._line + getattr(node, "lineno", 1) - 1
        column = getattr(node, "col_offset", 0) + 1
        return MisuseError(f"line {at}, column {column}: expected {expected}, found {found[:60]}")
