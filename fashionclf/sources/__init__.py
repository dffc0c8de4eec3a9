"""Which pictures exist, of which class, on which side of the split; without TensorFlow."""
