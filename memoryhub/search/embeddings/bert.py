"""The sentence encoder as an ONNX graph with 8-bit weights, built from the packaged float weights.

BERT (Devlin et al. 2019) with 6 layers, mean pooling over the attention mask, and L2 norm.

Inputs ``input_ids`` and ``attention_mask``: int64 (texts, tokens), at most 256 tokens. Output
``embedding``: float32 (texts, 384), rows of length 1.

Weights are kept as 8-bit numbers with a scale for each row, and activations are brought to 8 bits when
they arrive, each token with a scale of its own; the products are exact integers. onnxruntime's plain dynamic
quantization has one scale for a whole batch: it loses up to 4 % of the cosine on single words, and moves a
text's vector with the company that it has in its batch. A few channels of the hidden state are many
times as large as the others in some tokens; they are made smaller, and their weights larger, before
the 8 bits are made (Xiao et al. 2023, *SmoothQuant*). MatMulNBits, with a scale for every 128 weights, is as
near to the float model and takes half as long again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from .weights import MAX_TOKENS

Array: TypeAlias = npt.NDArray[Any]
Weights: TypeAlias = Callable[[str], Array]

LAYERS = 6
HEADS = 12
EPSILON = 1e-12
LIMIT, LIMIT_OF_POSITIVE = 127, 255
ZERO = 128
#: Channels that reach 30 where others reach 3, and what they are divided by. Measured on English conversation; whatever
#: stands here moves only rounding, because the weights are multiplied by it.
LOUD = {99: 4, 63: 2, 157: 2, 223: 2}
#: GELU gives nothing below -0.17; lifted by this its outputs are positive and use all of the 8 bits.
GELU_LIFT = np.float32(0.17)
CONTRIB = "com.microsoft"
OPSET, CONTRIB_OPSET, IR_VERSION = 20, 1, 9


def build(weights: Weights, *, signed: bool = True) -> ModelProto:
    """The model; ``weights`` gives the tensor of a name, one at a time so that little is in memory.

    ``signed``: how weights are written down, which moves no vector. Signed ones are a third faster, but
    x86 processors without VNNI instructions cut their sums off at 16 bits.
    """
    graph = Graph(weights, signed=signed)
    hidden = graph.embeddings()
    for number in range(LAYERS):
        hidden = graph.layer(f"encoder.layer.{number}", hidden)
    graph.pool(hidden)
    return graph.model()


def quantized_rows(table: Array) -> tuple[Array, Array]:
    """int8 (rows, columns) and float32 (rows, 1) scales of a float (rows, columns)."""
    scale = np.abs(table).max(axis=1, keepdims=True) / LIMIT
    return np.round(table / scale).astype(np.int8), scale.astype(np.float32)


def quantized_columns(weight: Array, *, signed: bool) -> tuple[Array, Array]:
    """8-bit (columns, rows), around 128 unless signed, and float32 (rows,) scales, of a float (rows, columns)."""
    values, scale = quantized_rows(weight)
    return (values if signed else (values.astype(np.int16) + ZERO).astype(np.uint8)).T, scale[:, 0]


def loudness(channels: int) -> Array:
    factors = np.ones(channels, dtype=np.float32)
    factors[list(LOUD)] = list(LOUD.values())
    return factors


class Activations(NamedTuple):
    """A tensor in 8 bits, by the names of its parts: ``(bits - origin) * step * largest``, ``largest`` a token's."""

    bits: str
    largest: str
    step: str
    origin: str


