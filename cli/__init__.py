"""The `diembao` command: one module per group of commands."""
