"""Take the records out of one plugin, or say precisely why it cannot be used.

Each plugin gets a pluggy manager of its own, and each of its implementations is called and drained by itself, so that
an error is known to be that plugin's and that hook's. Nothing that a plugin yields is kept if any of it fails.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from typing import Any

import pluggy

from tpzoo.errors import PluginError, TpzooError
from tpzoo.plugin import hookspecs
from tpzoo.plugin.hookspecs import HOOKS, PROJECT
from tpzoo.plugin.records import Record
from tpzoo.plugin.suggest import name_hint
from tpzoo.plugin.validation import complaint_about

MARK = f"{PROJECT}_impl"


def collect(plugin: object, key: str) -> tuple[Record, ...]:
    """Return the records that ``plugin`` yields.

    Args:
        plugin: a module or an object with functions marked by ``hookimpl``.
        key: what to call the plugin in errors.

    Raises:
        PluginError: a hook or an argument is misspelt, an implementation raises, or what it yields is not a valid
            record of the hook's kind. The plugin, the hook and what to do are named.
    """
    _check_hooks(plugin, key)
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(plugin, key)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(f"plugin '{key}': {error}") from error
    found: list[Record] = []
    for hook in HOOKS:
        for implementation in getattr(manager.hook, hook).get_hookimpls():
            found.extend(_records(implementation.function, hook, key))
    _check_twice(found, key)
    return tuple(found)


def _check_hooks(plugin: object, key: str) -> None:
    if inspect.isclass(plugin):
        raise PluginError(f"plugin '{key}' is a class", "name a module, or an instance of the class")
    hooks = dict(_functions(plugin))
    for name, function in hooks.items():
        _check_hook(name, function, key)
    if not hooks:
        raise PluginError(
            f"plugin '{key}' implements no hook", f"mark a function with @hookimpl: one of {', '.join(HOOKS)}"
        )


def _functions(plugin: object) -> Iterator[tuple[str, Any]]:
    """Functions that are marked as hooks or are called like one."""
    for name in dir(plugin):
        value = getattr(plugin, name, None)
        if inspect.isroutine(value) and (hasattr(value, MARK) or name in HOOKS):
            yield name, value


def _check_hook(name: str, function: Any, key: str) -> None:
    if name not in HOOKS:
        raise PluginError(f"plugin '{key}' implements '{name}', which is not a hook", name_hint(name, HOOKS))
    if not hasattr(function, MARK):
        raise PluginError(f"plugin '{key}': {name} is not marked", "write @hookimpl above it")
    options = getattr(function, MARK)
    if options.get("wrapper") or options.get("hookwrapper"):
        raise PluginError(f"plugin '{key}': {name} is a wrapper", "hooks only collect: write @hookimpl without options")
    if options.get("specname"):
        raise PluginError(f"plugin '{key}': {name} has a specname", "call the function what the hook is called")
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise PluginError(f"plugin '{key}': {name} is asynchronous", "write a plain function that yields records")
    arguments = list(inspect.signature(function).parameters)
    if arguments:
        raise PluginError(
            f"plugin '{key}': {name} takes the argument '{arguments[0]}', which the hook does not offer",
            f"write def {name}(): hooks take no arguments",
        )


def _records(function: Any, hook: str, key: str) -> list[Record]:
    """Call one implementation, drain it and check what it yields."""
    try:
        result = function()
        items = list(result) if isinstance(result, Iterable) and not isinstance(result, str | dict) else None
    except TpzooError as error:
        raise PluginError(f"plugin '{key}': {hook} failed: {error.what}", error.hint) from error
    except (Exception, SystemExit) as error:
        raise PluginError(f"plugin '{key}': {hook} raised {type(error).__name__}: {_first_line(error)}") from error
    if items is None:
        raise PluginError(
            f"plugin '{key}': {hook} returned {_describe(result)}", f"yield {HOOKS[hook].__name__}(...) records instead"
        )
    for item in items:
        _check_record(item, hook, key)
    return items


def _check_record(item: object, hook: str, key: str) -> None:
    expected = HOOKS[hook]
    if not isinstance(item, Record):
        raise PluginError(
            f"plugin '{key}': {hook} yielded {_describe(item)}", f"yield {expected.__name__}(...) records"
        )
    if not isinstance(item, expected):
        right = [name for name, kind in HOOKS.items() if isinstance(item, kind)]
        raise PluginError(
            f"plugin '{key}': {hook} yielded {type(item).__name__} '{item.name}' instead of {expected.__name__}",
            f"yield it from {right[0]}" if right else f"yield {expected.__name__}(...) records",
        )
    complaint = complaint_about(item)
    if complaint:
        what, hint = complaint
        raise PluginError(f"plugin '{key}': {hook}: {item.kind} '{item.name}' {what}", hint)


def _check_twice(records: list[Record], key: str) -> None:
    seen: set[tuple[str, str]] = set()
    for record in records:
        if (record.kind, record.name) in seen:
            raise PluginError(f"plugin '{key}' yields the {record.kind} '{record.name}' twice", "give one another name")
        seen.add((record.kind, record.name))


def _describe(value: object) -> str:
    return "None" if value is None else f"an object of type {type(value).__name__}"


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0]
