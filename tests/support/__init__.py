"""What several tests need: small files, stand-ins, ways to run the command."""
