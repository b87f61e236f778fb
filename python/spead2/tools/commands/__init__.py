# SPDX-License-Identifier: Apache-2.0
"""The sub-commands of ``spead2``, a module each. They are found by name, see spead2.tools.cli."""
