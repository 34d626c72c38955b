"""The devices that tests meet, and the word for it: ``@each_device`` above a test."""

import pytest
import torch

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]

#: The test meets each device that this machine has, and its models are there (``tests/conftest.py``).
each_device = pytest.mark.usefixtures("device")
#: For what only a machine with several GPUs shows.
second_card = pytest.mark.skipif(torch.cuda.device_count() < 2, reason="this machine has no second GPU")
