"""The workloads W1 to W8 for every framework: shapes, hyper-parameters, data and first weights (float32)."""
import numpy as np

BATCHES = 8  # rotated through
RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-8
DECAY = 0.01  # AdamW, W7
SGD_RATE = 0.01  # W4; W8 with momentum 0.9
NORM_EPSILON = 1e-5
WORDS, WIDTH, UNITS, TIME = 10_000, 64, 128, 80  # W6
VOCABULARY, MODEL, LAYERS, HEADS, SEQUENCE = 96, 128, 4, 4, 128  # W7
BLOCKS = ((32, 1), (64, 2), (128, 2))  # W8: channels and stride
CLASSES = 10
INPUT = dict(W1=(64, 784), W2=(64, 28, 28, 1), W3=(64, 32, 32, 3), W4=(2, 2), W5=(10, 8),
             W6=(32, TIME), W7=(16, SEQUENCE), W8=(32, 32, 32, 3))


def batches(name):
    random = np.random.default_rng(1)
    normal = lambda shape: random.standard_normal(shape).astype(np.float32)
    whole = lambda below, shape: random.integers(0, below, shape).astype(np.int32)
    shape = INPUT[name]
    rows = shape[0]
    for _ in range(BATCHES):
        x = {"W6": lambda: whole(WORDS, shape), "W7": lambda: whole(VOCABULARY, shape)}.get(name, lambda: normal(shape))()
        y = {"W4": lambda: normal((rows, 1)), "W7": lambda: whole(VOCABULARY, shape),
             "W5": lambda: whole(2, (rows, 1)).astype(np.float32),
             "W6": lambda: whole(2, (rows, 1)).astype(np.float32)}.get(name, lambda: whole(CLASSES, (rows,)))()
        yield x, y


def weights(name):
    """Name to array: dense [in, out], convolutions [height, width, in, out], gates of the LSTM i, f, g, o."""
    random = np.random.default_rng(2)
    w = {}

    def normal(key, shape, stddev):
        w[key] = (random.standard_normal(shape) * stddev).astype(np.float32)

    def full(key, size, value):
        w[key] = np.full(size, value, np.float32)

    def dense(key, rows, columns):
        normal(key + "w", (rows, columns), rows ** -0.5)
        full(key + "b", columns, 0)

    def conv(key, size, channels, filters, bias=True):
        normal(key + "w", (size, size, channels, filters), (2 / (size * size * channels)) ** 0.5)
        if bias:
            full(key + "b", filters, 0)

    if name in ("W1", "W5"):
        a, b, c = (784, 128, 10) if name == "W1" else (8, 10, 1)
        dense("d1", a, b), dense("d2", b, c)
    elif name in ("W2", "W3"):
        conv("c1", 3, INPUT[name][3], 32), conv("c2", 3, 32, 64)
        if name == "W2":
            conv("c3", 3, 64, 64)
        dense("d1", 576 if name == "W2" else 2304, 64), dense("d2", 64, CLASSES)
    elif name == "W4":
        dense("d1", 2, 1)
    elif name == "W6":
        normal("emb", (WORDS, WIDTH), 0.05)
        normal("wx", (WIDTH, 4 * UNITS), WIDTH ** -0.5)
        normal("wh", (UNITS, 4 * UNITS), UNITS ** -0.5)
        full("lb", 4 * UNITS, 0), dense("d1", UNITS, 1)
    elif name == "W7":
        normal("tok", (VOCABULARY, MODEL), 0.02), normal("pos", (SEQUENCE, MODEL), 0.02)
        for i in range(LAYERS):
            for key, rows, columns in (("qkv", MODEL, 3 * MODEL), ("o", MODEL, MODEL),
                                       ("1", MODEL, 4 * MODEL), ("2", 4 * MODEL, MODEL)):
                normal(f"l{i}w{key}", (rows, columns), 0.02), full(f"l{i}b{key}", columns, 0)
            for key in ("n1", "n2"):
                full(f"l{i}{key}g", MODEL, 1), full(f"l{i}{key}b", MODEL, 0)
        full("nfg", MODEL, 1), full("nfb", MODEL, 0), normal("head", (MODEL, VOCABULARY), 0.02)
    else:
        conv("c0", 3, 3, 32, False), full("n0g", 32, 1), full("n0b", 32, 0)
        channels = 32
        for i, (filters, stride) in enumerate(BLOCKS):
            conv(f"k{i}a", 3, channels, filters, False), conv(f"k{i}b", 3, filters, filters, False)
            for key in ("na", "nb"):
                full(f"k{i}{key}g", filters, 1), full(f"k{i}{key}b", filters, 0)
            if stride != 1 or channels != filters:
                conv(f"k{i}p", 1, channels, filters, False)
            channels = filters
        dense("d1", 128, CLASSES)
    return w
