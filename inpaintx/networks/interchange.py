"""G as other programs take it: ONNX, and PyTorch's own exported programs."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor
from torch.export import Dim

from inpaintx.atomic import atomic_file
from inpaintx.errors import InpaintxError
from inpaintx.networks.base import Generator

OPSET = 18
_ANY_NUMBER = ({0: Dim("batch")},)


def write_torch_export(generator: Generator, path: Path) -> None:
    """Writes G as what :func:`torch.export.load` reads.

    Its graph takes codes ``[B, nz]``, of any number from 1 on, and gives images ``[B, C, size, size]`` in
    [−1, 1]; both are float32.
    """
    whole = io.BytesIO()
    program = torch.export.export(generator.eval(), (_codes(generator),), dynamic_shapes=_ANY_NUMBER)
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # files' names on this machine
    torch.export.save(program, whole)
    with atomic_file(path) as file:
        file.write(whole.getvalue())


def write_onnx(generator: Generator, path: Path) -> None:
    """Writes G as one ONNX file, weights inside: ``codes`` in, ``images`` out, as :func:`write_torch_export`.

    Raises:
        InpaintxError: the packages for it are not installed.
    """
    try:
        import onnxscript  # noqa: F401 (what torch writes ONNX by)
    except ImportError as error:
        raise InpaintxError("ONNX is not installed; pip install 'inpaintx[onnx]'") from error
    with _quiet():
        program = torch.onnx.export(
            generator.eval(),
            (_codes(generator),),
            opset_version=OPSET,
            input_names=["codes"],
            output_names=["images"],
            dynamic_shapes=_ANY_NUMBER,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    for node in model.graph.node:
        del node.metadata_props[:]  # files' names on this machine, too
    with atomic_file(path) as file:
        file.write(model.SerializeToString())


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what torch says of its own plans, and of packages that are not needed."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _codes(generator: Generator) -> Tensor:
    return generator.sample_codes(2, torch.Generator().manual_seed(0))