class Graph:
    """Collects nodes and constants; every method returns the name of the tensor that it made."""

    def __init__(self, weights: Weights, *, signed: bool) -> None:
        self.weights = weights
        self.signed = signed
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, TensorProto] = {}

    def constant(self, name: str, value: Array | np.generic) -> str:
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def node(self, op: str, inputs: list[str], output: str, *, domain: str = "", **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, domain=domain, **attributes))
        return output

    def weight(self, name: str) -> str:
        return self.constant(name, self.weights(name))

    def axis(self, number: int) -> str:
        return self.constant(f"axis_{number}", np.array([number]))

    def embeddings(self) -> str:
        self.node("Cast", ["attention_mask"], "mask", to=TensorProto.INT32)
        inputs = [self.node("Add", [self.words(), self.positions()], "embeddings.sum")]
        inputs += map(self.weight, ("embeddings.LayerNorm.weight", "embeddings.LayerNorm.bias"))
        return self.node("LayerNormalization", inputs, "embeddings", axis=-1, epsilon=EPSILON)

    def words(self) -> str:
        values, scale = quantized_rows(self.weights("embeddings.word_embeddings.weight"))
        rows = self.node("Gather", [self.constant("words.int8", values), "input_ids"], "words.rows")
        scales = self.node("Gather", [self.constant("words.scale", scale), "input_ids"], "words.scales")
        return self.node("Mul", [self.node("Cast", [rows], "words.float", to=TensorProto.FLOAT), scales], "words")

    def positions(self) -> str:
        # every token is of segment 0, so its vector is added here once for all
        segment = self.weights("embeddings.token_type_embeddings.weight")[0]
        table = self.weights("embeddings.position_embeddings.weight")[:MAX_TOKENS] + segment
        length = self.node("Shape", ["input_ids"], "length", start=1, end=2)
        inputs = [self.constant("positions.table", table), self.axis(0), length, self.axis(0)]
        return self.node("Slice", inputs, "positions")

    def layer(self, prefix: str, hidden: str) -> str:
        # biases are added by the nodes that follow, which saves one pass over each tensor
        context = self.eight_bits(self.attention(f"{prefix}.attention", self.quieted(hidden)))
        name = f"{prefix}.attention.output"
        attended = self.product(context, self.weights(f"{name}.dense.weight"), f"{name}.product")
        hidden = self.add_and_norm(hidden, attended, name, self.weight(f"{name}.dense.bias"))
        name = f"{prefix}.intermediate.dense"
        wide = self.product(self.eight_bits(self.quieted(hidden)), self.loud(f"{name}.weight"), f"{name}.product")
        active = self.node("BiasGelu", [wide, self.weight(f"{name}.bias")], f"{prefix}.gelu", domain=CONTRIB)
        return self.narrowed(f"{prefix}.output", hidden, active)

    def narrowed(self, prefix: str, hidden: str, active: str) -> str:
        weight = self.weights(f"{prefix}.dense.weight")
        values, scale = quantized_rows(weight)
        lift = GELU_LIFT * (values.sum(axis=1, dtype=np.float32) * scale[:, 0])
        bias = self.constant(f"{prefix}.dense.bias", self.weights(f"{prefix}.dense.bias") - lift)
        change = self.product(self.eight_bits_of_gelu(active), weight, f"{prefix}.product")
        return self.add_and_norm(hidden, change, prefix, bias)

    def attention(self, prefix: str, hidden: str) -> str:
        parts = [f"{prefix}.self.{part}" for part in ("query", "key", "value")]
        joined = np.concatenate([self.loud(f"{part}.weight") for part in parts])
        bias = self.constant(f"{prefix}.bias", np.concatenate([self.weights(f"{part}.bias") for part in parts]))
        projected = self.product(self.eight_bits(hidden), joined, f"{prefix}.projected")
        self.nodes.append(helper.make_node("Split", [projected], parts, axis=-1, num_outputs=len(parts)))
        inputs = [*parts, bias, "mask"]
        return self.node("MultiHeadAttention", inputs, f"{prefix}.context", domain=CONTRIB, num_heads=HEADS)

    def add_and_norm(self, hidden: str, change: str, prefix: str, bias: str) -> str:
        inputs = [hidden, change, *map(self.weight, (f"{prefix}.LayerNorm.weight", f"{prefix}.LayerNorm.bias")), bias]
        return self.node("SkipLayerNormalization", inputs, f"{prefix}.norm", domain=CONTRIB, epsilon=EPSILON)

    def quieted(self, hidden: str) -> str:
        factors = 1 / loudness(len(self.weights("embeddings.LayerNorm.bias")))
        return self.node("Mul", [hidden, self.constant("quiet", factors)], f"{hidden}.quiet")

    def loud(self, name: str) -> Array:
        """The weights for a quieted tensor."""
        weight = self.weights(name)
        return np.asarray(weight * loudness(weight.shape[1]))

    def eight_bits(self, hidden: str) -> Activations:
        magnitude = self.node("Abs", [hidden], f"{hidden}.magnitude")
        return self.scaled(hidden, magnitude, LIMIT, ZERO)

    def eight_bits_of_gelu(self, active: str) -> Activations:
        lifted = self.node("Add", [active, self.constant("gelu.lift", GELU_LIFT)], f"{active}.lifted")
        return self.scaled(lifted, lifted, LIMIT_OF_POSITIVE, 0)

    def scaled(self, hidden: str, magnitude: str, limit: int, zero: int) -> Activations:
        largest = self.node("ReduceMax", [magnitude, self.axis(-1)], f"{hidden}.largest", keepdims=1)
        unit = self.node("Div", [hidden, largest], f"{hidden}.unit")
        step = self.constant(f"step_{limit}", np.float32(1 / limit))
        origin = self.constant(f"zero_{zero}", np.uint8(zero))
        return Activations(self.node("QuantizeLinear", [unit, step, origin], f"{hidden}.bits"), largest, step, origin)

    def product(self, activations: Activations, weight: Array, name: str) -> str:
        """``activations @ weight.T`` in 8-bit integers, and back to floats."""
        values, scale = quantized_columns(weight, signed=self.signed)
        origin = self.constant("weights.zero", np.int8(0) if self.signed else np.uint8(ZERO))
        columns = [self.constant(f"{name}.weight", values), activations.step, self.constant(f"{name}.scale", scale)]
        inputs = [activations.bits, *columns, activations.origin, origin]
        product = self.node("MatMulIntegerToFloat", inputs, f"{name}.unit", domain=CONTRIB)
        return self.node("Mul", [product, activations.largest], name)

    def pool(self, hidden: str) -> str:
        # the sum does for the mean: the norm brings both to the same vector
        mask = self.node("Cast", ["attention_mask"], "mask.float", to=TensorProto.FLOAT)
        kept = self.node("Mul", [hidden, self.node("Unsqueeze", [mask, self.axis(2)], "mask.column")], "kept")
        total = self.node("ReduceSum", [kept, self.axis(1)], "total", keepdims=0)
        return self.node("LpNormalization", [total], "embedding", axis=-1, p=2)

    def model(self) -> ModelProto:
        names = ("input_ids", "attention_mask")
        inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["texts", "tokens"]) for name in names]
        output = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["texts", None])
        constants = list(self.constants.values())
        graph = helper.make_graph(self.nodes, "sentence-encoder", inputs, [output], constants)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, CONTRIB_OPSET)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
