"""Sphinx settings: MyST pages, built offline, every warning an error."""

import casemate

project = "Casemate"
author = "the Casemate contributors"
copyright = "2026, the Casemate contributors"
version = release = casemate.__version__

extensions = ["myst_nb"]  # Markdown pages, and notebooks with the outputs that they hold
nb_execution_mode = "off"  # `scripts/notebooks` runs them; a build needs no minutes and changes nothing
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"Casemate {release}"
html_copy_source = False
html_show_sourcelink = False
