"""What backbones share: interface, weights, blocks, batching, views."""
