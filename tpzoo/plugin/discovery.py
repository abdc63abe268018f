"""Find plugins and load them, each by itself: built-ins, installed distributions, files and modules.

pluggy's own loader of entry points stops at the first plugin that fails and silently drops a second distribution that
uses the same entry name, hence this one. Three environment variables steer it:

``TPZOO_PLUGINS``
    further plugins, files (``my_rule.py``) or modules (``my_package.plugin``), separated like ``PATH``. Files are
    trusted from then on, as with ``--plugin``.
``TPZOO_BLOCK``
    what not to load, separated by commas: distributions (``tpzoo-timm``), entries (``tpzoo-timm:models``), files or
    modules. Built-ins cannot be blocked.
``TPZOO_STRICT``
    ``1``: raise the error of a broken plugin, or of a name that two plugins claim, instead of recording it.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tpzoo.errors import PluginError
from tpzoo.plugin.catalogue import Catalogue, PluginInfo, normal_name
from tpzoo.plugin.collecting import collect
from tpzoo.plugin.files import PluginFile, read_file
from tpzoo.plugin.trust import remember

GROUP = "tpzoo"

BUILTINS: tuple[str, ...] = (
    "tpzoo.zoo.architectures.plugin",
    "tpzoo.zoo.feedback.plugin",
    "tpzoo.zoo.twins.plugin",
    "tpzoo.zoo.learners.plugin",
    "tpzoo.zoo.rules.plugin",
    "tpzoo.zoo.updates.plugin",
    "tpzoo.zoo.outputs.plugin",
    "tpzoo.zoo.losses.plugin",
    "tpzoo.zoo.datasets.plugin",
    "tpzoo.zoo.probes.plugin",
    "tpzoo.zoo.loggers.plugin",
    "tpzoo.runner.plugin",
    "tpzoo.recipes",
)
"""The modules that tpzoo itself registers, through the same hooks as any plugin."""


@dataclass(frozen=True)
class _Found:
    """A plugin that is not loaded yet."""

    info: PluginInfo
    load: Callable[[], object]


def load_catalogue(plugins: Sequence[str] = (), builtins: Sequence[str] = BUILTINS) -> Catalogue:
    """Load every plugin and return what they yield.

    Args:
        plugins: further plugins by name: paths that end in ``.py``, or modules.
        builtins: the modules of tpzoo itself.

    Raises:
        PluginError: a built-in is broken, which is a bug; or, with ``TPZOO_STRICT=1``, any plugin is.
    """
    infos = [_load(_builtin(module)) for module in builtins]
    for info in infos:
        if info.error:
            raise info.error
    return _catalogue(infos, [*_installed(), *(_named(name) for name in [*_from_environment(), *plugins])])


def with_plugins(catalogue: Catalogue, plugins: Sequence[str | PluginFile]) -> Catalogue:
    """Return ``catalogue`` with further plugins, given as for :func:`load_catalogue`; errors as there.

    A file that is given by its name is trusted from now on, in this version; one that was read before is not.
    """
    return _catalogue(catalogue.plugins, [_named(name) for name in plugins]) if plugins else catalogue


def of_target(catalogue: Catalogue, target: str) -> tuple[Catalogue, list[PluginInfo]]:
    """Return the plugins that a user means by a name, and the catalogue that they are in.

    Args:
        catalogue: what is loaded; a file or a module that it lacks is added.
        target: a distribution, an entry as ``tpzoo plugins`` shows it, a file, or a module. If it is none of them, no
            plugin is returned.
    """
    found = [plugin for plugin in catalogue.plugins if _answers_to(plugin, target)]
    if not found and (is_file(target) or _is_module(target)):
        catalogue = with_plugins(catalogue, [target])
        found = [plugin for plugin in catalogue.plugins if _answers_to(plugin, target)]
    return catalogue, found


def _answers_to(plugin: PluginInfo, target: str) -> bool:
    if plugin.requested:
        return plugin.key == plugin_key(target)
    module = plugin.source.partition(":")[0]
    same_file = is_file(target) and _file_of(module) == Path(plugin_key(target))
    return target in (plugin.key, module) or same_file or normal_name(plugin.distribution) == normal_name(target)


def _file_of(module: str) -> Path | None:
    file = getattr(sys.modules.get(module), "__file__", None)
    return Path(file).resolve() if file else None


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError, AttributeError):
        return False


def _catalogue(loaded: Sequence[PluginInfo], found: Iterable[_Found]) -> Catalogue:
    infos, blocked = list(loaded), _blocked()
    keys = {info.key for info in infos}
    for plugin in found:
        if plugin.info.key not in keys and not _is_loaded(plugin.info, infos):
            keys.add(plugin.info.key)
            infos.append(replace(plugin.info, blocked=True) if _is_blocked(plugin.info, blocked) else _load(plugin))
    catalogue = Catalogue(_without_clashes(infos))
    if _strict():
        for error in (*(info.error for info in catalogue.failures if info.error), *catalogue.conflicts):
            raise error
    return catalogue


def is_file(name: str) -> bool:
    """Whether a plugin's name is the path of a file rather than the name of a module."""
    return name.endswith(".py") or "/" in name or os.sep in name


