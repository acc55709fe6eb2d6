"""The documents of an image: parsed into values that cannot be wrong, with their bytes kept where digests need them."""
