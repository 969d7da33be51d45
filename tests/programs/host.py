# SPDX-License-Identifier: Apache-2.0
"""host.py LIBRARY: runs a Go program that was built as a C shared library inside of python."""

import ctypes
import sys

ctypes.CDLL(sys.argv[1]).GomemdTestMain()
