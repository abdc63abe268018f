"""Whose code a run was made with: recorded for each session, kept beside the run, and compared when it goes on."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tpzoo.config import LoadedConfig
from tpzoo.errors import CheckpointError, PluginError
from tpzoo.files import write_atomic
from tpzoo.plugin.catalogue import OWN, PluginInfo
from tpzoo.plugin.files import read_file
from tpzoo.plugin.source import Source, is_of, source_of
from tpzoo.plugin.trust import trusted
from tpzoo.runner.folder import RunFolder

if TYPE_CHECKING:
    from torch import nn

PLUGINS = "plugins"
"""The folder of a run with the plugin files that it was made with. Nothing runs them by itself."""

NONE = Source("none", "none")
"""Stands for a plugin that is not there."""

UNUSED = ("loggers",)
"""Components of which no result depends."""


def plugins_used(loaded: LoadedConfig, modules: Iterable[nn.Module]) -> list[PluginInfo]:
    """The plugins whose entries a config uses, and those whose classes it was built of, such as twins; tpzoo's too.

    Args:
        modules: what was built.
    """
    chosen = [record for path, record in loaded.records.items() if path.partition(".")[0] not in UNUSED]
    owners = {entry.plugin.key for record in chosen if (entry := loaded.catalogue.entry(record))}
    built = {type(each).__module__ for module in modules for each in module.modules()}
    return [
        plugin
        for plugin in loaded.catalogue.plugins
        if plugin.key in owners
        or plugin.distribution == OWN
        or (plugin.records and any(is_of(plugin, module) for module in built))
    ]


def session(found: Mapping[str, Source], versions: Mapping[str, Any], begins_at: str = "") -> dict[str, Any]:
    """What ``environment.json`` says of one session: a stretch of training in one process.

    Args:
        versions: what :func:`tpzoo.runner.environment.describe` says.
        begins_at: the checkpoint that it went on from; empty at the start of a run.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    code = {owner: asdict(source) for owner, source in found.items()}
    return {"began": now, "begins_at": begins_at, **versions, "code": code}