def _builtin(module: str) -> _Found:
    from tpzoo._version import __version__

    info = PluginInfo(key=f"tpzoo:{module}", distribution="tpzoo", version=__version__, source=module, module=module)
    return _Found(info, lambda: importlib.import_module(module))


def _installed() -> Iterator[_Found]:
    found = [(entry.dist.name if entry.dist else "", entry) for entry in importlib.metadata.entry_points(group=GROUP)]
    # In a fixed order, so that messages do not depend on the order of the folders on the disk.
    for distribution, entry in sorted(found, key=lambda pair: (pair[0], pair[1].name)):
        version = entry.dist.version if entry.dist else ""
        info = PluginInfo(
            f"{distribution}:{entry.name}", distribution, version or "", source=entry.value, module=entry.module
        )
        yield _Found(info, entry.load)


def plugin_key(name: str) -> str:
    """The key under which the catalogue lists a plugin given by name: a module, or a file's full path."""
    return str(Path(name).expanduser().resolve()) if is_file(name) else name


def _named(name: str | PluginFile) -> _Found:
    if isinstance(name, PluginFile):
        return _file(name, str(name.path), name.load)
    if not is_file(name):
        info = PluginInfo(key=name, distribution=name, source=name, requested=True, module=name)
        return _Found(info, lambda: importlib.import_module(name))
    path = Path(plugin_key(name))
    try:
        file = read_file(path)
    except PluginError as error:
        failed = error
        return _Found(PluginInfo(str(path), path.stem, source=name, requested=True), lambda: _raise(failed))

    def load() -> object:
        remember(file)
        return file.load()

    return _file(file, name, load)


def _file(file: PluginFile, source: str, load: Callable[[], object]) -> _Found:
    info = PluginInfo(
        key=str(file.path),
        distribution=file.path.stem,
        source=source,
        requested=True,
        module=file.module,
        content=file.content,
    )
    return _Found(info, load)


def _raise(error: PluginError) -> object:
    raise error


def _from_environment() -> list[str]:
    return [name for name in os.environ.get("TPZOO_PLUGINS", "").split(os.pathsep) if name.strip()]


def _blocked() -> set[str]:
    names = (name.strip() for name in os.environ.get("TPZOO_BLOCK", "").split(","))
    return {name for name in names if name}


def is_blocked(path: Path) -> bool:
    """Whether ``TPZOO_BLOCK`` names a plugin's file."""
    return _is_blocked(PluginInfo(key=str(path), distribution=path.stem), _blocked())


def _strict() -> bool:
    return os.environ.get("TPZOO_STRICT", "") not in ("", "0")


def _is_blocked(info: PluginInfo, names: set[str]) -> bool:
    return bool(names & {info.key, info.source}) or normal_name(info.distribution) in map(normal_name, names)


def _is_loaded(info: PluginInfo, loaded: Iterable[PluginInfo]) -> bool:
    """Whether a plugin that is asked for by name is a module that some distribution has brought already."""
    modules = {other.source.partition(":")[0] for other in loaded if other.records}
    return info.requested and (info.key in modules or Path(info.key) in map(_file_of, modules))


def _load(plugin: _Found) -> PluginInfo:
    """Load one plugin; whatever goes wrong becomes its recorded error."""
    key = plugin.info.key
    try:
        return replace(plugin.info, records=collect(plugin.load(), key))
    except PluginError as error:
        return replace(plugin.info, error=error)
    except (Exception, SystemExit) as error:
        detail = (str(error).strip().splitlines() or ["no message"])[0]
        failure = PluginError(f"plugin '{key}' cannot be imported: {type(error).__name__}: {detail}")
        failure.__cause__ = error
        return replace(plugin.info, error=failure)


def _without_clashes(infos: Iterable[PluginInfo]) -> Iterator[PluginInfo]:
    """Fail a plugin whose record another plugin of the same distribution already has: no name could select it."""
    owners: dict[tuple[str, str, str], str] = {}
    for info in infos:
        names = [(normal_name(info.distribution), record.kind, record.name) for record in info.records]
        taken = [name for name in names if name in owners]
        if taken:
            _, kind, record = taken[0]
            what = f"plugin '{info.key}' yields the {kind} '{record}', which plugin '{owners[taken[0]]}' has already"
            info = replace(info, records=(), error=PluginError(what, "give one of them another name"))
        owners.update(dict.fromkeys(names if not taken else (), info.key))
        yield info
