"""Expressions compute what Python computes, and whatever is more than arithmetic is refused with its place."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccsds.errors import MisuseError
from ground.alarms.expression import FUNCTIONS, compile_expression

STATES = {"a": {}, "b": {}, "mode": {"SAFE": 1, "NOMINAL": 2}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a - b", 1.0),
        ("a ** 2 + b * 2", 13.0),
        ("-a // b % 2", 0.0),
        ("max(a, b, 7)", 7.0),
        ("a if a > b else b", 3.0),
        ("1 < b < a and not a == b or mode == 'NOMINAL'", 1.0),
        ("mode == 'SAFE'", 1.0),
        ("'SAFE' != mode", 0.0),
        ("sqrt(hypot(a, b) ** 2 - b ** 2) + sin(pi) * e", 3.0),
        ("round(a / b)", 2.0),
        ("degrees(radians(a))", 3.0),
        ("is_number(a)", 1.0),
    ],
)
def test_what_an_expression_comes_to(text, value):
    expression = compile_expression(text, STATES)
    inputs = {"a": 3, "b": 2, "mode": 1}
    assert math.isclose(expression.value({name: inputs[name] for name in expression.inputs}), value, abs_tol=1e-9)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a +", r"line 5, column \d+: expected an expression, found: invalid syntax"),
        ("", "line 5, column 1: expected an expression"),
        ("c + 1", "line 5, column 1: expected the name of a parameter, found c"),
        ("a.real", "line 5, column 1: expected arithmetic, comparisons and named functions, found a.real"),
        ("a[0]", "found a\\[0\\]"),
        ("__import__('os')", "expected one of the functions abs, .*found __import__"),
        ("(lambda: 1)()", "expected one of the functions"),
        ("abs(a).__class__", "expected arithmetic"),
        ("[x for x in (1,)]", "expected arithmetic"),
        ("min(*[a])", "expected arguments by their place"),
        ("round(a, ndigits=2)", "expected arguments by their place"),
        ("f'{a}'", "expected arithmetic"),
        ("'text' * 1000000000", "expected a number, found 'text'"),
        ("a << 1000000000", "expected arithmetic or a comparison"),
        ("~a", "expected arithmetic or a comparison"),
        ("a in (1, 2)", "expected arithmetic or a comparison"),
        ("(a := 3)", "expected arithmetic"),
        ("mode == 'ASLEEP'", "column 9: expected a state of mode, one of SAFE, NOMINAL, found 'ASLEEP'"),
        ("a == 'SAFE'", "expected a parameter of states beside the name of one"),
        ("1j * a", "expected a number, found 1j"),
        ("9" * 500, "expected a whole number of at most"),
        ("1 +" * 200 + "1", "expected at most 200 operations"),
        ("a" * 1001, "expected at most 1000 characters"),
        ("(" * 300 + "a" + ")" * 300, "expected an expression, found"),
        ("a\x00", "expected an expression"),
        ("a\n+ c", "line 6, column 3: expected the name"),
    ],
)
def test_what_is_more_than_arithmetic_is_refused_with_its_place(text, message):
    if message.startswith("line 6"):
        text = f"({text})"
    with pytest.raises(MisuseError, match=message):
        compile_expression(text, STATES, line=5)


@pytest.mark.parametrize(
    "text", ["a / 0", "sqrt(-a)", "a ** 10000", "log(0)", "floor(1e308 * 10)", "max(a)", "abs(a, a)"]
)
def test_what_comes_to_no_number_says_why(text):
    with pytest.raises(ValueError, match="Error: "):
        compile_expression(text, STATES).value({"a": 3})


@given(st.text(alphabet="ab+-*/() .,_<>=:[]{}'\"0123456789ejopnmdfilrx\n", max_size=60))
def test_no_text_does_more_than_compute_or_be_refused(text):
    try:
        expression = compile_expression(text, STATES)
    except MisuseError as error:
        assert "expected" in str(error)
        return
    names = set(expression.code.co_names)
    assert names <= {*STATES, *FUNCTIONS, "pi", "e"}
    try:
        assert isinstance(expression.value({"a": 3, "b": 0.5, "mode": 1}), float)
    except ValueError:
        pass
