import importlib
def __getattr__(name):
    for m in ("tpzoo.plugin.records","tpzoo.plugin.settings","tpzoo.plugin.hookspecs","tpzoo.errors","tpzoo.engine","tpzoo.engine.data"):
        mod = importlib.import_module(m)
        if hasattr(mod, name): return getattr(mod, name)
    raise AttributeError(name)
