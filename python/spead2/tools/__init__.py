# SPDX-License-Identifier: Apache-2.0
"""Commands: ``spead2`` and its sub-commands, and the reference package's by their old names.

The modules here are for the commands, not an interface to program against. ``spead2`` needs the
extra ``tools``: pip install 'gr-spead2[tools]'. The old names need nothing but the package.
"""
