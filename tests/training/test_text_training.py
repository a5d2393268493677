"""Training on texts."""

from __future__ import annotations

import torch
from sentences import sentences
from setups import setup_of_texts

from neuralfinder.networks.genome import parse
from neuralfinder.seeds import torch_seed
from neuralfinder.training.build import build
from neuralfinder.training.train import train
from neuralfinder.types import Fidelity


def test_a_small_network_learns_texts():
    setup = setup_of_texts(*sentences(200))
    with torch_seed(0):
        network = build(parse("C32 > GM.d50"), setup.shape, 2)
        assert train(network, setup, Fidelity(8), 0).score == 1.0


def test_moved_embeddings_come_back():
    """The second gradient is taken elsewhere, and counts; the embedding itself only takes the step."""
    from neuralfinder.training.train import gradients

    setup = setup_of_texts(*sentences(60))
    with torch_seed(0):
        network = build(parse("C8 > GM"), setup.shape, 2)
    embedding = network.get_parameter("words.weight")
    before = embedding.detach().clone()
    batch, labels = setup.train.pictures[:8], setup.train.labels[:8]
    gradients(network, setup, batch, labels)
    assert torch.equal(embedding, before)
    twice = embedding.grad.clone()
    network.zero_grad()
    torch.nn.functional.cross_entropy(network(batch), labels).backward()
    assert twice.norm() > 1.05 * embedding.grad.norm()