def sessions_of(environment: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The sessions that a run says it was made in; empty if it does not say."""
    found = environment.get("sessions", [])
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def go_on(where: RunFolder, new: dict[str, Any], whole: Mapping[str, Any]) -> None:
    """Add a session to what the folder says, in place of those of which nothing is left.

    Args:
        whole: what ``environment.json`` says from now on if it is not there.
    """
    environment = where.environment() or whole
    kept = [each for each in sessions_of(environment) if str(each.get("begins_at", "")) < new["begins_at"]]
    where.write_environment({**environment, "sessions": [*kept, new]})


def keep_files(where: RunFolder, used: Iterable[PluginInfo]) -> None:
    """Put a copy of each plugin file into the folder of the run; a later version beside the earlier one."""
    for plugin in used:
        if plugin.content and _copy_of(where, plugin) is None:
            name, number, folder = Path(plugin.key).name, 1, where.path / PLUGINS
            while (folder / name).exists():
                number += 1
                folder = where.path / PLUGINS / str(number)
            folder.mkdir(parents=True, exist_ok=True)
            write_atomic(folder / name, plugin.content)


def _copy_of(where: RunFolder, plugin: PluginInfo) -> Path | None:
    copies = (where.path / PLUGINS).rglob(Path(plugin.key).name)
    return next((path for path in copies if path.read_bytes() == plugin.content), None)


def plugins_to_load(where: RunFolder, plugins: Sequence[str], changed: bool) -> list[str]:
    """``plugins`` with those files that the run was started with and that may run without being named again.

    A file of which only comments changed may, and with ``changed`` any that the user named or trusted before.

    Args:
        plugins: what the user names now.
        changed: whether plugins may be others than they were.

    Raises:
        CheckpointError: a plugin file is gone, or its code changed.
    """
    found = list(plugins)
    named = {Path(name).stem for name in plugins if name.endswith(".py")}
    for owner, known in _last(where).items():
        if not known.file or owner in named:
            continue
        try:
            file = read_file(Path(known.file))
        except PluginError as error:
            copy = _with_copy(where, known)
            hint = f"{copy} runs the copy that the run keeps" if copy else "put it back, or name it by --plugin"
            raise CheckpointError(error.what, hint) from error
        now = trusted()
        code = source_of(file).code
        if now.allows(file) or not now.knows(file.path):
            continue  # loading it decides
        if code != known.code and not changed:
            raise _changed(where, {owner: (known.code, code)}, {owner: known})
        found.append(str(file.path))
    return found


def require_same_code(
    where: RunFolder, found: Mapping[str, Source], versions: Mapping[str, Any], changed: bool
) -> None:
    """See that the plugins are those that the run was last trained with; other versions are said in one line.

    tpzoo's own code may differ, which is said: whoever installs another version knows it.

    Args:
        found: the sources now.
        versions: what :func:`tpzoo.runner.environment.describe` says now.
        changed: whether plugins may be others.

    Raises:
        CheckpointError: one changed, is new or is missing; what to do is said.
    """
    sessions = sessions_of(where.environment())
    if not sessions:
        if where.has_saved():
            print(f"{where.path} does not say with which code it was made", file=sys.stderr)
        return
    known = _last(where)
    pairs = {owner: (known.get(owner, NONE), found.get(owner, NONE)) for owner in sorted({*known, *found})}
    # equal bytes are equal code, even where another Python makes another tree of them
    digests = {
        owner: (one.code, other.code)
        for owner, (one, other) in pairs.items()
        if one.source != other.source and one.code != other.code
    }
    others = {owner: pair for owner, pair in digests.items() if owner != OWN}
    if others and not changed:
        raise _changed(where, others, known)
    said = [*_differences(sessions[-1], versions), *(f"{owner}'s code {a} -> {b}" for owner, (a, b) in digests.items())]
    if said:
        print(f"{where.path} was made with other versions: {', '.join(said)}", file=sys.stderr)


def _changed(where: RunFolder, differ: Mapping[str, tuple[str, str]], known: Mapping[str, Source]) -> CheckpointError:
    said = ", ".join(f"'{owner}' (code {before}, now {now})" for owner, (before, now) in differ.items())
    what = f"the code of {'plugins' if len(differ) > 1 else 'the plugin'} {said} is not that of {where.path}"
    copies = [copy for owner in differ if (copy := _with_copy(where, known.get(owner, NONE)))]
    kept = f"; {' '.join(copies)} runs what the run was made with" if copies else ""
    return CheckpointError(what, f"--changed-plugin goes on with the code as it is now{kept}")


def _with_copy(where: RunFolder, known: Source) -> str:
    """The option that names the copy of a plugin file that the run keeps; empty if it keeps none."""
    for path in sorted((where.path / PLUGINS).rglob(Path(known.file).name)) if known.file else ():
        with suppress(PluginError):
            if source_of(read_file(path)).source == known.source:
                return f"--plugin {path}"
    return ""


def _last(where: RunFolder) -> dict[str, Source]:
    """The sources of the last session; empty if the folder does not say."""
    sessions = sessions_of(where.environment())
    recorded = sessions[-1].get("code", {}) if sessions else {}
    fields = Source.__dataclass_fields__
    return {
        str(owner): Source(**{name: str(each.get(name, "")) for name in fields})
        for owner, each in recorded.items()
        if isinstance(each, dict)
    }


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Versions of tpzoo, Python, packages and plugins that differ: ``torch 2.11.0 -> 2.14.1``."""
    one, other = (
        {
            **{name: each.get(name) for name in ("tpzoo", "python")},
            **{name: version for group in ("packages", "plugins") for name, version in each.get(group, {}).items()},
        }
        for each in (before, now)
    )
    names = [name for name in {**one, **other} if name in one and name in other and one[name] != other[name]]
    return [f"{name} {one[name]} -> {other[name]}" for name in names]
