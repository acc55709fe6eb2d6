"""Web applications: what they answer for a method and a path."""
