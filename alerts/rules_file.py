"""Rules as an office writes them: one TOML table per file in `config/alerts/`."""

from __future__ import annotations

import importlib
import pkgutil
import tomllib
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from types import ModuleType

from pydantic import ValidationError

import alerts.rules
from alerts.rule import Rule
from diembao.errors import ConfigError, UsageError


@cache
def kinds() -> dict[str, ModuleType]:
    """The kinds of rule by name: the modules of `alerts/rules/`, each with a MODEL and an `evaluate(rule, coverage, since)`.

    A kind may also have `prepare(rules, coverage, since)`, which works out for all rules of the kind what is cheaper together.
    """
    names = sorted(module.name for module in pkgutil.iter_modules(alerts.rules.__path__))
    return {name: importlib.import_module(f"alerts.rules.{name}") for name in names}


def read_rules(folder: Path) -> list[Rule]:
    """The enabled rules of `folder`, in the order of their files; none when it is missing.

    Raises:
        ConfigError: when a file is wrong or two rules have one name; names the file and the key.
    """
    rules: dict[str, tuple[Rule, Path]] = {}
    for path in sorted(folder.glob("*.toml")):
        rule = read_rule(path)
        if rule.name in rules:
            raise ConfigError(f"{path}: name: {rule.name!r} is also the name of {rules[rule.name][1].name}", "Give each rule its own name")
        rules[rule.name] = rule, path
    return [rule for rule, _ in rules.values() if rule.enabled]


def read_rule(path: Path) -> Rule:
    """The rule of one file. Its name is the file's unless the table says another.

    Raises:
        ConfigError: when the file cannot be read or is no rule; names the file and the key.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}", "Mend the file or take it away") from error
    return rule_of(text, path)


def rule_of(text: str, path: Path) -> Rule:
    """The rule that `text` says; `path` is where it stands or is to stand. Raises ConfigError as `read_rule`."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}", "Mend the file or take it away") from error
    known = kinds()
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in known:
        raise ConfigError(f"{path}: kind: {kind!r} is not a kind of rule", f"Write kind as one of: {', '.join(known)}")
    try:
        rule: Rule = known[kind].MODEL.model_validate({"name": path.stem, **table})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the rule"
        what = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            near = get_close_matches(key, known[kind].MODEL.model_fields, 1)
            what = f"there is no such key{f'; did you mean {near[0]}?' if near else ''}"
        raise ConfigError(f"{path}: {key}: {what}", f"docs/alerts.md explains each key of {kind}") from error
    return rule


def choose_rule(rules: list[Rule], name: str) -> Rule:
    """The rule called `name`. Raises UsageError when there is none; lists the names."""
    for rule in rules:
        if rule.name == name:
            return rule
    raise UsageError(f"unknown rule: {name}", f"Known: {', '.join(rule.name for rule in rules) or 'none'}")
