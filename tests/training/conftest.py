import pytest


@pytest.fixture(scope="module")
def efficientnet():
    """A function that gives the same EfficientNetB0 with the same weights each time."""
    import keras  # here, as the process that only hands out tests reads this file too

    from fashionclf.model import network
    from tests.helpers.tiny import make_spec

    keras.utils.set_random_seed(0)
    model = network.build(make_spec("efficientnet_b0"))
    initial = model.get_weights()

    def renewed():
        model.set_weights(initial)
        return model
    return renewed
