"""Adam with a learning rate for each variable and an average that is useful after a few steps."""
import keras


class AveragingAdam(keras.optimizers.Adam):
    """Adam with the momentum min(ema_momentum, (1 + t) / (10 + t)) of its moving average at step t.

    With 0.99 alone, the average of a training of a hundred steps would mostly be of its start. The
    formula is that of tf.train.ExponentialMovingAverage with `num_updates`.
    """

    def __init__(self, *args, factors: list[float], **kwargs):
        """Takes a factor of the learning rate for each trained variable, in their order."""
        super().__init__(*args, **kwargs)
        self.factors = factors

    def update_step(self, gradient, variable, learning_rate):
        factor = self.factors[self._get_variable_index(variable)]
        super().update_step(gradient, variable, learning_rate * factor)

    def _update_model_variables_moving_average(self, trainable_variables):
        longest, steps = self.ema_momentum, keras.ops.cast(self.iterations, "float32")
        self.ema_momentum = keras.ops.minimum(longest, (1 + steps) / (10 + steps))
        try:
            super()._update_model_variables_moving_average(trainable_variables)
        finally:
            self.ema_momentum = longest
