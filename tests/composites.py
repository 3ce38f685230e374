"""Two models that are no chain, written with the public contract of a layer only."""

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

    def _parts(self):
        return [self.first, self.second]

    def _children(self, input_shape):
        return [("first", self.first, input_shape[0]), ("second", self.second, input_shape[1])]

    def _forward(self, X, training, record):
        if record:
            self._recorded = True
        return self.first.forward(X[0], training, record) + self.second.forward(X[1], training, record)

    def _backward(self, G, accumulate, parameters, input_gradient):
        gX1 = self.first.backward(G, accumulate, parameters, input_gradient)
        gX2 = self.second.backward(G, accumulate, parameters, input_gradient)
        return (gX1, gX2) if input_gradient else None


class Transposed(Layer):
    """Y = X W for a weight W (M, N) that belongs to another layer: gW = Xᵀ G, gX = G Wᵀ."""

    def __init__(self, weight: Parameter):
        super().__init__()
        self.weight = weight

    def output_shape(self, input_shape):
        return self.weight.shape[1:]

    def _own_parameters(self):
        return [self.weight]

    def _forward(self, X, training, record):
        if record:
            self._recorded = X
        return k.matmul(X, self.weight.value)

    def _backward(self, G, accumulate, parameters, input_gradient):
        if parameters:
            k.matmul(self._recorded, G, transpose_a=True, out=self.weight.grad, accumulate=accumulate)
        return k.matmul(G, self.weight.value, transpose_b=True) if input_gradient else None


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

    def _parts(self):
        return [self.encode, self.activation, self.decode]

    def _children(self, input_shape):
        hidden = (self.encode.out_features,)
        return [
            ("encode", self.encode, input_shape),
            ("activation", self.activation, hidden),
            ("decode", self.decode, hidden),
        ]

    def _forward(self, X, training, record):
        if record:
            self._recorded = True
        for layer in self._parts():
            X = layer.forward(X, training, record)
        return X

    def _backward(self, G, accumulate, parameters, input_gradient):
        G = self.decode.backward(G, accumulate, parameters)
        G = self.activation.backward(G, accumulate, parameters)
        return self.encode.backward(G, accumulate, parameters, input_gradient)
