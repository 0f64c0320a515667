"""How a backbone is fine-tuned: one module per backbone that can be, of the same name."""
