"""Java applications: their archives, classes and settings, read without running them."""
