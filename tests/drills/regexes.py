"""Every regular expression of the code, and texts that make a careless one slow."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from re import _constants as names
from re import _parser

PACKAGES = ("portal", "initiatives", "budgets")
FUNCTIONS = {
    "compile",
    "search",
    "match",
    "fullmatch",
    "split",
    "findall",
    "finditer",
    "sub",
    "subn",
}
END = "\0"  # what no expression here matches
CATEGORIES = {
    names.CATEGORY_DIGIT: "1０",
    names.CATEGORY_NOT_DIGIT: "a年",
    names.CATEGORY_SPACE: " \n　",
    names.CATEGORY_NOT_SPACE: "a年",
    names.CATEGORY_WORD: "a1年",
    names.CATEGORY_NOT_WORD: " -。",
}


def find_patterns() -> tuple[dict[str, re.Pattern], list[str]]:
    """Return all expressions by module and place, and the modules of those made as they run."""
    found, made = {}, []
    for package in PACKAGES:
        folder = Path(importlib.import_module(package).__file__).parent
        for info in pkgutil.walk_packages([str(folder)], f"{package}."):
            if ".migrations" in info.name:
                continue
            module = importlib.import_module(info.name)
            source = Path(module.__file__).read_text()
            for call in ast.walk(ast.parse(source)):
                if _is_of_re(call):
                    place = f"{info.name}:{call.lineno}:{call.col_offset}"
                    try:
                        found[place] = _compile(call, vars(module))
                    except NameError:  # it holds what a function knows
                        made.append(info.name)
    return found, made


def list_uses() -> dict[str, set[str]]:
    """Return by place the methods with which a module uses an expression that it names."""
    uses = {}
    for package in PACKAGES:
        folder = Path(importlib.import_module(package).__file__).parent
        for info in pkgutil.walk_packages([str(folder)], f"{package}."):
            if ".migrations" in info.name:
                continue
            tree = ast.parse(Path(importlib.import_module(info.name).__file__).read_text())
            methods = {}
            for node in ast.walk(tree):
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                    methods.setdefault(node.value.id, set()).add(node.attr)
            for node in ast.walk(tree):
                if isinstance(node, ast.Assign) and _is_of_re(node.value):
                    place = f"{info.name}:{node.value.lineno}:{node.value.col_offset}"
                    uses[place] = methods.get(getattr(node.targets[0], "id", ""), set())
                elif _is_of_re(node) and node.func.attr == "fullmatch":
                    uses[f"{info.name}:{node.lineno}:{node.col_offset}"] = {"fullmatch"}
    return uses


def _is_of_re(node) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in FUNCTIONS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "re"
    )


def _compile(call, namespace) -> re.Pattern:
    """Return the expression that a call of `re` holds; its names are those of the module."""

    def value(node):
        return eval(compile(ast.Expression(node), "", "eval"), dict(namespace))

    flags = [word.value for word in call.keywords if word.arg == "flags"]
    place = {"compile": 1, "split": 3, "sub": 4, "subn": 4}.get(call.func.attr, 2)
    flags += call.args[place : place + 1]
    return re.compile(value(call.args[0]), value(flags[0]) if flags else 0)


def make_pumps(pattern: re.Pattern) -> Iterator[tuple[str, str, str]]:
    """Return (start, pumped part, end) for each part of an expression that repeats without bound."""
    if isinstance(pattern.pattern, bytes):
        pattern = re.compile(pattern.pattern.decode("latin-1"), pattern.flags)
    tree = _parser.parse(pattern.pattern, pattern.flags)
    letters = sorted(set(_letters(tree)))[:24]
    for start, inner in _repeats(list(tree), ""):
        pumps = {_sample(inner)}
        if len(inner) == 1:
            alone = re.compile(
                re.escape(pumps.pop()) if inner[0][0] is names.LITERAL else ".", re.S
            )
            one = _class_of(inner)
            pumps = {letter for letter in letters if alone.match(letter) and one(letter)}
            pumps.add(_sample(inner))
        for pump in pumps - {""}:
            yield start, pump, END
            yield "", pump, END


def _class_of(inner):
    def matches(letter):
        return any(letter in _choices(node) for node in inner)

    return matches


def _letters(tree) -> Iterator[str]:
    for node, value in tree:
        if node in (names.LITERAL, names.NOT_LITERAL, names.IN, names.ANY):
            yield from _choices((node, value))
        elif node in (names.MAX_REPEAT, names.MIN_REPEAT, names.POSSESSIVE_REPEAT):
            yield from _letters(value[2])
        elif node in (names.SUBPATTERN, names.ATOMIC_GROUP):
            yield from _letters(value[-1] if node is names.SUBPATTERN else value)
        elif node is names.BRANCH:
            for branch in value[1]:
                yield from _letters(branch)


def _choices(node) -> str:
    """Return some characters that one node of a single character matches."""
    kind, value = node
    if kind is names.LITERAL:
        return chr(value)
    if kind is names.ANY:
        return "a1 年、"
    if kind is names.NOT_LITERAL:
        return "".join(c for c in "a1 年、x" if c != chr(value))
    if kind is not names.IN:
        return ""
    chosen, is_negated = "", False
    for item, what in value:
        if item is names.NEGATE:
            is_negated = True
        elif item is names.LITERAL:
            chosen += chr(what)
        elif item is names.RANGE:
            chosen += chr(what[0]) + chr(what[1])
        elif item is names.CATEGORY:
            chosen += CATEGORIES[what]
    if not is_negated:
        return chosen
    one = re.compile("[" + "".join(map(re.escape, chosen)) + "]") if chosen else None
    return "".join(c for c in "a1 年、-\n(" if not (one and one.match(c)))


def _sample(tree) -> str:
    """Return a text that the nodes match, the shortest way."""
    text = ""
    for kind, value in tree:
        if kind in (names.LITERAL, names.NOT_LITERAL, names.IN, names.ANY):
            text += _choices((kind, value))[:1]
        elif kind in (names.MAX_REPEAT, names.MIN_REPEAT, names.POSSESSIVE_REPEAT):
            text += _sample(value[2]) * max(1, min(value[0], 50))
        elif kind is names.SUBPATTERN:
            text += _sample(value[-1])
        elif kind is names.ATOMIC_GROUP:
            text += _sample(value)
        elif kind is names.BRANCH:
            text += _sample(value[1][0])
    return text


def _repeats(tree, start) -> Iterator[tuple[str, list]]:
    for number, (kind, value) in enumerate(tree):
        before = start + _sample(tree[:number])
        if kind in (names.MAX_REPEAT, names.MIN_REPEAT, names.POSSESSIVE_REPEAT):
            if value[1] > 30:
                yield before, list(value[2])
            yield from _repeats(list(value[2]), before)
        elif kind is names.SUBPATTERN:
            yield from _repeats(list(value[-1]), before)
        elif kind is names.ATOMIC_GROUP:
            yield from _repeats(list(value), before)
        elif kind is names.BRANCH:
            for branch in value[1]:
                yield from _repeats(list(branch), before)
        elif kind in (names.ASSERT, names.ASSERT_NOT):
            yield from _repeats(list(value[1]), before)
