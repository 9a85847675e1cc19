"""Weights after three steps of Keras's optimizers, and factors of its schedules: writes
optimizers.safetensors.

For every optimizer: a matrix w and a vector v, gradients gw0, gw1, .. and gv0, gv1, .. of every step,
and the weights w<i>, v<i> after it. For every schedule: steps, and the rate over its greatest value.
"""

from common import File, numbers

import keras
import numpy as np
from keras import optimizers as O
from keras.optimizers import schedules as S

file = File("optimizers")
STEPS = 3


def optimizer(name, rule, steps=STEPS, average=False):
    w, v = numbers(91, 3, 4), numbers(92, 5)
    variables = [keras.Variable(w, name="kernel"), keras.Variable(v, name="bias")]
    rule.build(variables)
    file.add(f"{name}/w", w)
    file.add(f"{name}/v", v)
    for i in range(steps):
        gradients = [numbers(93 + 2 * i, 3, 4), numbers(94 + 2 * i, 5)]
        rule.apply(gradients, variables)
        file.add(f"{name}/gw{i}", gradients[0])
        file.add(f"{name}/gv{i}", gradients[1])
        file.add(f"{name}/w{i}", np.array(variables[0].value))
        file.add(f"{name}/v{i}", np.array(variables[1].value))
    if average:
        rule.finalize_variable_values(variables)
        file.add(f"{name}/average_w", np.array(variables[0].value))
        file.add(f"{name}/average_v", np.array(variables[1].value))


optimizer("sgd", O.SGD(0.1))
optimizer("sgd_momentum", O.SGD(0.1, momentum=0.9))
optimizer("sgd_nesterov", O.SGD(0.1, momentum=0.9, nesterov=True))
optimizer("adam", O.Adam(0.05))
# So large that it shows what it is added to.
optimizer("adam_epsilon", O.Adam(0.05, epsilon=0.01))
optimizer("adamw", O.AdamW(0.05, weight_decay=0.1))
optimizer("rmsprop", O.RMSprop(0.05))
optimizer("rmsprop_momentum", O.RMSprop(0.05, momentum=0.9))
optimizer("adagrad", O.Adagrad(0.1))
optimizer("adadelta", O.Adadelta(1.0))
optimizer("adamax", O.Adamax(0.05))
optimizer("nadam", O.Nadam(0.05))
optimizer("lion", O.Lion(0.05))
optimizer("lamb", O.Lamb(0.05))
optimizer("ftrl", O.Ftrl(0.1))
optimizer(
    "ftrl_options",
    O.Ftrl(
        0.1,
        learning_rate_power=-0.6,
        l1_regularization_strength=0.2,
        l2_regularization_strength=0.1,
        l2_shrinkage_regularization_strength=0.05,
        beta=0.3,
    ),
)
optimizer("adafactor", O.Adafactor(0.1))
optimizer("muon", O.Muon(0.05, weight_decay=None, adam_weight_decay=0.0))
optimizer("schedule_free_adamw", O.ScheduleFreeAdamW(0.05, warmup_steps=2))
optimizer("clip_value", O.SGD(0.1, clipvalue=0.4))
optimizer("clip_norm", O.SGD(0.1, clipnorm=1.0))
optimizer("global_clip_norm", O.SGD(0.1, global_clipnorm=1.0))
optimizer("weight_decay", O.Adam(0.05, weight_decay=0.1))
optimizer("gradient_accumulation", O.Adam(0.05, gradient_accumulation_steps=2), steps=5)
optimizer("moving_average", O.Adam(0.05, use_ema=True, ema_momentum=0.8), average=True)
optimizer("scheduled", O.Adam(S.ExponentialDecay(0.1, 2, 0.5)))


def schedule(name, function, greatest):
    steps = np.arange(0, 60, 3).astype("float32")
    file.add(f"schedule_{name}/steps", steps)
    file.add(f"schedule_{name}/factors", np.array([float(function(s)) / greatest for s in steps]))


schedule("piecewise", S.PiecewiseConstantDecay([9, 30], [0.1, 0.05, 0.02]), 0.1)
schedule("exponential", S.ExponentialDecay(0.1, 10, 0.8), 0.1)
schedule("exponential_stairs", S.ExponentialDecay(0.1, 10, 0.8, staircase=True), 0.1)
schedule("inverse_time", S.InverseTimeDecay(0.1, 10, 0.5), 0.1)
schedule("polynomial", S.PolynomialDecay(0.1, 30, 0.01, power=2.0), 0.1)
schedule("polynomial_cycle", S.PolynomialDecay(0.1, 20, 0.01, cycle=True), 0.1)
schedule("cosine", S.CosineDecay(0.1, 40, alpha=0.1), 0.1)
schedule("cosine_warmup", S.CosineDecay(0.02, 30, alpha=0.1, warmup_target=0.1, warmup_steps=10), 0.1)
schedule("cosine_restarts", S.CosineDecayRestarts(0.1, 8, t_mul=2.0, m_mul=0.8, alpha=0.05), 0.1)
schedule("cosine_restarts_even", S.CosineDecayRestarts(0.1, 8, t_mul=1.0, m_mul=0.9), 0.1)

file.write()
