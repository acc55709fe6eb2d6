"""Indicators of malicious code: what was found, and what was and was not looked at."""
