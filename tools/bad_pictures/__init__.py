"""Spoilt and unusual pictures for tools.bad_pictures: their kinds, places, bytes."""
