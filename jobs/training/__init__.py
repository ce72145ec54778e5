"""From corpus to adapter: base model, chat view, LoRA training."""
