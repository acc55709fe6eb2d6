"""The start command: followed through wrappers and scripts to its steps."""
