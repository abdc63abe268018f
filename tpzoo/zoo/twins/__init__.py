"""Twins: how map ``mirror`` inverts each type of layer."""
