"""One question about an image in each module: what starts, where it listens, what it serves, what is installed."""
