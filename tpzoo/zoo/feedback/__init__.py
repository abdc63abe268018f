"""Feedback paths, and the forms of their maps."""
