"""PyTorch, eager, with fused optimizers; images with channels last."""
import torch
from torch import nn
from torch.nn import functional as F

import shapes as S

VERSION = f"torch {torch.__version__}"


class Functional(nn.Module):
    """A model of named weights."""

    def __init__(self, name):
        super().__init__()
        self.name = name
        self.w = nn.ParameterDict()
        for key, value in S.weights(name).items():
            value = torch.from_numpy(value)
            if value.ndim == 4:
                value = value.permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)
            elif value.ndim == 2 and key not in ("emb", "tok", "pos"):
                value = value.t().contiguous()
            self.w[key] = value
        keys = [key[:-1] for key in self.w if key.endswith("g")] if name == "W8" else []
        for key in keys:
            size = len(self.w[key + "g"])
            self.register_buffer(key + "m", torch.zeros(size))
            self.register_buffer(key + "v", torch.ones(size))
        if name == "W6":
            self.lstm = nn.LSTM(S.WIDTH, S.UNITS)
            first = self.lstm
            first.weight_ih_l0.data, first.weight_hh_l0.data = self.w.pop("wx").data, self.w.pop("wh").data
            first.bias_ih_l0.data = self.w.pop("lb").data
            first.bias_hh_l0.data.zero_()

    def dense(self, h, key):
        return F.linear(h, self.w[key + "w"], self.w[key + "b"])

    def conv(self, h, key, stride=1, padding=0):
        bias = self.w[key + "b"] if key + "b" in self.w else None
        return F.conv2d(h, self.w[key + "w"], bias, stride, padding)

    def gpt(self, x):
        w, shape = self.w, (S.MODEL,)
        h = F.embedding(x, w["tok"]) + w["pos"]
        for i in range(S.LAYERS):
            linear = lambda h, key: F.linear(h, w[f"l{i}w{key}"], w[f"l{i}b{key}"])
            norm = lambda h, key: F.layer_norm(h, shape, w[f"l{i}{key}g"], w[f"l{i}{key}b"], S.NORM_EPSILON)
            parts = linear(norm(h, "n1"), "qkv").view(len(x), S.SEQUENCE, 3, S.HEADS, -1).permute(2, 0, 3, 1, 4)
            mixed = F.scaled_dot_product_attention(*parts, is_causal=True).transpose(1, 2).reshape(h.shape)
            h = h + linear(mixed, "o")
            h = h + linear(F.gelu(linear(norm(h, "n2"), "1"), approximate="tanh"), "2")
        return F.linear(F.layer_norm(h, shape, w["nfg"], w["nfb"], S.NORM_EPSILON), w["head"])

    def resnet(self, x):
        def norm(h, key):
            mean, variance = getattr(self, key + "m"), getattr(self, key + "v")
            scale, shift = self.w[key + "g"], self.w[key + "b"]
            return F.batch_norm(h, mean, variance, scale, shift, True, 0.1, S.NORM_EPSILON)
        h = F.relu(norm(self.conv(x, "c0", 1, 1), "n0"))
        for i, (_, stride) in enumerate(S.BLOCKS):
            a = F.relu(norm(self.conv(h, f"k{i}a", stride, 1), f"k{i}na"))
            a = norm(self.conv(a, f"k{i}b", 1, 1), f"k{i}nb")
            h = F.relu(a + (self.conv(h, f"k{i}p", stride) if f"k{i}pw" in self.w else h))
        return h.mean((2, 3))

    def forward(self, x):
        if self.name in ("W1", "W5"):
            return self.dense(F.relu(self.dense(x, "d1")), "d2")
        if self.name in ("W2", "W3"):
            for key in ("c1", "c2"):
                x = F.max_pool2d(F.relu(self.conv(x, key)), 2)
            if self.name == "W2":
                x = F.relu(self.conv(x, "c3"))
            return self.dense(F.relu(self.dense(x.flatten(1), "d1")), "d2")
        if self.name == "W7":
            return self.gpt(x)
        if self.name == "W6":
            x = self.lstm(F.embedding(x.t(), self.w["emb"]))[1][0][0]
        if self.name == "W8":
            x = self.resnet(x)
        return self.dense(x, "d1")


def loss(name, output, y):
    if name == "W4":
        return F.mse_loss(output, y)
    if name in ("W5", "W6"):
        return F.binary_cross_entropy_with_logits(output, y)
    return F.cross_entropy(output.flatten(0, -2), y.flatten())


class Training:
    steps_per_call = 1

    def __init__(self, name, variant, threads):
        torch.set_num_threads(threads)
        self.model, self.name, self.count = Functional(name).train(), name, 0
        if variant == "compile":
            self.model = torch.compile(self.model)
        weights = self.model.parameters()
        adam = dict(lr=S.RATE, betas=(S.BETA1, S.BETA2), eps=S.EPSILON, fused=True)
        self.optimizer = {
            "W4": lambda: torch.optim.SGD(weights, S.SGD_RATE, fused=True),
            "W8": lambda: torch.optim.SGD(weights, S.SGD_RATE, momentum=0.9, fused=True),
            "W7": lambda: torch.optim.AdamW(weights, weight_decay=S.DECAY, **adam),
        }.get(name, lambda: torch.optim.Adam(weights, **adam))()
        self.batches = []
        for x, y in S.batches(name):
            x, y = torch.from_numpy(x), torch.from_numpy(y)
            if x.ndim == 4:
                x = x.permute(0, 3, 1, 2)
            self.batches.append(tuple(v.long() if v.dtype == torch.int32 else v for v in (x, y)))

    def step(self):
        x, y = self.batches[self.count % S.BATCHES]
        self.count += 1
        self.optimizer.zero_grad()
        self.value = loss(self.name, self.model(x), y)
        self.value.backward()
        self.optimizer.step()

    def wait(self):
        return float(self.value.detach())
