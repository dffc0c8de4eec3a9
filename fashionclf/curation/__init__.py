"""The label desk: duplicates, doubtful labels, what to label next, and the page to decide on."""
