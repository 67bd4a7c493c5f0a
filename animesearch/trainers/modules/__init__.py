"""Networks and layers that architectures are composed of; these modules import torch."""
