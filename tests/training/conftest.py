import pytest


@pytest.fixture(scope="module")
def efficientnet():
    """A function that gives the same shallow EfficientNet with the same weights each time."""
    import keras  # here, as the process that only hands out tests reads this file too

    from tests.helpers.tiny import make_spec, shallow_efficientnet

    keras.utils.set_random_seed(0)
    model = shallow_efficientnet(make_spec("efficientnet_b0"))
    initial = model.get_weights()

    def renewed():
        model.set_weights(initial)
        return model
    return renewed
