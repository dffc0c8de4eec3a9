"""Lays out the public photographs that the released model was trained on."""
