"""Renderers: a report in, text or JSON out. They know reports and nothing else."""
