"""Drawn garments for tools.make_sample_data: cuts, fabrics, outlines, details, scenes."""
