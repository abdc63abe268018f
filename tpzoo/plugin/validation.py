"""What a record must satisfy before the catalogue takes it.

Every function returns a complaint as ``(what, hint)``, or None; the caller adds the plugin and the hook.
"""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tpzoo.plugin.records import KINDS, Paper, Recipe, Record, Twin
from tpzoo.plugin.suggest import name_hint

Complaint = tuple[str, str]

_PART = r"[a-z0-9][a-z0-9_-]*"
_DOTTED = r"[a-z0-9][a-z0-9_.-]*"
_NAME = re.compile(rf"{_DOTTED}(/{_DOTTED})*")
_KEY = re.compile(rf"{_PART}(/{_PART})*")
_TWIN = re.compile(r"[A-Za-z0-9_.:/-]+")
_BUILD = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def complaint_about(record: Record) -> Complaint | None:
    """Return what is wrong with ``record``, or None if it can be used."""
    for check in _CHECKS:
        complaint = check(record)
        if complaint:
            return complaint
    return None


def _name(record: Record) -> Complaint | None:
    # Probes and loggers are keys of a config, and `probes.NAME.every=80` splits at the dots.
    pattern, letters = _NAME, "a-z 0-9 _ . / and -"
    if record.kind in ("probe", "logger"):
        pattern, letters = _KEY, "a-z 0-9 _ / and -"
    if record.kind == "twin":
        pattern, letters = _TWIN, "letters, digits, _ . : / and -"
    if isinstance(record.name, str) and pattern.fullmatch(record.name):
        return None
    return f"has the name {record.name!r}", f"the name of a {record.kind} is made of {letters}"


def _summary(record: Record) -> Complaint | None:
    if isinstance(record, Recipe) and record.summary == "":  # its file says it
        return None
    if isinstance(record.summary, str) and record.summary.strip() and "\n" not in record.summary:
        return None
    return "has no summary of one line", "say in one line what it is"


def _build(record: Record) -> Complaint | None:
    if isinstance(record, Recipe) or callable(record.build):
        return None
    if isinstance(record.build, str) and _BUILD.fullmatch(record.build):
        return None
    return f"has build={record.build!r}", "give a callable or the text 'package.module:name'"


def _details(record: Record) -> Complaint | None:
    for field in ("provides", "requires"):
        value = getattr(record, field)
        if not isinstance(value, tuple) or not all(isinstance(item, str) for item in value):
            return f"has {field}={value!r}", f"write a tuple of texts: {field}=('pre_activation',)"
    for field in ("smallest", "expected_failures", "notices"):
        if not isinstance(getattr(record, field), Mapping):
            return f"has {field}={getattr(record, field)!r}", f"{field} is a mapping"
    if odd := [key for key in record.notices if str(key).partition(" ")[0] not in KINDS]:
        return f"has notices for {odd[0]!r}", "write kind and name of the other entry: 'output gradient'"
    if record.paper is not None and not isinstance(record.paper, Paper):
        return f"has paper={record.paper!r}", "write Paper(title, authors, year)"
    if record.paper is not None and record.paper.entry not in typing.get_args(typing.get_type_hints(Paper)["entry"]):
        return f"has a paper with entry={record.paper.entry!r}", "write inproceedings, article, techreport or misc"
    return None


def _module(record: Record) -> Complaint | None:
    if not isinstance(record, Twin) or isinstance(record.module, type):
        return None
    if isinstance(record.module, str) and _BUILD.fullmatch(record.module):
        return None
    return f"has module={record.module!r}", "give a type or the text 'package.module:Name'"


def _examples(record: Record) -> Complaint | None:
    if not isinstance(record, Twin) or record.examples is None or callable(record.examples):
        return None
    if isinstance(record.examples, str) and _BUILD.fullmatch(record.examples):
        return None
    what = f"has examples={record.examples!r}"
    return what, "give a callable that returns [(layer, shape), ...], or the text 'package.module:name'"


def _path(record: Record) -> Complaint | None:
    if not isinstance(record, Recipe) or Path(record.path).is_file():
        return None
    return f"points at the file {record.path!r}, which does not exist", "give the path of a YAML file"


def _config(record: Record) -> Complaint | None:
    config = record.config
    if config is None:
        return None
    if not isinstance(config, type) or not dataclasses.is_dataclass(config):
        return f"has config={config!r}, which is no dataclass", "give a frozen dataclass, or None if it has no settings"
    for check in (_frozen, _shared, _defaults, _reserved, _annotations, _components, _instance):
        complaint = check(record, config)
        if complaint:
            return complaint
    return None


def _frozen(record: Record, config: type) -> Complaint | None:
    if config.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        return None
    return f"has the settings {config.__name__}, which are not frozen", "write @dataclass(frozen=True)"


def _shared(record: Record, config: type) -> Complaint | None:
    if record.shared is None or issubclass(config, record.shared):
        return None
    parent = record.shared.__name__
    what = f"has the settings {config.__name__}, which do not inherit from {parent}"
    return what, f"write class {config.__name__}({parent})"


def _defaults(record: Record, config: Any) -> Complaint | None:
    bare = [
        field.name
        for field in dataclasses.fields(config)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    if not bare:
        return None
    what = f"has settings without a default: {', '.join(bare)} in {config.__name__}"
    return what, "every setting needs a default, so that a name alone selects a component that works"


def _reserved(record: Record, config: Any) -> Complaint | None:
    if all(field.name != "name" for field in dataclasses.fields(config)):
        return None
    return (
        f"has a setting called 'name' in {config.__name__}",
        "'name' selects the component; call the setting differently",
    )


def _annotations(record: Record, config: type) -> Complaint | None:
    try:
        typing.get_type_hints(config)
    except Exception as error:  # evaluating a stranger's annotation can raise anything
        what = f"has annotations in {config.__name__} that cannot be evaluated ({type(error).__name__}: {error})"
        return what, "import what they name outside of TYPE_CHECKING, at the top of the module"
    return None


def _components(record: Record, config: Any) -> Complaint | None:
    for field in dataclasses.fields(config):
        kind = field.metadata.get("component") or field.metadata.get("components")
        if kind and kind not in KINDS:
            return f"has the setting '{field.name}' of the unknown kind '{kind}'", name_hint(kind, KINDS)
    return None


def _instance(record: Record, config: type) -> Complaint | None:
    try:
        config()
    except Exception as error:  # a __post_init__ can raise anything
        what = f"has the settings {config.__name__}, which cannot be made from their defaults"
        return f"{what} ({type(error).__name__}: {error})", "the defaults must be settings that work"
    return None


def _smallest(record: Record) -> Complaint | None:
    config = record.config or record.shared
    known = {field.name for field in dataclasses.fields(config)} if config else set()
    for key in record.smallest:
        if key not in known:
            return f"has smallest={{{key!r}: ...}}, which is not one of its settings", name_hint(str(key), known)
    return None


_CHECKS: tuple[Callable[[Record], Complaint | None], ...] = (
    _name,
    _summary,
    _build,
    _details,
    _module,
    _examples,
    _path,
    _config,
    _smallest,
)
