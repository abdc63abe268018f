"""The marker of hook implementations."""

import pluggy

hookimpl = pluggy.HookimplMarker("tpzoo")
