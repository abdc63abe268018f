"""A hub: the last hidden block hears from the output, and every other hidden block hears from the last one."""

from tpzoo import Connect, Feedback, Network
from tpzoo.templates.feedback.plugin import MyEntrySettings


def build(settings: MyEntrySettings, network: Network, connect: Connect) -> Feedback:
    """The edges, in the order in which displacements flow; each is named by its target.

    ``connect(name, source, target)`` puts the map that the config selects on the edge.
    """
    hidden = [node.name for node in network.nodes[:-1]]
    if not hidden:
        return Feedback([])
    hub = hidden[-1]
    others = [connect(name, hub, name) for name in reversed(hidden[:-1])]
    return Feedback([connect(hub, "output", hub), *others])
