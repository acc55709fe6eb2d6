"""Shell scripts, parsed by a real grammar and followed to the programs that they run."""
