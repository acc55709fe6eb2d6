"""
Layers with a table of contents: eStargz and zstd:chunked.

Such a layer can be listed, and single files read, without inflating it. Runtimes that pull lazily see what the table
says, all others what the tar says; so a table is used only when the caller trusts it and a digest in the manifest
vouches for it (`imagespec.toc.layers`), and ``verify`` compares the two.
"""
