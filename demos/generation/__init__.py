"""What the sections of the generation tab are made of: WaveNet, PixelCNN, the receptive field."""
