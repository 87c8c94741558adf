"""One thread, set before torch is imported: two threads on two busy cores make small networks ten times slower."""

import os

import pytest

os.environ.setdefault("OMP_NUM_THREADS", os.environ.get("LECTURES_THREADS", "1"))
os.environ.setdefault("TQDM_DISABLE", "1")


@pytest.fixture(autouse=True)
def the_same_initial_weights_each_time():
    """Networks draw their first weights from torch's global generator: a test must not depend on its neighbours."""
    import torch

    torch.manual_seed(0)
