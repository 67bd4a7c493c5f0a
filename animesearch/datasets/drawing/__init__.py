"""A deterministic drawer of anime-style faces: one integer pair (seed, index), one image."""
