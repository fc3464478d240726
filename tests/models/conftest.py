import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """As the trainer does: tiny tensors gain nothing from threads, and results do not depend on their number."""
    torch.set_num_threads(1)
