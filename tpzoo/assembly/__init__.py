"""The assembly: how a method is chosen, whether it is legal, and how it is built into a training step, each once.

Runs, the conformance kit, benchmarks and tests build through it. It takes plain settings objects and knows neither YAML
nor OmegaConf. What needs no torch (:class:`Experiment`, legality) loads none.
"""
