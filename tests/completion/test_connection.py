"""Addresses of clusters: what is none, and where nobody listens, is said at once."""

import os
import socket

import pytest

from inpaintx.completion.connection import Cluster, connected
from inpaintx.errors import InpaintxError

pytest.importorskip("ray.data", reason="the extra 'ray' is not installed")
pytestmark = pytest.mark.slow  # Ray's import


@pytest.mark.parametrize("address", ["", "here", "ray://head", "head:", ":6379", "head:port"])
def test_what_is_no_address_is_said(address: str) -> None:
    with (
        pytest.raises(
            InpaintxError, match=r"^no address of a Ray cluster: .*; give local, auto or HOST:PORT$"
        ),
        connected(Cluster(address)),
    ):
        pass


def test_where_nobody_listens_is_said_and_the_environment_is_as_it_was() -> None:
    before = dict(os.environ)
    with socket.socket() as bound:  # and deaf
        bound.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        with (
            pytest.raises(InpaintxError, match=f"^no Ray cluster at {address}: "),
            connected(Cluster(address)),
        ):
            pass
    assert dict(os.environ) == before
