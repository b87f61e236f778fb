# SPDX-License-Identifier: Apache-2.0
"""What script/mutate stands on: changes of sources, a tree to try them in, who tests what."""
