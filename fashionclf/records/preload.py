"""What the server that forks the workers of a build loads first (see system/workers)."""
from fashionclf.system import quiet

with quiet.tensorflow_start():
    from fashionclf.records import shards  # noqa: F401
