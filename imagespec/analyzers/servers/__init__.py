"""Servers: who listens where, from command lines, configuration and programs."""
