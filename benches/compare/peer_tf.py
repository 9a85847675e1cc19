"""TensorFlow: one `tf.function` with the fused optimizer ops; `jit` compiles it by XLA."""
import tensorflow as tf

import shapes as S

VERSION = f"tensorflow {tf.__version__}"


def norm(x, scale, shift):
    mean, variance = tf.nn.moments(x, [-1], keepdims=True)
    return (x - mean) * tf.math.rsqrt(variance + S.NORM_EPSILON) * scale + shift


class Training:
    steps_per_call = 1

    def __init__(self, name, variant, threads):
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        self.name, self.count = name, 0
        self.w = {key: tf.Variable(value) for key, value in S.weights(name).items()}
        zeros = lambda: [tf.Variable(tf.zeros_like(w)) for w in self.w.values()]
        self.m, self.v = zeros(), zeros()
        self.powers = tf.Variable(S.BETA1), tf.Variable(S.BETA2)
        self.state = {}
        for key, value in self.w.items():
            if name == "W8" and key.endswith("g"):
                self.state[key[:-1] + "m"] = tf.Variable(tf.zeros_like(value))
                self.state[key[:-1] + "v"] = tf.Variable(tf.ones_like(value))
        self.batches = [(tf.constant(x), tf.constant(y)) for x, y in S.batches(name)]
        self.run = tf.function(self.trained, jit_compile=True if variant == "jit" else None)

    def dense(self, h, key):
        return tf.nn.bias_add(tf.matmul(h, self.w[key + "w"]), self.w[key + "b"])

    def lstm(self, x):
        w, rows = self.w, x.shape[0]
        vectors = tf.reshape(tf.gather(w["emb"], tf.transpose(x)), [-1, S.WIDTH])
        projected = tf.reshape(tf.matmul(vectors, w["wx"]) + w["lb"], [S.TIME, rows, 4 * S.UNITS])
        projected = tf.TensorArray(tf.float32, S.TIME, element_shape=[rows, 4 * S.UNITS]).unstack(projected)

        def turn(t, h, c):
            i, f, g, o = tf.split(projected.read(t) + tf.matmul(h, w["wh"]), 4, -1)
            c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
            return t + 1, tf.sigmoid(o) * tf.tanh(c), c
        zeros = tf.zeros([rows, S.UNITS])
        return tf.while_loop(lambda t, *_: t < S.TIME, turn, (0, zeros, zeros), maximum_iterations=S.TIME)[1]

    def gpt(self, x):
        rows, width = x.shape[0], S.MODEL // S.HEADS
        h = tf.gather(self.w["tok"], x) + self.w["pos"]
        hidden = -1e30 * (1 - tf.linalg.band_part(tf.ones([S.SEQUENCE, S.SEQUENCE]), -1, 0))
        flat = lambda h: tf.reshape(h, [-1, h.shape[-1]])
        for i in range(S.LAYERS):
            q = lambda key: self.w[f"l{i}{key}"]
            linear = lambda h, key: tf.reshape(
                tf.nn.bias_add(tf.matmul(flat(h), q("w" + key)), q("b" + key)), [rows, S.SEQUENCE, -1])
            parts = tf.reshape(linear(norm(h, q("n1g"), q("n1b")), "qkv"), [rows, S.SEQUENCE, 3, S.HEADS, width])
            query, key, value = tf.unstack(tf.transpose(parts, [2, 0, 3, 1, 4]))
            scores = tf.nn.softmax(tf.matmul(query, key, transpose_b=True) / width ** 0.5 + hidden)
            mixed = tf.transpose(tf.matmul(scores, value), [0, 2, 1, 3])
            h = h + linear(tf.reshape(mixed, h.shape), "o")
            h = h + linear(tf.nn.gelu(linear(norm(h, q("n2g"), q("n2b")), "1"), approximate=True), "2")
        output = tf.matmul(flat(norm(h, self.w["nfg"], self.w["nfb"])), self.w["head"])
        return tf.reshape(output, [rows, S.SEQUENCE, -1])

    def resnet(self, x):
        conv = lambda h, key, stride=1: tf.nn.conv2d(h, self.w[key + "w"], stride, "SAME")

        def batch_norm(h, key):
            h, mean, variance = tf.compat.v1.nn.fused_batch_norm(
                h, self.w[key + "g"], self.w[key + "b"], epsilon=S.NORM_EPSILON, is_training=True)
            for name, value in (("m", mean), ("v", variance)):
                self.state[key + name].assign(0.9 * self.state[key + name] + 0.1 * value)
            return h
        h = tf.nn.relu(batch_norm(conv(x, "c0"), "n0"))
        for i, (_, stride) in enumerate(S.BLOCKS):
            a = tf.nn.relu(batch_norm(conv(h, f"k{i}a", stride), f"k{i}na"))
            a = batch_norm(conv(a, f"k{i}b"), f"k{i}nb")
            h = tf.nn.relu(a + (conv(h, f"k{i}p", stride) if f"k{i}pw" in self.w else h))
        return tf.reduce_mean(h, [1, 2])

    def forward(self, x):
        if self.name in ("W1", "W5"):
            return self.dense(tf.nn.relu(self.dense(x, "d1")), "d2")
        if self.name in ("W2", "W3"):
            conv = lambda h, key: tf.nn.relu(
                tf.nn.bias_add(tf.nn.conv2d(h, self.w[key + "w"], 1, "VALID"), self.w[key + "b"]))
            for key in ("c1", "c2"):
                x = tf.nn.max_pool2d(conv(x, key), 2, 2, "VALID")
            if self.name == "W2":
                x = conv(x, "c3")
            return self.dense(tf.nn.relu(self.dense(tf.reshape(x, [x.shape[0], -1]), "d1")), "d2")
        if self.name == "W7":
            return self.gpt(x)
        if self.name in ("W6", "W8"):
            x = self.lstm(x) if self.name == "W6" else self.resnet(x)
        return self.dense(x, "d1")

    def loss(self, output, y):
        if self.name == "W4":
            return tf.reduce_mean(tf.square(output - y))
        if self.name in ("W5", "W6"):
            return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=output))
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=output))

    def trained(self, x, y):
        with tf.GradientTape() as tape:
            value = self.loss(self.forward(x), y)
        weights = list(self.w.values())
        for w, g, m, v in zip(weights, tape.gradient(value, weights), self.m, self.v):
            self.update(w, tf.convert_to_tensor(g), m, v)
        if self.name not in ("W4", "W8"):
            for power, beta in zip(self.powers, (S.BETA1, S.BETA2)):
                power.assign(power * beta)
        return value

    def update(self, w, g, m, v):
        ops = tf.raw_ops
        if self.name == "W4":
            ops.ResourceApplyGradientDescent(var=w.handle, alpha=S.SGD_RATE, delta=g)
        elif self.name == "W8":
            ops.ResourceApplyMomentum(var=w.handle, accum=m.handle, lr=S.SGD_RATE, grad=g, momentum=0.9)
        else:
            if self.name == "W7":
                w.assign(w * (1 - S.RATE * S.DECAY))
            ops.ResourceApplyAdam(var=w.handle, m=m.handle, v=v.handle, beta1_power=self.powers[0],
                                  beta2_power=self.powers[1], lr=S.RATE, beta1=S.BETA1, beta2=S.BETA2,
                                  epsilon=S.EPSILON, grad=g)

    def step(self):
        self.value = self.run(*self.batches[self.count % S.BATCHES])
        self.count += 1

    def wait(self):
        return float(self.value.numpy())
