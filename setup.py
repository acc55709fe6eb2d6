"""
The optional C extension; everything else about the package is in setup.cfg.

``IMAGESPEC_EXTENSION``: ``1`` must build it, and without a warning; ``0`` leaves it out; unset builds it if it can.
"""

import os
import sysconfig

from setuptools import Extension, setup

setting = os.environ.get("IMAGESPEC_EXTENSION")
# The stable ABI exists only on builds with the global interpreter lock.
stable = not sysconfig.get_config_var("Py_GIL_DISABLED")
extension = Extension(
    "imagespec.tar._plain",
    ["imagespec/tar/_plain.c"],
    define_macros=[("Py_LIMITED_API", "0x030b0000")] if stable else [],
    extra_compile_args=["-Wall", "-Wextra", "-Werror"] if setting == "1" else [],
    optional=setting != "1",
    py_limited_api=bool(stable),
)
setup(
    ext_modules=[] if setting == "0" else [extension],
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if stable and setting != "0" else {},
)
