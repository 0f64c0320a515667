"""Fine-tuning a trained model end to end, together with its backbones."""
