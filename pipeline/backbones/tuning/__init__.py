"""How backbones are tuned: one module per backbone that can be, of the same name."""
