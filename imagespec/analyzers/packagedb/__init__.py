"""Package databases of images: which package a file belongs to, and in which version."""
