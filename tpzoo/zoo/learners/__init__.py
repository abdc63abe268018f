"""Feedback learners."""
