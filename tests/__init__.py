"""The tests; see README.md for their tiers."""
