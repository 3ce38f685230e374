"""Models that are no chain, written with the public contract of a layer only."""

import nnmat_kernels as k
from nnmat import Layer, Linear, Parameter, Tanh


class Added(Layer):
    """Y = F1(X1) + F2(X2): gX1 = F1.backward(G), gX2 = F2.backward(G)."""

    def __init__(self, width):
        super().__init__()
        self.first, self.second = Linear(None, width), Linear(None, width)

    def config(self):
        return {"width": self.first.out_features}

    def output_shape(self, input_shape):
        (shape1, shape2) = input_shape
        self.second.output_shape(shape2)
        return self.first.output_shape(shape1)

    def named_children(self):
        return [("first", self.first), ("second", self.second)]

    def child_shapes(self, input_shape):
        return list(input_shape)

    def forward(self, X, call):
        return self.first.forward(X[0], call) + self.second.forward(X[1], call)

    def backward(self, G, call):
        gX1 = self.first.backward(G, call, input_gradient=call.wants_input)
        gX2 = self.second.backward(G, call, input_gradient=call.wants_input)
        return gX1, gX2


class Transposed(Layer):
    """Y = X W for a weight W (M, N) that belongs to another layer: gW = Xᵀ G, gX = G Wᵀ."""

    def __init__(self, weight: Parameter):
        super().__init__()
        self.weight = weight

    def output_shape(self, input_shape):
        return self.weight.shape[1:]

    def own_parameters(self):
        return [self.weight]

    def forward(self, X, call):
        call.keep(X=X)
        return k.matmul(X, self.weight.value)

    def backward(self, G, call):
        if gW := call.into(self.weight):
            k.matmul(call.X, G, transpose_a=True, out=gW.out, accumulate=gW.accumulate)
        return k.matmul(G, self.weight.value, transpose_b=True)


class TiedAutoencoder(Layer):
    """Y = tanh(X Wᵀ + 1bᵀ) W: one weight at two places, its gradient the sum of two terms."""

    def __init__(self, hidden):
        super().__init__()
        self.encode, self.activation = Linear(None, hidden), Tanh()
        self.decode = Transposed(self.encode.weight)

    def config(self):
        return {"hidden": self.encode.out_features}

    def output_shape(self, input_shape):
        self.encode.output_shape(input_shape)
        return input_shape

    def named_children(self):
        return [("encode", self.encode), ("activation", self.activation), ("decode", self.decode)]

    def child_shapes(self, input_shape):
        hidden = (self.encode.out_features,)
        return [input_shape, hidden, hidden]

    def forward(self, X, call):
        for layer in self.children():
            X = layer.forward(X, call)
        return X

    def backward(self, G, call):
        G = self.decode.backward(G, call)
        G = self.activation.backward(G, call)
        return self.encode.backward(G, call, input_gradient=call.wants_input)


class Sandwich(Layer):
    """Y = F(X Wᵀ) W with a W of its own, which a layer inside it uses too."""

    def __init__(self, width):
        super().__init__()
        self.weight, self.width = Parameter("weight"), width
        self.inner, self.decode = Linear(width, width), Transposed(self.weight)

    def config(self):
        return {"width": self.width}

    def output_shape(self, input_shape):
        return input_shape

    def own_parameters(self):
        return [self.weight]

    def declare(self, input_shape, rng):
        self.weight.declare((self.width, *input_shape), lambda rng, shape: rng.standard_normal(shape))

    def named_children(self):
        return [("inner", self.inner), ("decode", self.decode)]

    def child_shapes(self, input_shape):
        return [(self.width,), (self.width,)]

    def forward(self, X, call):
        call.keep(X=X)
        H = k.matmul(X, self.weight.value, transpose_b=True)
        return self.decode.forward(self.inner.forward(H, call), call)

    def backward(self, G, call):
        gZ = self.decode.backward(G, call)
        gH = self.inner.backward(gZ, call)
        if gW := call.into(self.weight):
            k.matmul(gH, call.X, transpose_a=True, out=gW.out, accumulate=gW.accumulate)
        return k.matmul(gH, self.weight.value)
