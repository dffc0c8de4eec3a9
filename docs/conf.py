"""The site that `python -m sphinx -W docs build/docs` makes of the pages in this folder.

It needs pip install '.[docs]' and no network.
"""
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # autodoc imports TensorFlow

import fashionclf  # noqa: E402

project = "fashionclf"
copyright = "the fashionclf authors, Apache-2.0"
release = version = fashionclf.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["examples"]
default_role = "literal"  # as our docstrings use single backticks
smartquotes = False  # which would turn --help into a dash

myst_enable_extensions = ["attrs_block", "colon_fence"]
myst_heading_anchors = 3

napoleon_use_ivar = True  # one list of attributes
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"

html_theme = "furo"
html_title = f"fashionclf {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_theme_options = {
    "source_repository": "https://github.com/fashionclf/fashionclf/",
    "source_branch": "main", "source_directory": "docs/"}
