"""Bad and unusual pictures: their kinds, places and bytes, and what becomes of each."""
