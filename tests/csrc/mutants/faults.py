"""What may be wrong in a source of an op: each fault, and the source with all of them, to be turned on.

A fault is another comparison, operator, constant or index, a condition turned round, or a statement that is
not there, a barrier among them. `fault.h` beside this is what the changed source asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import tree_sitter_cuda
from tree_sitter import Language, Node, Parser

PARSER = Parser(Language(tree_sitter_cuda.language()))

#: Of what a fault makes something else: what `fault.h` calls it, and what it makes of it.
OPERATORS = {
    "<": ("less", "<="),
    "<=": ("less_equal", "<"),
    ">": ("greater", ">="),
    ">=": ("greater_equal", ">"),
    "==": ("equal", "!="),
    "!=": ("not_equal", "=="),
    "+": ("add", "-"),
    "-": ("subtract", "+"),
    "*": ("multiply", "+"),
    "/": ("divide", "%"),
    "%": ("remainder", "/"),
    "<<": ("shift_left", ">>"),
    ">>": ("shift_right", "<<"),
    "&": ("bit_and", "|"),
    "|": ("bit_or", "&"),
    "^": ("bit_xor", "|"),
    "+=": ("add_to", "-="),
    "-=": ("take_from", "+="),
    "*=": ("multiply_by", "+="),
    "/=": ("divide_by", "*="),
}
LOGICAL = {"&&": "||", "||": "&&"}
NUMBERS = {"0": ["1"], "1": ["0", "2"], "2": ["1", "3"]}
WORDS = {"true": "false", "false": "true"}
SHUFFLES = {"__shfl_down_sync": "__shfl_up_sync", "__shfl_up_sync": "__shfl_down_sync"}
INDICES = ("threadIdx.x", "blockIdx.x")

#: What holds no fault of a loop or a kernel, or none that can be turned on.
PASSED_OVER = {
    "alignas_qualifier",
    "attribute_declaration",
    "attribute_specifier",
    "comment",
    "enum_specifier",
    "launch_bounds",
    "static_assert_declaration",
    "template_parameter_list",
}
#: Where a number is a choice: of how many threads, say; others do as well.
CHOSEN = {"template_argument_list", "array_declarator"}
#: Macros that paste what they are given.
PASTING = {"INT64_C"}
#: Conditions that have faults of their own, or can't be turned round.
MADE_OF_OTHERS = {"binary_expression", "unary_expression", "parenthesized_expression", "declaration"}


@dataclass(frozen=True)
class Fault:
    """One fault: its number in a program; its file, from the root, and its place there; how it reads."""

    number: int = field(compare=False)
    file: Path
    index: int
    line: int
    function: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.function}: {self.before}  ->  {self.after}"


class Source:
    """A source's faults, and the source that has them all: `text`. The lines stay as they are."""

    def __init__(self, root: Path, file: Path, first: int) -> None:
        self.faults: list[Fault] = []
        self.file, self._first = file, first
        self._bytes = (root / file).read_bytes()
        # What the parser does not know as part of a declaration.
        known = self._bytes.replace(b"INPAINTX_FN", b"static     ")
        tree = PARSER.parse(known)
        for node in _all_nodes(tree.root_node):
            if node.is_error or node.is_missing:
                raise ValueError(f"{file}:{node.start_point.row + 1}: this is not understood as C++")
        self.text = self._rendered(tree.root_node)

    def _plain(self, node: Node) -> str:
        return self._bytes[node.start_byte : node.end_byte].decode()

    def _rendered(self, node: Node) -> str:
        """The node's text with all faults in it."""
        if node.type in PASSED_OVER:
            return self._plain(node)
        if node.type == "call_expression" and self._plain(node.child_by_field_name("function")) in PASTING:
            return self._plain(node)
        text = getattr(self, f"_{node.type}", self._children)(node)
        if _is_condition(node) and node.type not in MADE_OF_OTHERS:
            return f"(bool({text}) != fault::on({self._fault(node, node, f'!({self._plain(node)})')}))"
        return text

    def _children(self, node: Node) -> str:
        if not node.children:
            return self._plain(node)
        text, at = "", node.start_byte
        for child in node.children:
            text += self._bytes[at : child.start_byte].decode() + self._rendered(child)
            at = child.end_byte
        return text + self._bytes[at : node.end_byte].decode()

    def _fault(self, node: Node, place: Node, wrong: str) -> int:
        """Notes that this place in the node may be wrong, and gives the fault's number."""
        start = self._bytes.rfind(b"\n", 0, node.start_byte) + 1
        end = self._bytes.find(b"\n", node.end_byte)
        before = self._bytes[start:end].decode()
        after = (
            self._bytes[start : place.start_byte].decode()
            + wrong
            + self._bytes[place.end_byte : end].decode()
        )
        self.faults.append(
            Fault(
                self._first + len(self.faults),
                self.file,
                len(self.faults),
                node.start_point.row + 1,
                self._function_of(node),
                _one_line(before),
                _one_line(after),
            )
        )
        return self.faults[-1].number

    def _function_of(self, node: Node) -> str:
        """The name of the function that the node is in, or nothing."""
        at: Node | None = node
        while at is not None and at.type != "function_definition":
            at = at.parent
        while at is not None and (inner := at.child_by_field_name("declarator")) is not None:
            at = inner
        return "" if at is None else self._plain(at)

    # --- one for each kind of node that may be wrong; the rest are what their children are -----------------

    def _binary_expression(self, node: Node) -> str:
        left, right = (self._rendered(node.child_by_field_name(side)) for side in ("left", "right"))
        operator = node.child_by_field_name("operator")
        sign = self._plain(operator)
        if sign in LOGICAL:  # by De Morgan, so that the right side is worked out where it would be
            on = f"fault::on({self._fault(node, operator, LOGICAL[sign])})"
            return f"({on} != (({on} != bool({left})) {sign} ({on} != bool({right}))))"
        if sign not in OPERATORS:
            return f"{left} {sign} {right}"
        name, wrong = OPERATORS[sign]
        return f"fault::{name}({self._fault(node, operator, wrong)}, {left}, {right})"

    def _assignment_expression(self, node: Node) -> str:
        operator = node.child_by_field_name("operator")
        sign = self._plain(operator)
        if sign not in OPERATORS:
            return self._children(node)
        left, right = (self._rendered(node.child_by_field_name(side)) for side in ("left", "right"))
        name, wrong = OPERATORS[sign]
        return f"fault::{name}({self._fault(node, operator, wrong)}, {left}, {right})"

    def _unary_expression(self, node: Node) -> str:
        operator, argument = node.child_by_field_name("operator"), node.child_by_field_name("argument")
        sign, inner = self._plain(operator), self._rendered(argument)
        if sign == "!":
            return f"(fault::on({self._fault(node, operator, '')}) == bool({inner}))"
        if sign == "-":
            return f"fault::negate({self._fault(node, operator, '')}, {inner})"
        return f"{sign}{inner}"

    def _update_expression(self, node: Node) -> str:
        argument = node.child_by_field_name("argument")
        inner = self._rendered(argument)
        over = next(at for at in _up_from(node) if at.type != "comma_expression")
        if over.type in ("for_statement", "expression_statement"):  # never ends, or is gone as a statement
            return self._children(node)
        number = self._fault(node, node, self._plain(argument))
        return f"(fault::on({number}) ? {inner} : {self._plain(node)})"

    def _number_literal(self, node: Node) -> str:
        text = self._plain(node)
        chosen = any(
            at.type in CHOSEN or (at.type == "declaration" and "constexpr" in self._plain(at).split("=")[0])
            for at in _up_from(node)
        )
        others = NUMBERS.get(text, [] if chosen and not text.startswith("0x") else [f"({text} + 1)"])
        for other in others:
            number = self._fault(node, node, other)
            text = f"(fault::on({number}) ? {other} : {text})"
        return text

    def _true(self, node: Node) -> str:
        text = self._plain(node)
        return f"(fault::on({self._fault(node, node, WORDS[text])}) ? {WORDS[text]} : {text})"

    _false = _true

    def _field_expression(self, node: Node) -> str:
        text = self._plain(node)
        if text not in INDICES:
            return self._children(node)
        return f"(fault::on({self._fault(node, node, '0')}) ? 0u : {text})"

    def _call_expression(self, node: Node) -> str:
        function, arguments = (node.child_by_field_name(part) for part in ("function", "arguments"))
        name = self._plain(function)
        if name not in SHUFFLES:
            return self._children(node)
        number, given = self._fault(node, function, SHUFFLES[name]), self._rendered(arguments)
        return f"(fault::on({number}) ? {SHUFFLES[name]}{given} : {name}{given})"

    def _expression_statement(self, node: Node) -> str:
        first = node.parent.type == "for_statement" and node.parent.child_by_field_name("body") != node
        if first or not self._function_of(node):  # of a loop, or a macro among declarations
            return self._children(node)
        number = self._fault(node, node, f"/* {self._plain(node)} */")
        return f"{{ if (!fault::on({number})) {{ {self._children(node)} }} }}"

    _continue_statement = _break_statement = _expression_statement

    def _return_statement(self, node: Node) -> str:
        return self._children(node) if node.named_children else self._expression_statement(node)


def _is_condition(node: Node) -> bool:
    """Is it what an if, a loop or a choice between two values goes by?"""
    over = node.parent
    if over is None or over.type not in ("conditional_expression", "condition_clause"):
        return False
    if over.parent.type == "switch_statement":
        return False
    return node in (over.child_by_field_name("condition"), over.child_by_field_name("value"))


def _all_nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _all_nodes(child)


def _up_from(node: Node) -> Iterator[Node]:
    at = node.parent
    while at is not None:
        yield at
        at = at.parent


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
