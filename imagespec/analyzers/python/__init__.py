"""Python programs, followed by a bounded abstract interpreter that records what they call."""
