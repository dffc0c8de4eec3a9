"""From the bytes of a file to pixels, or the reason why not."""
