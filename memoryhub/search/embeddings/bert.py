"""The sentence encoder as an ONNX graph with 8-bit weights, built from the packaged float weights.

BERT (Devlin et al. 2019) with 6 layers, mean pooling over the attention mask, and L2 norm.

Inputs ``input_ids`` and ``attention_mask``: int64 (texts, tokens), at most 256 tokens. Output
``embedding``: float32 (texts, 384), rows of length 1.

Weights are kept as 8-bit numbers with a scale for each 128 of them, and activations are brought to
8 bits likewise, each token on its own (the operator MatMulNBits). onnxruntime's plain dynamic
quantization has one scale for a whole batch: it is a third faster, but loses up to 4 % of the cosine
on single words, and moves a text's vector with the company that it has in its batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from .weights import MAX_TOKENS

Array: TypeAlias = npt.NDArray[Any]
Weights: TypeAlias = Callable[[str], Array]

LAYERS = 6
HEADS = 12
EPSILON = 1e-12
BLOCK = 128
LIMIT = 127
ZERO = 128
#: The level at which MatMulNBits multiplies 8-bit integers rather than floats.
INTEGER_ARITHMETIC = 4
CONTRIB = "com.microsoft"
OPSET, CONTRIB_OPSET, IR_VERSION = 20, 1, 9


def build(weights: Weights) -> ModelProto:
    """The model; ``weights`` gives the tensor of a name, one at a time so that little is in memory."""
    graph = Graph(weights)
    hidden = graph.embeddings()
    for number in range(LAYERS):
        hidden = graph.layer(f"encoder.layer.{number}", hidden)
    graph.pool(hidden)
    return graph.model()


def quantized_rows(table: Array) -> tuple[Array, Array]:
    """int8 (rows, columns) and float32 (rows, 1) scales of a float (rows, columns)."""
    scale = np.abs(table).max(axis=1, keepdims=True) / LIMIT
    return np.round(table / scale).astype(np.int8), scale.astype(np.float32)


def quantized_blocks(weight: Array) -> tuple[Array, Array]:
    """uint8 (rows, blocks, 128) around 128, and float32 (rows, blocks) scales, of a float (rows, columns)."""
    blocks = weight.reshape(len(weight), -1, BLOCK)
    scale = np.abs(blocks).max(axis=2) / LIMIT
    return (np.round(blocks / scale[..., None]) + ZERO).astype(np.uint8), scale.astype(np.float32)


class Graph:
    """Collects nodes and constants; every method returns the name of the tensor that it made."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, TensorProto] = {}

    def constant(self, name: str, value: Array) -> str:
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
        attended = self.linear(self.attention(f"{prefix}.attention", hidden), f"{prefix}.attention.output.dense")
        hidden = self.add_and_norm(hidden, attended, f"{prefix}.attention.output")
        wide = [self.linear(hidden, f"{prefix}.intermediate.dense"), self.weight(f"{prefix}.intermediate.dense.bias")]
        active = self.node("BiasGelu", wide, f"{prefix}.gelu", domain=CONTRIB)
        return self.add_and_norm(hidden, self.linear(active, f"{prefix}.output.dense"), f"{prefix}.output")

    def attention(self, prefix: str, hidden: str) -> str:
        parts = [f"{prefix}.self.{part}" for part in ("query", "key", "value")]
        joined = np.concatenate([self.weights(f"{part}.weight") for part in parts])
        bias = self.constant(f"{prefix}.bias", np.concatenate([self.weights(f"{part}.bias") for part in parts]))
        projected = self.product(hidden, joined, f"{prefix}.projected")
        self.nodes.append(helper.make_node("Split", [projected], parts, axis=-1, num_outputs=len(parts)))
        inputs = [*parts, bias, "mask"]
        return self.node("MultiHeadAttention", inputs, f"{prefix}.context", domain=CONTRIB, num_heads=HEADS)

    def add_and_norm(self, hidden: str, change: str, prefix: str) -> str:
        names = [f"{prefix}.LayerNorm.weight", f"{prefix}.LayerNorm.bias", f"{prefix}.dense.bias"]
        inputs = [hidden, change, *map(self.weight, names)]
        return self.node("SkipLayerNormalization", inputs, f"{prefix}.norm", domain=CONTRIB, epsilon=EPSILON)

    def linear(self, hidden: str, prefix: str) -> str:
        """Without the bias: the node that follows adds it, which saves one pass over the tensor."""
        return self.product(hidden, self.weights(f"{prefix}.weight"), f"{prefix}.product")

    def product(self, hidden: str, weight: Array, name: str) -> str:
        """``hidden @ weight.T`` in 8-bit integers."""
        values, scale = quantized_blocks(weight)
        inputs = [hidden, self.constant(f"{name}.weight", values), self.constant(f"{name}.scale", scale)]
        rows, columns = weight.shape
        form = {"N": rows, "K": columns, "bits": 8, "block_size": BLOCK, "accuracy_level": INTEGER_ARITHMETIC}
        return self.node("MatMulNBits", inputs, name, domain=CONTRIB, **form)

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
